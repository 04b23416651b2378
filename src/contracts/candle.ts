// Candles: OHLCV of one symbol, price kind and interval, as columns in the log. `open` until the
// watermark passes its end, then `final` (revision 0), then `revised` with a revision of 1, 2, …
// each time a late trade, correction or cancel changes it.

import { divide } from './decimal.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import { wideToBigInt } from './wide.ts';

/** What the candle is built from. Bid, ask and mid candles have no volume, notional or VWAP. */
export const priceKinds = ['trade', 'bid', 'ask', 'mid'] as const;
export type PriceKind = (typeof priceKinds)[number];

export const candleStates = ['open', 'final', 'revised'] as const;
export type CandleState = (typeof candleStates)[number];

/** Digits after the point of a VWAP; it is the one figure that has to round (half up). */
export const vwapScale = 8;

/** A candle's symbol in a batch, and the scales that all its rows of the batch are in. */
export interface CandleSymbol {
  readonly symbol: string;
  readonly priceScale: number;
  readonly sizeScale: number;
  /** The exchange calendar that its days follow. */
  readonly calendar: string;
}

/**
 * The columns of a candle, in the order of the log. The open and close keys make it mergeable, and
 * so do `priced` and `ranged`: of its trades, how many may set open and close, and high and low.
 * Where none may, those prices are of the trades that count to the volume only. A bar counts as one
 * that may; it adds nothing to `trades`, and where it has a volume the notional is NaN: not known.
 */
export const candleColumns = [
  'start',
  'open',
  'high',
  'low',
  'close',
  'openTime',
  'openId',
  'closeTime',
  'closeId',
  'volumeHigh',
  'volumeLow',
  'notionalHigh',
  'notionalLow',
  'trades',
  'priced',
  'ranged',
  'revision',
] as const;
export type CandleColumn = (typeof candleColumns)[number];

export interface CandleBatch extends Readonly<Record<CandleColumn, Float64Array>> {
  readonly count: number;
  readonly symbols: readonly CandleSymbol[];
  /** Index into `symbols`. */
  readonly symbol: Uint16Array;
  /** Index into `priceKinds`. */
  readonly price: Uint8Array;
  /** Index into `intervals`. */
  readonly interval: Uint8Array;
  /** Index into `candleStates`. */
  readonly state: Uint8Array;
  /** Latest receive time of what made these candles, microseconds. */
  readonly receiveTime: number;
}

interface CandleMeta {
  readonly symbols: readonly CandleSymbol[];
  readonly receiveTime: number;
}

export function encodeCandles(batch: CandleBatch): Uint8Array {
  const meta: CandleMeta = { symbols: batch.symbols, receiveTime: batch.receiveTime };
  return encodeFrame('candles', batch.count, meta, [
    ...candleColumns.map((column) => batch[column]),
    batch.symbol,
    batch.price,
    batch.interval,
    batch.state,
  ]);
}

export function decodeCandles(bytes: Uint8Array): CandleBatch {
  const frame = new FrameReader(bytes);
  const doubles = candleColumns.map((column) => [column, frame.column(Float64Array)]);
  return {
    ...(frame.meta as CandleMeta),
    ...(Object.fromEntries(doubles) as Record<CandleColumn, Float64Array>),
    count: frame.count,
    symbol: frame.column(Uint16Array),
    price: frame.column(Uint8Array),
    interval: frame.column(Uint8Array),
    state: frame.column(Uint8Array),
  };
}

/** Whether a row is a candle that lost its last trade: all figures are 0, which no price is. */
export function isEmptied(batch: CandleBatch, row: number): boolean {
  return batch.open[row] === 0;
}

/** Price x size of all trades of a row, exactly; null where bars are among them. */
export function notionalOf(batch: CandleBatch, row: number): bigint | null {
  const high = batch.notionalHigh[row] as number;
  return Number.isNaN(high) ? null : wideToBigInt(high, batch.notionalLow[row] as number);
}

/**
 * Exact notional / volume as an integer count of 10^-vwapScale; null without volume, and where the
 * notional is not known.
 */
export function vwapOf(notional: bigint | null, volume: bigint, priceScale: number): bigint | null {
  if (notional === null || volume === 0n) return null;
  // notional carries priceScale + sizeScale digits and volume sizeScale, so the quotient is in
  // price increments: bring it to vwapScale, in whichever direction.
  const shift = vwapScale - priceScale;
  return shift >= 0
    ? divide(notional, volume, shift)
    : divide(notional, volume * 10n ** BigInt(-shift), 0);
}

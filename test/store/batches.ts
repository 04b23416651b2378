// Batches as the log would hold them, from a few plain facts.

import { BarColumns, encodeBars } from '../../src/contracts/bar.ts';
import {
  type CandleBatch,
  type CandleState,
  candleColumns,
  candleStates,
  encodeCandles,
  type PriceKind,
  priceKinds,
} from '../../src/contracts/candle.ts';
import { encodeJson } from '../../src/contracts/frame.ts';
import { encodeHeartbeat } from '../../src/contracts/heartbeat.ts';
import { type Interval, intervals } from '../../src/contracts/interval.ts';
import { encodeTrades, type Tape, TradeColumns } from '../../src/contracts/trade.ts';
import { onTime } from '../../src/contracts/verdict.ts';
import { wideFromBigInt } from '../../src/contracts/wide.ts';
import type { SinkBatch } from '../../src/store/sink.ts';

export interface SimpleTrade {
  readonly symbol: string;
  readonly time: number;
  readonly price?: number;
  readonly size?: number;
  readonly id?: number;
  readonly textId?: string;
  readonly conditions?: string;
  readonly venue?: string;
  readonly verdict?: number;
}

export interface BatchFacts {
  readonly source?: string;
  readonly tape?: Tape;
  readonly calendar?: string;
  readonly priceScale?: number;
  readonly sizeScale?: number;
  /** Per symbol: sequence of its first trade. */
  readonly sequence?: number;
}

export function tradeBatch(
  offset: number,
  trades: readonly SimpleTrade[],
  {
    source = 'test',
    tape = '',
    calendar,
    priceScale = 2,
    sizeScale = 0,
    ...facts
  }: BatchFacts = {},
): SinkBatch {
  const columns = new TradeColumns();
  columns.source = source;
  columns.scope = 'scope';
  columns.tape = tape;
  for (const [row, trade] of trades.entries()) {
    const instrument = columns.instrumentOf(trade.symbol, priceScale, sizeScale);
    const tag = columns.tagOf(trade.venue ?? 'V', trade.conditions ?? '', 'buy');
    const id = trade.id ?? offset + row;
    const received = trade.time + 1_000_000;
    columns.push(
      instrument,
      tag,
      trade.time,
      received,
      trade.price ?? 10_000 + row,
      trade.size ?? 100,
      id,
    );
    if (trade.textId !== undefined) columns.nameLast(trade.textId);
    columns.verdict[columns.count - 1] = trade.verdict ?? onTime;
  }
  for (const entry of columns.instruments) {
    entry.sequence = facts.sequence ?? 0;
    if (calendar !== undefined) entry.calendar = calendar;
  }
  return { offset, count: trades.length, bytes: encodeTrades(columns) };
}

export function barBatch(offset: number): SinkBatch {
  const columns = new BarColumns();
  columns.push(columns.instrumentOf('AAA'), 1, 1, [1, 1, 1, 1], 1, 1);
  return { offset, count: 1, bytes: encodeBars(columns) };
}

export function heartbeatBatch(offset: number): SinkBatch {
  const source = 'test';
  const bytes = encodeHeartbeat({
    source,
    symbols: ['AAA'],
    eventTime: 1,
    complete: false,
    receiveTime: 2,
  });
  return { offset, count: 1, bytes };
}

export function jsonBatch(offset: number, records: readonly unknown[]): SinkBatch {
  return { offset, count: records.length, bytes: encodeJson(records) };
}

export interface SimpleCandle {
  readonly symbol: string;
  readonly start: number;
  readonly price?: PriceKind;
  readonly interval?: Interval;
  readonly close?: number;
  readonly volume?: bigint;
  /** Null where it is not known. */
  readonly notional?: bigint | null;
  readonly trades?: number;
  readonly revision?: number;
  readonly state?: CandleState;
}

export function candleBatch(
  offset: number,
  candles: readonly SimpleCandle[],
  { priceScale = 2, sizeScale = 0 } = {},
): SinkBatch {
  const symbols = [...new Set(candles.map(({ symbol }) => symbol))];
  const column = (value: (candle: SimpleCandle) => number): Float64Array =>
    Float64Array.from(candles, value);
  const codes = (value: (candle: SimpleCandle) => number): Uint8Array =>
    Uint8Array.from(candles, value);
  const zeros = Object.fromEntries(candleColumns.map((name) => [name, column(() => 0)]));
  const volume = candles.map((candle) => wideFromBigInt(candle.volume ?? 100n));
  const notional = candles.map(({ notional: known = 100_000n }) =>
    known === null ? { high: Number.NaN, low: Number.NaN } : wideFromBigInt(known),
  );
  const batch: CandleBatch = {
    ...(zeros as Pick<CandleBatch, (typeof candleColumns)[number]>),
    count: candles.length,
    symbols: symbols.map((symbol) => ({ symbol, priceScale, sizeScale, calendar: '24/7' })),
    receiveTime: 0,
    start: column(({ start }) => start),
    open: column(({ trades = 1 }) => (trades > 0 ? 1_000 : 0)),
    high: column(({ close = 1_000 }) => Math.max(1_000, close)),
    low: column(({ close = 1_000 }) => Math.min(1_000, close)),
    close: column(({ close = 1_000 }) => close),
    volumeHigh: Float64Array.from(volume, ({ high }) => high),
    volumeLow: Float64Array.from(volume, ({ low }) => low),
    notionalHigh: Float64Array.from(notional, ({ high }) => high),
    notionalLow: Float64Array.from(notional, ({ low }) => low),
    trades: column(({ trades = 1 }) => trades),
    priced: column(({ trades = 1 }) => trades),
    revision: column(({ revision = 0 }) => revision),
    symbol: Uint16Array.from(candles, ({ symbol }) => symbols.indexOf(symbol)),
    price: codes(({ price = 'trade' }) => priceKinds.indexOf(price)),
    interval: codes(({ interval = '1s' }) => intervals.indexOf(interval)),
    state: codes(({ state = 'final' }) => candleStates.indexOf(state)),
  };
  return { offset, count: candles.length, bytes: encodeCandles(batch) };
}

// Marks: each says of an interval of a symbol that it is over, and whether there is a candle of it;
// if there is none, whether that is because nobody traded, or because nobody can know. One mark
// covers all the intervals from its start to its end. They follow the candles in market.candles.

import { encodeFrame, FrameReader } from './frame.ts';

/**
 * `no_trades`: the feed was proven alive throughout, and nothing came. `no_data`: it was not. Of
 * intervals in which the symbol's calendar is closed there is no mark, unless they traded.
 */
export const markStates = ['no_trades', 'no_data', 'traded'] as const;
export type MarkState = (typeof markStates)[number];

export interface MarkBatch {
  readonly count: number;
  readonly symbols: readonly string[];
  /** Latest receive time of what made these marks, microseconds. */
  readonly receiveTime: number;
  /** The intervals from `start` to before `end`, microseconds. */
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** Index into `symbols`. */
  readonly symbol: Uint16Array;
  /** Index into `priceKinds`. */
  readonly price: Uint8Array;
  /** Index into `intervals`; never `1s`. */
  readonly interval: Uint8Array;
  /** Index into `markStates`. */
  readonly state: Uint8Array;
}

type MarkMeta = Pick<MarkBatch, 'symbols' | 'receiveTime'>;

export function encodeMarks(batch: MarkBatch): Uint8Array {
  const { symbols, receiveTime, start, end, symbol, price, interval, state } = batch;
  const meta: MarkMeta = { symbols, receiveTime };
  return encodeFrame('marks', batch.count, meta, [start, end, symbol, price, interval, state]);
}

export function decodeMarks(bytes: Uint8Array): MarkBatch {
  const frame = new FrameReader(bytes);
  return {
    ...(frame.meta as MarkMeta),
    count: frame.count,
    start: frame.column(Float64Array),
    end: frame.column(Float64Array),
    symbol: frame.column(Uint16Array),
    price: frame.column(Uint8Array),
    interval: frame.column(Uint8Array),
    state: frame.column(Uint8Array),
  };
}

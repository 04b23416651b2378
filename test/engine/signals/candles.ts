// Closed candles for the tests of signals, and what stands after all that was told of them.

import {
  type CandleBatch,
  type CandleColumn,
  candleColumns,
  candleStates,
  type PriceKind,
  priceKinds,
} from '../../../src/contracts/candle.ts';
import { type Interval, intervals } from '../../../src/contracts/interval.ts';
import type { Signal } from '../../../src/contracts/wire-objects.ts';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
import type { KeptState } from '../../../src/engine/signals/volume-history.ts';

export const seed = Number(process.env.FC_SEED ?? 20261121);
export const second = 1_000_000;
export const minute = 60 * second;
/** Half past ten in New York. */
export const monday = Date.UTC(2024, 4, 6, 14, 30) * 1000;

export interface SimpleCandle {
  readonly interval: Interval;
  readonly start: number;
  readonly price?: PriceKind;
  /** In cents. */
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly isPriced?: boolean;
}

export interface Terms {
  readonly state?: 'open' | 'final' | 'revised';
  readonly symbol?: string;
  readonly calendar?: string;
  readonly priceScale?: number;
  readonly sizeScale?: number;
}

export function batchOf(candles: readonly SimpleCandle[], terms: Terms = {}): CandleBatch {
  const { state = 'final', symbol = 'AAA', calendar = '24/7' } = terms;
  const { priceScale = 2, sizeScale = 0 } = terms;
  const zeros = candleColumns.map((name) => [name, new Float64Array(candles.length)]);
  const column = (value: (candle: SimpleCandle) => number) => Float64Array.from(candles, value);
  return {
    ...(Object.fromEntries(zeros) as Record<CandleColumn, Float64Array>),
    count: candles.length,
    symbols: [{ symbol, priceScale, sizeScale, calendar }],
    start: column(({ start }) => start),
    open: column(({ open }) => open),
    high: column(({ high }) => high),
    low: column(({ low }) => low),
    close: column(({ close }) => close),
    volumeLow: column(({ volume }) => volume),
    notionalLow: column(({ volume, close }) => volume * close),
    trades: column(({ open }) => Number(open > 0)),
    priced: column(({ open, isPriced = true }) => Number(open > 0 && isPriced)),
    symbol: new Uint16Array(candles.length),
    price: Uint8Array.from(candles, ({ price = 'trade' }) => priceKinds.indexOf(price)),
    interval: Uint8Array.from(candles, ({ interval }) => intervals.indexOf(interval)),
    state: new Uint8Array(candles.length).fill(candleStates.indexOf(state)),
    receiveTime: 0,
  };
}

export function flat(interval: Interval, start: number, price: number, volume = 100): SimpleCandle {
  return { interval, start, open: price, high: price, low: price, close: price, volume };
}

/** A candle of bids or asks between two prices. */
export function quoted(
  price: 'bid' | 'ask',
  interval: Interval,
  start: number,
  low: number,
  high = low,
): SimpleCandle {
  return { interval, start, price, open: low, high, low, close: high, volume: 0 };
}

/** One that knows only what was kept of another. */
export function restarted(operator: SignalOperator, kept: Map<string, KeptState>): SignalOperator {
  for (const state of operator.unsaved()) kept.set(state.key, state);
  const next = new SignalOperator();
  for (const state of kept.values()) next.restore(state);
  return next;
}

/** The newest version of each signal that is not retracted. */
export function standing(published: readonly Signal[]): Signal[] {
  const newest = new Map(published.map((signal) => [signal.id, signal]));
  return [...newest.values()].filter(({ state }) => state === 'raised');
}

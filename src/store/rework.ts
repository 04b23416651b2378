// The port through which stored candles and signals are computed anew: it reads trades and what was
// made of them, and replaces the latter. Contract:
//
// Order       Trades come by event time; all of a span before it ends.
// Atomicity   One `replace` changes all that it is given, or nothing.
// Ownership   Nobody else may write candles or signals while `replace` is called.

import type { CandleBatch, CandleState, PriceKind } from '../contracts/candle.ts';
import type { ComparedField } from '../contracts/explanation.ts';
import type { Interval } from '../contracts/interval.ts';
import type { PlacedInstrument, PlacedTrades } from '../contracts/placed-trades.ts';
import type { Signal } from '../contracts/wire-objects.ts';

export interface ReworkInstrument extends PlacedInstrument {
  readonly id: number;
  /** The event times of its first and last trade; null where it has none. */
  readonly first: number | null;
  readonly last: number | null;
}

/** Times in microseconds; [from, to). */
export interface ReworkSpan {
  readonly from: number;
  readonly to: number;
}

/** Figures as plain decimals, the notional null where bars are in it. */
export interface StoredFigures {
  readonly instrumentId: number;
  readonly price: PriceKind;
  readonly interval: Interval;
  readonly start: number;
  readonly figures: Readonly<Record<Exclude<ComparedField, 'notional'>, string>> & {
    readonly notional: string | null;
  };
  readonly revision: number;
  readonly state: CandleState;
}

export interface Rework {
  /**
   * The instruments, in groups that have few enough trades a day to be held at once. Rejects with
   * Failure 'not-found' for an unknown symbol.
   */
  groups(symbols: readonly string[] | null): Promise<readonly (readonly ReworkInstrument[])[]>;
  /** The starts of the days of UTC that have trades or candles, ascending. */
  days(group: readonly ReworkInstrument[], span: ReworkSpan): Promise<readonly number[]>;
  /** What is yielded is good until more is asked for. */
  trades(group: readonly ReworkInstrument[], span: ReworkSpan): AsyncIterable<PlacedTrades>;
  /** Candles that start in the span; for days, up to three days before it. In no order. */
  candles(
    group: readonly ReworkInstrument[],
    span: ReworkSpan,
    prices: readonly PriceKind[],
    intervals: readonly Interval[],
  ): AsyncIterable<readonly StoredFigures[]>;
  /** How many candles of bid, ask and mid prices start in the span. */
  countQuoteCandles(group: readonly ReworkInstrument[], span: ReworkSpan): Promise<number>;
  /** Signals whose window starts in the span. */
  signals(group: readonly ReworkInstrument[], span: ReworkSpan): Promise<readonly Signal[]>;
  replace(candles: CandleBatch | null, signals: readonly Signal[]): Promise<void>;
  close(): Promise<void>;
}

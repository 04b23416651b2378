// What the store answers: the read side that the gateway and the export command share.
// Times are microseconds since the epoch, spans are [from, to).

import type { Micros } from '../base/clock.ts';
import type { PriceKind } from '../contracts/candle.ts';
import type { CorporateAction } from '../contracts/corporate-action.ts';
import type { DeadLetter } from '../contracts/dead-letter.ts';
import type { Interval } from '../contracts/interval.ts';
import type { PlacedTrades } from '../contracts/placed-trades.ts';
import type { Severity } from '../contracts/signal.ts';
import type { Candle, Instrument, Mark, Signal, Trade } from '../contracts/wire-objects.ts';

/** Absent or infinite at an end without a bound. */
export interface Span {
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
}

/** Where a page of trades ended: the event time and log offset of its last trade. */
export interface TradeCursor {
  readonly time: Micros;
  readonly offset: number;
}

export interface TradePage {
  readonly trades: readonly Trade[];
  /** Ask again with this for older trades; null when there are none. */
  readonly next: TradeCursor | null;
}

export interface CandleQuery extends Span {
  readonly interval: Interval;
  readonly price: PriceKind;
  readonly limit: number;
}

/** What the store holds, for a person who asks. */
export interface Holdings {
  /** By symbol; the times of its first and last trade are null where it has none. */
  readonly symbols: readonly {
    readonly symbol: string;
    readonly trades: number;
    readonly from: Micros | null;
    readonly to: Micros | null;
  }[];
  readonly deadLetterCount: number;
}

export interface SignalQuery extends Span {
  readonly symbol?: string;
  readonly severity?: Severity;
  /** Only what comes after this one, by (time, id) newest first. */
  readonly before?: { readonly time: Micros; readonly id: string };
  readonly limit: number;
}

export interface History {
  /** Every instrument, by symbol. */
  instruments(): Promise<readonly Instrument[]>;
  /** Newest first by (event time, log offset). */
  trades(
    symbol: string,
    query: Span & { readonly limit: number; readonly before?: TradeCursor },
  ): Promise<TradePage>;
  /**
   * All trades of a span, with their places in the log. What is yielded is good until more is asked
   * for. Rejects with Failure 'not-found' for an unknown symbol, and 'limit-exceeded' while too
   * many such streams are read.
   */
  placedTrades(symbol: string, span: Span): AsyncIterable<PlacedTrades>;
  /** The newest `limit` candles of the span, in ascending order of start. */
  candles(symbol: string, query: CandleQuery): Promise<readonly Candle[]>;
  /** The corporate actions of a symbol and of all that renames connect it with, by date. */
  actions(symbol: string): Promise<readonly CorporateAction[]>;
  /**
   * The marks of no trades and no data with intervals that start in the span, ascending. Where a
   * candle came later, there is both.
   */
  silences(symbol: string, query: Omit<CandleQuery, 'limit'>): Promise<readonly Mark[]>;
  /** The newest two daily trade candles of every symbol, ascending: for the market summary. */
  lastDays(): Promise<readonly Candle[]>;
  /** Newest first by (time, id), retracted ones too. */
  signals(query: SignalQuery): Promise<readonly Signal[]>;
  /** The newest version; null when there is no such signal. */
  signal(id: string): Promise<Signal | null>;
  /** Newest first. */
  deadLetters(limit: number): Promise<readonly DeadLetter[]>;
  holdings(): Promise<Holdings>;
  /** What the database takes on disk. */
  bytes(): Promise<number>;
}

// What every indicator is: an operator over the candles of one series, in order, each added once.
// Pure: no I/O, no clock, no randomness; equal candles give equal values, to the last bit.
//
// The newest candle changes many times before it closes. Add a candle when it is final, and until
// then `peek` each version of it. When a late trade revises an older one, go on from a snapshot
// taken before it, or build the operator anew from stored candles.

/**
 * What indicators read of a candle. Prices are whole counts of the price increment up to 2^53, all
 * of one scale: when an instrument becomes finer, start its indicators anew. Notional is price
 * increments x size increments; above 2^53 it arrives rounded to a double, and it is NaN where bars
 * do not tell it.
 */
export interface CandleNumbers {
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly notional: number;
}

export type Values<Output extends string = string> = Readonly<Record<Output, number>>;

export interface Indicator<Output extends string = string, State = unknown> {
  /** Takes the next candle. Null while the definition has no value: mostly too little history. */
  add(candle: CandleNumbers): Values<Output> | null;
  /** What `add` would answer. Changes nothing. */
  peek(candle: CandleNumbers): Values<Output> | null;
  /**
   * Parameters and memory, as an immutable value that JSON carries exactly. The class's `from` goes
   * on from it as if there had been no break, bit for bit.
   */
  snapshot(): State;
}

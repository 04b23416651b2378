// Realised volatility: the sample standard deviation (divided by n - 1, around the mean) of the
// last n log returns, ln(close / previous close); and the same annualised, times the square root of
// the periods per year. The first value comes with close n + 1. Ratios: 0.01 is 1 %.
// A close of 0 or less has no log return: history starts over behind it.
// Returns are taken as log1p((close - previous) / previous), which keeps the digits that close /
// previous would round away next to 1. The deviation is made anew each time, O(n): deviation.ts.
// Source: J. C. Hull, Options, Futures, and Other Derivatives, "Estimating volatility from
// historical data".

import { strict as assert } from 'node:assert/strict';
import { squaredDeviations } from './deviation.ts';
import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import { Window } from './window.ts';

export type VolatilityOutput = 'volatility' | 'annualised';

export interface VolatilityState {
  readonly length: number;
  readonly periodsPerYear: number;
  /** The close that the next return is from; null where there is none. */
  readonly close: number | null;
  /** Oldest first. */
  readonly returns: readonly number[];
}

export class Volatility implements Indicator<VolatilityOutput, VolatilityState> {
  readonly #periodsPerYear: number;
  #returns: Window;
  #close: number | null = null;

  /** `length` counts returns, at least 2. */
  constructor(length: number, periodsPerYear: number, returns: readonly number[] = []) {
    assert(length >= 2, `a sample deviation of ${length} returns`);
    this.#periodsPerYear = periodsPerYear;
    this.#returns = new Window(length, returns);
  }

  static from({ length, periodsPerYear, close, returns }: VolatilityState): Volatility {
    const volatility = new Volatility(length, periodsPerYear, returns);
    volatility.#close = close;
    return volatility;
  }

  add(candle: CandleNumbers): Values<VolatilityOutput> | null {
    const value = this.peek(candle);
    const logReturn = this.#returnTo(candle.close);
    if (logReturn === null) this.#returns = new Window(this.#returns.length);
    else this.#returns.push(logReturn);
    this.#close = candle.close > 0 ? candle.close : null;
    return value;
  }

  peek({ close }: CandleNumbers): Values<VolatilityOutput> | null {
    const logReturn = this.#returnTo(close);
    if (logReturn === null || !this.#returns.isFullWithNext) return null;
    const squares = squaredDeviations(this.#returns.valuesWith(logReturn));
    const volatility = Math.sqrt(squares / (this.#returns.length - 1));
    return { volatility, annualised: volatility * Math.sqrt(this.#periodsPerYear) };
  }

  snapshot(): VolatilityState {
    return {
      length: this.#returns.length,
      periodsPerYear: this.#periodsPerYear,
      close: this.#close,
      returns: this.#returns.values(),
    };
  }

  #returnTo(close: number): number | null {
    if (this.#close === null || close <= 0) return null;
    return Math.log1p((close - this.#close) / this.#close);
  }
}

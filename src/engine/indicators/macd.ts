// Moving average convergence divergence: macd = EMA(fast) - EMA(slow) of the closes, signal =
// EMA(signal) of macd, histogram = macd - signal. Every EMA is seeded with the mean of its own
// first values (ema.ts), so the first value of all three comes with candle slow + signal - 1.
// (TA-Lib starts the fast average later, so that both have their first value on the same candle;
// the difference dies out.) The error is that of a price: a macd near 0 has as many digits fewer.
// Source: G. Appel, Technical Analysis: Power Tools for Active Investors (2005), chapter 8;
// StockCharts ChartSchool, "MACD".

import { strict as assert } from 'node:assert/strict';
import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import {
  averageWith,
  exponentialWeight,
  noAverage,
  type RecursiveAverage,
} from './recursive-average.ts';

export type MacdOutput = 'macd' | 'signal' | 'histogram';

export interface MacdState {
  readonly fast: number;
  readonly slow: number;
  readonly signal: number;
  readonly fastClose: RecursiveAverage;
  readonly slowClose: RecursiveAverage;
  readonly macd: RecursiveAverage;
}

export class Macd implements Indicator<MacdOutput, MacdState> {
  #state: MacdState;

  /** `fast` must be less than `slow`. */
  constructor(fast: number, slow: number, signal: number) {
    assert(fast < slow, `a MACD with ${fast} not below ${slow}`);
    const [fastClose, slowClose, macd] = [noAverage, noAverage, noAverage];
    this.#state = { fast, slow, signal, fastClose, slowClose, macd };
  }

  static from(state: MacdState): Macd {
    const macd = new Macd(state.fast, state.slow, state.signal);
    macd.#state = state;
    return macd;
  }

  add(candle: CandleNumbers): Values<MacdOutput> | null {
    this.#state = after(this.#state, candle);
    return valuesOf(this.#state);
  }

  peek(candle: CandleNumbers): Values<MacdOutput> | null {
    return valuesOf(after(this.#state, candle));
  }

  snapshot(): MacdState {
    return this.#state;
  }
}

function after(state: MacdState, { close }: CandleNumbers): MacdState {
  const { fast, slow, signal } = state;
  const fastClose = averageWith(state.fastClose, close, fast, exponentialWeight(fast));
  const slowClose = averageWith(state.slowClose, close, slow, exponentialWeight(slow));
  const line = difference(fastClose, slowClose);
  const macd =
    line === null ? state.macd : averageWith(state.macd, line, signal, exponentialWeight(signal));
  return { fast, slow, signal, fastClose, slowClose, macd };
}

function valuesOf({ fastClose, slowClose, macd }: MacdState): Values<MacdOutput> | null {
  const line = difference(fastClose, slowClose);
  if (line === null || macd.average === null) return null;
  return { macd: line, signal: macd.average, histogram: line - macd.average };
}

function difference(fast: RecursiveAverage, slow: RecursiveAverage): number | null {
  return fast.average === null || slow.average === null ? null : fast.average - slow.average;
}

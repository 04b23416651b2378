// Simple moving average: the mean of the last n closes; the first value comes with close n.
// Exact: the sum of the window is an exact whole number, so the mean is the nearest double to it
// divided by n (one rounding more when the sum exceeds 2^53), after any number of updates.
// Source: StockCharts ChartSchool, "Moving averages - simple and exponential".

import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import { Window } from './window.ts';

export interface SmaState {
  readonly length: number;
  /** Oldest first. */
  readonly closes: readonly number[];
}

export class Sma implements Indicator<'sma', SmaState> {
  readonly #closes: Window;

  constructor(length: number, closes: readonly number[] = []) {
    this.#closes = new Window(length, closes);
  }

  static from({ length, closes }: SmaState): Sma {
    return new Sma(length, closes);
  }

  add(candle: CandleNumbers): Values<'sma'> | null {
    const value = this.peek(candle);
    this.#closes.push(candle.close);
    return value;
  }

  peek({ close }: CandleNumbers): Values<'sma'> | null {
    if (!this.#closes.isFullWithNext) return null;
    return { sma: this.#closes.sumWith(close) / this.#closes.length };
  }

  snapshot(): SmaState {
    return { length: this.#closes.length, closes: this.#closes.values() };
  }
}

// Bollinger bands: middle = SMA(n) of the closes, upper and lower = middle ± k x the population
// standard deviation (divided by n, not n - 1) of the same n closes; first value with close n.
// The middle is as exact as the SMA. The deviation is made anew from the window each time, O(n):
// see deviation.ts. Equal closes give three equal bands.
// Source: J. Bollinger, Bollinger on Bollinger Bands (2001), part II; TA-Lib's BBANDS.

import { squaredDeviations } from './deviation.ts';
import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import { Window } from './window.ts';

export type BollingerOutput = 'middle' | 'upper' | 'lower';

export interface BollingerState {
  readonly length: number;
  readonly width: number;
  /** Oldest first. */
  readonly closes: readonly number[];
}

export class Bollinger implements Indicator<BollingerOutput, BollingerState> {
  readonly #closes: Window;
  readonly #width: number;

  /** `width` is k: from the middle to a band, in standard deviations. */
  constructor(length: number, width: number, closes: readonly number[] = []) {
    this.#closes = new Window(length, closes);
    this.#width = width;
  }

  static from({ length, width, closes }: BollingerState): Bollinger {
    return new Bollinger(length, width, closes);
  }

  add(candle: CandleNumbers): Values<BollingerOutput> | null {
    const value = this.peek(candle);
    this.#closes.push(candle.close);
    return value;
  }

  peek({ close }: CandleNumbers): Values<BollingerOutput> | null {
    if (!this.#closes.isFullWithNext) return null;
    const { length } = this.#closes;
    const middle = this.#closes.sumWith(close) / length;
    const squares = squaredDeviations(this.#closes.valuesWith(close));
    const distance = this.#width * Math.sqrt(squares / length);
    return { middle, upper: middle + distance, lower: middle - distance };
  }

  snapshot(): BollingerState {
    const { length } = this.#closes;
    return { length, width: this.#width, closes: this.#closes.values() };
  }
}

// Price change over a span of n candles: change = close - the close n candles before, and percent =
// 100 x change / that close. The first value comes with close n + 1. A close of 0 or less has no
// percentage: over it the value is null. The change is exact, the percentage rounded twice.
// Source: TA-Lib's MOM (change) and ROC (percent).

import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import { Window } from './window.ts';

export type ChangeOutput = 'change' | 'percent';

export interface ChangeState {
  readonly span: number;
  /** Oldest first. */
  readonly closes: readonly number[];
}

export class Change implements Indicator<ChangeOutput, ChangeState> {
  readonly #closes: Window;

  constructor(span: number, closes: readonly number[] = []) {
    this.#closes = new Window(span, closes);
  }

  static from({ span, closes }: ChangeState): Change {
    return new Change(span, closes);
  }

  add(candle: CandleNumbers): Values<ChangeOutput> | null {
    const value = this.peek(candle);
    this.#closes.push(candle.close);
    return value;
  }

  peek({ close }: CandleNumbers): Values<ChangeOutput> | null {
    if (!this.#closes.isFull || this.#closes.oldest <= 0) return null;
    const change = close - this.#closes.oldest;
    return { change, percent: (100 * change) / this.#closes.oldest };
  }

  snapshot(): ChangeState {
    return { span: this.#closes.length, closes: this.#closes.values() };
  }
}

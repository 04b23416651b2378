// Relative strength index: 100 - 100 / (1 + gain / loss), which is 100 x gain / (gain + loss).
// Gain and loss are Wilder's averages of the rises and of the falls from close to close: seeded
// with the mean of the first n changes, then (average x (n - 1) + change) / n. The first value
// comes with close n + 1. 100 when nothing ever fell, 0 when nothing ever rose. While every close
// was the same, 0 / 0 says nothing and the value is null (other programs say 0, 50 or 100).
// Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), "Relative strength
// index".

import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import {
  averageWith,
  noAverage,
  type RecursiveAverage,
  wilderWeight,
} from './recursive-average.ts';

export interface RsiState {
  readonly length: number;
  /** The last close; null before the first. */
  readonly close: number | null;
  readonly gain: RecursiveAverage;
  readonly loss: RecursiveAverage;
}

/** Averages below this weigh nothing against the smallest movement, which is one increment. */
const negligible = 1e-100;

export class Rsi implements Indicator<'rsi', RsiState> {
  #state: RsiState;

  constructor(length: number) {
    this.#state = { length, close: null, gain: noAverage, loss: noAverage };
  }

  static from(state: RsiState): Rsi {
    const rsi = new Rsi(state.length);
    rsi.#state = state;
    return rsi;
  }

  add(candle: CandleNumbers): Values<'rsi'> | null {
    this.#state = after(this.#state, candle);
    return valuesOf(this.#state);
  }

  peek(candle: CandleNumbers): Values<'rsi'> | null {
    return valuesOf(after(this.#state, candle));
  }

  snapshot(): RsiState {
    return this.#state;
  }
}

function after(state: RsiState, { close }: CandleNumbers): RsiState {
  const { length, gain, loss } = state;
  if (state.close === null) return { ...state, close };
  const change = close - state.close;
  // A flat series keeps the ratio of the two, while both shrink towards the smallest double, where
  // the ratio would be lost: there we stop shrinking them.
  if (change === 0 && isNegligible(state)) return state;
  return {
    length,
    close,
    gain: averageWith(gain, Math.max(0, change), length, wilderWeight(length)),
    loss: averageWith(loss, Math.max(0, -change), length, wilderWeight(length)),
  };
}

function isNegligible({ gain, loss }: RsiState): boolean {
  return gain.average !== null && loss.average !== null && gain.average + loss.average < negligible;
}

function valuesOf({ gain, loss }: RsiState): Values<'rsi'> | null {
  if (gain.average === null || loss.average === null) return null;
  const movement = gain.average + loss.average;
  return movement === 0 ? null : { rsi: 100 * (gain.average / movement) };
}

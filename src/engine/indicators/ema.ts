// Exponential moving average: ema + (close - ema) x 2 / (n + 1). Seed: the simple mean of the first
// n closes, which is the first value. (Some seed with the first close alone; by 5n candles later
// the two agree to four digits, and after 20n to the last bits.)
// Source: StockCharts ChartSchool, "Moving averages - simple and exponential"; TA-Lib's EMA.

import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import {
  averageWith,
  exponentialWeight,
  noAverage,
  type RecursiveAverage,
} from './recursive-average.ts';

export interface EmaState {
  readonly length: number;
  readonly close: RecursiveAverage;
}

export class Ema implements Indicator<'ema', EmaState> {
  #state: EmaState;

  constructor(length: number) {
    this.#state = { length, close: noAverage };
  }

  static from(state: EmaState): Ema {
    const ema = new Ema(state.length);
    ema.#state = state;
    return ema;
  }

  add(candle: CandleNumbers): Values<'ema'> | null {
    this.#state = after(this.#state, candle);
    return valuesOf(this.#state);
  }

  peek(candle: CandleNumbers): Values<'ema'> | null {
    return valuesOf(after(this.#state, candle));
  }

  snapshot(): EmaState {
    return this.#state;
  }
}

function after({ length, close }: EmaState, candle: CandleNumbers): EmaState {
  return { length, close: averageWith(close, candle.close, length, exponentialWeight(length)) };
}

function valuesOf({ close }: EmaState): Values<'ema'> | null {
  return close.average === null ? null : { ema: close.average };
}

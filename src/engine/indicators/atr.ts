// Average true range: Wilder's average of max(high - low, |high - previous close|, |low - previous
// close|), seeded with the mean of the first n ranges, then (average x (n - 1) + range) / n. The
// first candle has no previous close and counts with high - low, so the first value comes with
// candle n. (TA-Lib leaves the first candle out and starts one later.)
// Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), "Volatility";
// StockCharts ChartSchool, "Average true range".

import type { CandleNumbers, Indicator, Values } from './indicator.ts';
import {
  averageWith,
  noAverage,
  type RecursiveAverage,
  wilderWeight,
} from './recursive-average.ts';

export interface AtrState {
  readonly length: number;
  /** The last close; null before the first. */
  readonly close: number | null;
  readonly range: RecursiveAverage;
}

export class Atr implements Indicator<'atr', AtrState> {
  #state: AtrState;

  constructor(length: number) {
    this.#state = { length, close: null, range: noAverage };
  }

  static from(state: AtrState): Atr {
    const atr = new Atr(state.length);
    atr.#state = state;
    return atr;
  }

  add(candle: CandleNumbers): Values<'atr'> | null {
    this.#state = after(this.#state, candle);
    return valuesOf(this.#state);
  }

  peek(candle: CandleNumbers): Values<'atr'> | null {
    return valuesOf(after(this.#state, candle));
  }

  snapshot(): AtrState {
    return this.#state;
  }
}

function after({ length, close, range }: AtrState, candle: CandleNumbers): AtrState {
  const { high, low } = candle;
  const trueRange =
    close === null
      ? high - low
      : Math.max(high - low, Math.abs(high - close), Math.abs(low - close));
  return {
    length,
    close: candle.close,
    range: averageWith(range, trueRange, length, wilderWeight(length)),
  };
}

function valuesOf({ range }: AtrState): Values<'atr'> | null {
  return range.average === null ? null : { atr: range.average };
}

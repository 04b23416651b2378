// Session VWAP: all notional since the reset divided by all volume since then, in price increments.
// From what was traded, and not from (high + low + close) / 3 x volume, which chart programs
// without trades make do with. Null until something was traded, and from a candle of bars on, which
// do not tell their notional. The caller knows the session: at
// its start it calls `reset`, or takes a new operator, which is the same.
// The sums are exact in what they are given; a candle's notional above 2^53 comes rounded to a
// double, so the value is right to about 2 units in the last place, however many candles came.
// Source: Berkowitz, Logue and Noser, "The total cost of transactions on the NYSE", The Journal of
// Finance 43 (1988).

import { type ExactSum, plus, zeroSum } from './exact-sum.ts';
import type { CandleNumbers, Indicator, Values } from './indicator.ts';

export interface VwapState {
  readonly notional: ExactSum;
  readonly volume: ExactSum;
}

const nothingTraded: VwapState = { notional: zeroSum, volume: zeroSum };

export class Vwap implements Indicator<'vwap', VwapState> {
  #state = nothingTraded;

  static from(state: VwapState): Vwap {
    const vwap = new Vwap();
    vwap.#state = state;
    return vwap;
  }

  reset(): void {
    this.#state = nothingTraded;
  }

  add(candle: CandleNumbers): Values<'vwap'> | null {
    this.#state = after(this.#state, candle);
    return valuesOf(this.#state);
  }

  peek(candle: CandleNumbers): Values<'vwap'> | null {
    return valuesOf(after(this.#state, candle));
  }

  snapshot(): VwapState {
    return this.#state;
  }
}

function after(state: VwapState, { notional, volume }: CandleNumbers): VwapState {
  return { notional: plus(state.notional, notional), volume: plus(state.volume, volume) };
}

function valuesOf({ notional, volume }: VwapState): Values<'vwap'> | null {
  return volume.sum > 0 && !Number.isNaN(notional.sum) ? { vwap: notional.sum / volume.sum } : null;
}

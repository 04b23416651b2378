// The signal operator: (state, closed candles) -> signals. Pure like the candle operator, and its
// definitions (docs/SIGNALS.md) are functions of the set of candles: a revised candle asks the
// windows it belongs to again, and what no longer holds is retracted. All comparisons are of
// integers, so that another engine can come to the same rows. Each kind has a file of its own.

import {
  type CandleBatch,
  type CandleSymbol,
  candleStates,
  notionalOf,
  priceKinds,
} from '../../contracts/candle.ts';
import { powerOfTen } from '../../contracts/decimal.ts';
import { intervals } from '../../contracts/interval.ts';
import { wideToBigInt } from '../../contracts/wide.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import { askPriceChange } from './price-change.ts';
import { askNewestSpike, askSpikesAround } from './price-spike.ts';
import {
  type MinuteSpan,
  minutesKept,
  type PriceSpan,
  place,
  secondsKept,
  secondsLateMax,
  volumeWindows,
} from './span.ts';
import { type SymbolSnapshot, SymbolState } from './symbol-state.ts';
import { askVolatility } from './volatility.ts';
import { askVolumesFrom } from './volume-anomaly.ts';

export type SignalSnapshot = readonly SymbolSnapshot[];

const tradePrice = priceKinds.indexOf('trade');
const openState = candleStates.indexOf('open');
const intervalOf = {
  '1s': intervals.indexOf('1s'),
  '1m': intervals.indexOf('1m'),
  '1h': intervals.indexOf('1h'),
};

export class SignalOperator {
  readonly #symbols = new Map<string, SymbolState>();
  #found: Signal[] = [];
  readonly #publish = (signal: Signal): void => {
    this.#found.push(signal);
  };

  /** What the closed candles of a batch raise, change and retract, in their order. */
  apply(batch: CandleBatch): readonly Signal[] {
    for (let row = 0; row < batch.count; row++) {
      if (batch.price[row] !== tradePrice || batch.state[row] === openState) continue;
      const interval = batch.interval[row] as number;
      // Prices of trades that may not set any are no reason to call somebody.
      const isPriced = batch.priced[row] !== 0;
      if (interval === intervalOf['1m']) this.#takeMinute(batch, row, isPriced);
      else if (interval === intervalOf['1s'] && isPriced) this.#takeSecond(batch, row);
      else if (interval === intervalOf['1h'] && isPriced) this.#takeHour(batch, row);
    }
    const found = this.#found;
    this.#found = [];
    return found;
  }

  snapshot(): SignalSnapshot {
    return Array.from(this.#symbols.values(), (state) => state.snapshot());
  }

  static fromSnapshot(snapshot: SignalSnapshot): SignalOperator {
    const operator = new SignalOperator();
    for (const saved of snapshot) {
      operator.#symbols.set(saved.symbol, SymbolState.fromSnapshot(saved, operator.#publish));
    }
    return operator;
  }

  #takeSecond(batch: CandleBatch, row: number): void {
    const state = this.#stateOf(batch, row);
    const span = priceSpanOf(batch, row, state);
    const { seconds } = state;
    const newest = seconds.at(-1)?.start ?? Number.NEGATIVE_INFINITY;
    if (span.start <= newest - secondsLateMax) return;
    place(seconds, span);
    if (span.start <= newest) {
      askSpikesAround(state, span.start);
      return;
    }
    askNewestSpike(state);
    // Twice as long, so that what is kept is copied rarely.
    if ((seconds[0] as PriceSpan).start <= span.start - 2 * secondsKept) {
      state.seconds = seconds.filter(({ start }) => start > span.start - secondsKept);
    }
  }

  #takeMinute(batch: CandleBatch, row: number, isPriced: boolean): void {
    const state = this.#stateOf(batch, row);
    const { minutes } = state;
    const span = minuteSpanOf(batch, row, state, isPriced);
    const isFull = minutes.length >= minutesKept;
    if (isFull && span.start < (minutes[volumeWindows] as MinuteSpan).start) return;
    let index = place(minutes, span);
    if (minutes.length > 2 * minutesKept) {
      index -= minutes.length - minutesKept;
      minutes.splice(0, minutes.length - minutesKept);
    }
    askVolatility(state, span);
    askVolumesFrom(state, index);
  }

  #takeHour(batch: CandleBatch, row: number): void {
    const state = this.#stateOf(batch, row);
    askPriceChange(state, priceSpanOf(batch, row, state));
  }

  #stateOf(batch: CandleBatch, row: number): SymbolState {
    const of = symbolOf(batch, row);
    let state = this.#symbols.get(of.symbol);
    if (!state) {
      state = new SymbolState(of, this.#publish);
      this.#symbols.set(of.symbol, state);
    }
    state.rescale(of.priceScale, of.sizeScale);
    return state;
  }
}

function symbolOf(batch: CandleBatch, row: number): CandleSymbol {
  return batch.symbols[batch.symbol[row] as number] as CandleSymbol;
}

function priceSpanOf(batch: CandleBatch, row: number, { priceScale }: SymbolState): PriceSpan {
  const factor = powerOfTen(priceScale - symbolOf(batch, row).priceScale);
  return {
    start: batch.start[row] as number,
    open: (batch.open[row] as number) * factor,
    high: (batch.high[row] as number) * factor,
    low: (batch.low[row] as number) * factor,
    close: (batch.close[row] as number) * factor,
  };
}

function minuteSpanOf(
  batch: CandleBatch,
  row: number,
  state: SymbolState,
  isPriced: boolean,
): MinuteSpan {
  const { priceScale, sizeScale } = symbolOf(batch, row);
  const sizeFactor = 10n ** BigInt(state.sizeScale - sizeScale);
  const priceFactor = 10n ** BigInt(state.priceScale - priceScale);
  const volume = wideToBigInt(batch.volumeHigh[row] as number, batch.volumeLow[row] as number);
  const notional = notionalOf(batch, row);
  return {
    ...priceSpanOf(batch, row, state),
    volume: volume * sizeFactor,
    notional: notional && notional * priceFactor * sizeFactor,
    isPriced,
  };
}

// The signal operator: (state, closed candles and marks) -> signals. Pure like the candle operator,
// and its definitions (docs/SIGNALS.md) are functions of the set of these: a revised candle asks
// the windows it belongs to again, and what no longer holds is retracted. All comparisons are of
// integers, so that another engine can come to the same rows. Each kind has a file of its own.

import {
  type CandleBatch,
  type CandleSymbol,
  candleStates,
  isEmptied,
  notionalOf,
  priceKinds,
} from '../../contracts/candle.ts';
import { powerOfTen } from '../../contracts/decimal.ts';
import { bucketStart, intervals } from '../../contracts/interval.ts';
import type { MarkBatch } from '../../contracts/mark.ts';
import { wideFromBigInt, wideToBigInt } from '../../contracts/wide.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import {
  askNewestPrints,
  askPrintMinutes,
  askPrintsAround,
  askQuotedMinute,
  askQuotedSecond,
} from './bad-print.ts';
import type { CandleWindow } from './candle-window.ts';
import { askCrossed } from './crossed-quotes.ts';
import { askGaps, askGapsWithout } from './gap-at-open.ts';
import { askPriceChange } from './price-change.ts';
import { askNewestSpike, askSpikesAround } from './price-spike.ts';
import {
  dropMinutes,
  dropSeconds,
  isBeyondMinutes,
  minute,
  minutesLateMax,
  secondsLateMax,
} from './span.ts';
import { askStaleAfter, askStaleAt, askStaleUntil } from './stale-quotes.ts';
import { SymbolState } from './symbol-state.ts';
import { askVolatility } from './volatility.ts';
import { askLaterVolumes, askVolumesFrom } from './volume-anomaly.ts';
import { type KeptState, pageKey, sessionMinuteAt, VolumeHistory } from './volume-history.ts';
import type { PriceWindow, QuoteWindow } from './windows.ts';

/** What the keys of each symbol's state begin with. */
export const symbolPrefix = 'symbol ';
const volumesPrefix = 'volumes ';

const bidPrice = priceKinds.indexOf('bid');
const askPrice = priceKinds.indexOf('ask');
const tradePrice = priceKinds.indexOf('trade');
/** The factor of prices that may not set any. */
const unpriced = 0;
const openState = candleStates.indexOf('open');
/** A bad print's seconds decide whether its minute says it too. */
const ofMinutes = ['volatility', 'volume-anomaly', 'bad-print'] as const;
const intervalOf = {
  '1s': intervals.indexOf('1s'),
  '1m': intervals.indexOf('1m'),
  '1h': intervals.indexOf('1h'),
};

export class SignalOperator {
  readonly #symbols = new Map<string, SymbolState>();
  /** Those that changed since they were last saved. */
  readonly #changed = new Set<SymbolState>();
  readonly #volumes = new VolumeHistory();
  /** By the index that their symbols have in the batch being applied. */
  #states: SymbolState[] = [];
  #found: Signal[] = [];
  readonly #publish = (signal: Signal, state: SymbolState): void => {
    this.#found.push(signal);
    this.#changed.add(state);
  };

  /** What the closed candles of a batch raise, change and retract. */
  apply(batch: CandleBatch): readonly Signal[] {
    this.#states = [];
    for (let row = 0; row < batch.count; row++) {
      if (batch.state[row] === openState) continue;
      const price = batch.price[row];
      if (price === tradePrice) this.#takeTrades(batch, row);
      else if (price === bidPrice || price === askPrice) this.#takeQuotes(batch, row);
    }
    return this.#take();
  }

  /** The same of a batch of marks: those of quotes tell when there can be no more of a minute. */
  applyMarks(batch: MarkBatch): readonly Signal[] {
    for (let row = 0; row < batch.count; row++) {
      const price = batch.price[row];
      const isOfQuotes = price === bidPrice || price === askPrice;
      if (!isOfQuotes || batch.interval[row] !== intervalOf['1m']) continue;
      const state = this.#symbols.get(batch.symbols[batch.symbol[row] as number] as string);
      if (!state) continue;
      const side = price === bidPrice ? 'bidsOver' : 'asksOver';
      askStaleUntil(state, side, batch.end[row] as number);
      this.#changed.add(state);
    }
    return this.#take();
  }

  #take(): readonly Signal[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /**
   * Keys of what the batch's minutes are compared with and is not in memory: the caller restores
   * those that were kept before it applies the batch.
   */
  missing(batch: CandleBatch): readonly string[] {
    const keys = new Set<string>();
    const need = (symbol: string, calendar: string, start: number): void => {
      const at = sessionMinuteAt(calendar, start);
      const key = at && pageKey(symbol, at.index);
      if (key && !this.#volumes.has(key)) keys.add(volumesPrefix + key);
    };
    for (let row = 0; row < batch.count; row++) {
      if (batch.price[row] !== tradePrice || batch.interval[row] !== intervalOf['1m']) continue;
      if (batch.state[row] === openState) continue;
      const { symbol, calendar } = symbolOf(batch, row);
      const start = batch.start[row] as number;
      need(symbol, calendar, start);
      // A late minute asks those behind it.
      const minutes = this.#symbols.get(symbol)?.minutes;
      if (!minutes) continue;
      for (let at = minutes.length - 1; minutes.start(at) > start; at--) {
        need(symbol, calendar, minutes.start(at));
      }
    }
    return [...keys];
  }

  /** Values of the state that a checkpoint waits for before they can leave memory. */
  get held(): number {
    return this.#volumes.held;
  }

  /** What changed since `saved` was last called, to be kept: the state is all that was kept. */
  unsaved(): KeptState[] {
    const symbols = Array.from(this.#changed, (state) => {
      return { key: symbolPrefix + state.symbol, value: state.encode() };
    });
    const volumes = this.#volumes.unsaved().map(({ key, value }) => {
      return { key: volumesPrefix + key, value };
    });
    return [...symbols, ...volumes];
  }

  /** To be called once what `unsaved` returned is durable. */
  saved(): void {
    this.#changed.clear();
    this.#volumes.evict();
  }

  /** Brings back what `unsaved` returned: all whose keys begin so at first, others when missing. */
  restore({ key, value }: KeptState): void {
    if (key.startsWith(volumesPrefix)) {
      this.#volumes.restore({ key: key.slice(volumesPrefix.length), value });
      return;
    }
    const state = SymbolState.decode(value, this.#publish);
    this.#symbols.set(state.symbol, state);
  }

  #takeTrades(batch: CandleBatch, row: number): void {
    const interval = batch.interval[row] as number;
    // Prices of trades that may not set any are no reason to call somebody.
    const isPriced = batch.priced[row] !== 0;
    if (interval === intervalOf['1m']) this.#takeMinute(batch, row, isPriced);
    else if (interval === intervalOf['1s']) this.#takeSecond(batch, row, isPriced);
    else if (interval === intervalOf['1h']) this.#takeHour(batch, row, isPriced);
  }

  #takeQuotes(batch: CandleBatch, row: number): void {
    const interval = batch.interval[row] as number;
    if (interval === intervalOf['1s']) this.#takeQuoteSecond(batch, row);
    else if (interval === intervalOf['1m']) this.#takeQuoteMinute(batch, row);
  }

  #takeSecond(batch: CandleBatch, row: number, isPriced: boolean): void {
    const state = this.#stateOf(batch, row);
    const { seconds, range } = state;
    const start = batch.start[row];
    const { newest } = seconds;
    if (start <= newest - secondsLateMax) return;
    if (isPriced) {
      const index = placePrices(seconds, batch, row, priceFactorOf(state, batch, row));
      range.include(start, seconds.high(index), seconds.low(index));
    } else if (seconds.remove(start) < 0) {
      return;
    }
    if (start > newest) {
      askNewestSpike(state);
      askNewestPrints(state);
    } else {
      askSpikesAround(state, start);
      askPrintsAround(state, start);
    }
    if (dropSeconds(seconds)) state.forget(['price-spike'], oldestOf(seconds));
  }

  #takeMinute(batch: CandleBatch, row: number, isPriced: boolean): void {
    const state = this.#stateOf(batch, row);
    const { minutes } = state;
    const start = batch.start[row];
    const { high, low } = volumeOf(state, batch, row);
    const at = sessionMinuteAt(state.calendar, start);
    if (at) this.#volumes.put(state, at, high, low);
    if (!isBeyondMinutes(minutes, state.minutesFrom, start)) {
      if (isEmptied(batch, row)) {
        this.#takeMinuteAway(state, start);
      } else {
        const factor = isPriced ? priceFactorOf(state, batch, row) : unpriced;
        const index = placePrices(minutes, batch, row, factor);
        minutes.setVolume(index, high, low);
        this.#askMinute(state, index, () => notionalIn(state, batch, row));
      }
    }
    askLaterVolumes(state, this.#volumes, start);
    const from = dropMinutes(minutes);
    if (from === null) return;
    state.minutesFrom = from;
    state.forget(ofMinutes, oldestOf(minutes));
  }

  /** Cancels took the last trade of a minute. */
  #takeMinuteAway(state: SymbolState, start: number): void {
    const index = state.minutes.remove(start);
    if (index < 0) return;
    state.settle({ kind: 'volatility', start }, null);
    state.settle({ kind: 'volume-anomaly', start }, null);
    askVolumesFrom(state, this.#volumes, index);
    askGapsWithout(state, start);
    askPrintMinutes(state, start);
    askStaleAt(state, start);
  }

  #askMinute(state: SymbolState, index: number, notional: () => bigint | null): void {
    const { minutes } = state;
    const start = minutes.start(index);
    askVolatility(state, index, notional);
    askVolumesFrom(state, this.#volumes, index);
    if (minutes.isPriced(index)) askGaps(state, index);
    else askGapsWithout(state, start);
    askPrintMinutes(state, start);
    askStaleAt(state, start);
  }

  #takeQuoteSecond(batch: CandleBatch, row: number): void {
    const state = this.#stateOf(batch, row);
    const { quoteSeconds } = state;
    const start = batch.start[row];
    if (start <= quoteSeconds.newest - secondsLateMax) return;
    askCrossed(state, placeQuote(quoteSeconds, state, batch, row));
    askQuotedSecond(state, start);
    if (dropSeconds(quoteSeconds)) state.forget(['crossed-quotes'], oldestOf(quoteSeconds));
  }

  #takeQuoteMinute(batch: CandleBatch, row: number): void {
    const state = this.#stateOf(batch, row);
    const { quoteMinutes } = state;
    const start = batch.start[row];
    if (isBeyondMinutes(quoteMinutes, state.quoteMinutesFrom, start)) return;
    const index = placeQuote(quoteMinutes, state, batch, row);
    askQuotedMinute(state, start);
    askStaleAfter(state, index - 1);
    askStaleAfter(state, index);
    const from = dropMinutes(quoteMinutes);
    if (from === null) return;
    state.quoteMinutesFrom = from;
    state.forget(['stale-quotes'], oldestOf(quoteMinutes));
  }

  #takeHour(batch: CandleBatch, row: number, isPriced: boolean): void {
    const state = this.#stateOf(batch, row);
    const start = batch.start[row];
    if (start < state.newestHour - minutesLateMax) return;
    const factor = priceFactorOf(state, batch, row);
    const [open, close] = [batch.open[row] * factor, batch.close[row] * factor];
    askPriceChange(state, { start, open, close }, isPriced);
    if (start <= state.newestHour) return;
    state.newestHour = start;
    state.forget(['price-change'], start - minutesLateMax);
  }

  #stateOf(batch: CandleBatch, row: number): SymbolState {
    const index = batch.symbol[row];
    this.#states[index] ??= this.#enter(batch.symbols[index]);
    return this.#states[index];
  }

  /** The state of a symbol, in scales that hold both, which is going to change. */
  #enter(of: CandleSymbol): SymbolState {
    let state = this.#symbols.get(of.symbol);
    if (!state) {
      state = new SymbolState(of, this.#publish);
      this.#symbols.set(of.symbol, state);
    }
    state.calendar = of.calendar;
    state.rescale(of.priceScale, of.sizeScale);
    this.#changed.add(state);
    return state;
  }
}

/** The first minute that candles in a window are of: nothing is asked of those before. */
function oldestOf(window: CandleWindow): number {
  return bucketStart(window.start(0), minute);
}

function symbolOf(batch: CandleBatch, row: number): CandleSymbol {
  return batch.symbols[batch.symbol[row]] as CandleSymbol;
}

/** What brings the prices of a row to the scale of its symbol. */
function priceFactorOf({ priceScale }: SymbolState, batch: CandleBatch, row: number): number {
  return powerOfTen(priceScale - symbolOf(batch, row).priceScale);
}

/** The same of sizes. */
function sizeFactorOf({ sizeScale }: SymbolState, batch: CandleBatch, row: number): bigint {
  return 10n ** BigInt(sizeScale - symbolOf(batch, row).sizeScale);
}

function placePrices(window: PriceWindow, batch: CandleBatch, row: number, factor: number): number {
  const { start, open, high, low, close } = batch;
  return window.place(
    start[row],
    open[row] * factor,
    high[row] * factor,
    low[row] * factor,
    close[row] * factor,
  );
}

/** Puts what a candle of bids or of asks makes of the quotes of its time in its place. */
function placeQuote(
  window: QuoteWindow,
  state: SymbolState,
  batch: CandleBatch,
  row: number,
): number {
  const start = batch.start[row];
  const factor = priceFactorOf(state, batch, row);
  return batch.price[row] === bidPrice
    ? window.placeBid(start, batch.low[row] * factor)
    : window.placeAsk(start, batch.high[row] * factor);
}

/** The limbs of a row's volume in the scale of its symbol. */
function volumeOf(state: SymbolState, batch: CandleBatch, row: number) {
  const [high, low] = [batch.volumeHigh[row], batch.volumeLow[row]];
  if (symbolOf(batch, row).sizeScale === state.sizeScale) return { high, low };
  return wideFromBigInt(wideToBigInt(high, low) * sizeFactorOf(state, batch, row));
}

/** Price x size of a row in the scales of its symbol; null where bars do not tell it. */
function notionalIn(state: SymbolState, batch: CandleBatch, row: number): bigint | null {
  const notional = notionalOf(batch, row);
  const priceFactor = BigInt(priceFactorOf(state, batch, row));
  return notional && notional * priceFactor * sizeFactorOf(state, batch, row);
}

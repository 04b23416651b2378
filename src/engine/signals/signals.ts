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
import { wideToBigInt } from '../../contracts/wide.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import {
  askNewestPrints,
  askPrintMinutes,
  askPrintsAround,
  askQuotedMinute,
  askQuotedSecond,
} from './bad-print.ts';
import { askCrossed } from './crossed-quotes.ts';
import { askGaps, askGapsWithout } from './gap-at-open.ts';
import { askPriceChange } from './price-change.ts';
import { askNewestSpike, askSpikesAround } from './price-spike.ts';
import {
  dropMinutes,
  dropSeconds,
  isBeyondMinutes,
  type MinuteSpan,
  minute,
  minutesLateMax,
  type PriceSpan,
  place,
  type QuoteSpan,
  remove,
  type Span,
  secondsLateMax,
  spanAt,
} from './span.ts';
import { askStaleAfter, askStaleAt, askStaleUntil } from './stale-quotes.ts';
import { SymbolState } from './symbol-state.ts';
import { askVolatility } from './volatility.ts';
import { askLaterVolumes, askVolumesFrom } from './volume-anomaly.ts';
import { type KeptState, pageKey, sessionMinuteAt, VolumeHistory } from './volume-history.ts';

/** What the keys of each symbol's state begin with. */
export const symbolPrefix = 'symbol ';
const volumesPrefix = 'volumes ';

const bidPrice = priceKinds.indexOf('bid');
const askPrice = priceKinds.indexOf('ask');
const tradePrice = priceKinds.indexOf('trade');
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
  #found: Signal[] = [];
  readonly #publish = (signal: Signal, state: SymbolState): void => {
    this.#found.push(signal);
    this.#changed.add(state);
  };

  /** What the closed candles of a batch raise, change and retract. */
  apply(batch: CandleBatch): readonly Signal[] {
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
      const minutes = this.#symbols.get(symbol)?.minutes ?? [];
      for (let at = minutes.length - 1; (minutes[at]?.start ?? start) > start; at--) {
        need(symbol, calendar, (minutes[at] as MinuteSpan).start);
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
    const { seconds } = state;
    const span = priceSpanOf(batch, row, state);
    const newest = seconds.at(-1)?.start ?? Number.NEGATIVE_INFINITY;
    if (span.start <= newest - secondsLateMax) return;
    if (isPriced) {
      place(seconds, span);
      state.range.include(span);
    } else if (remove(seconds, span.start) < 0) {
      return;
    }
    if (span.start > newest) {
      askNewestSpike(state);
      askNewestPrints(state);
    } else {
      askSpikesAround(state, span.start);
      askPrintsAround(state, span.start);
    }
    if (dropSeconds(seconds)) state.forget(['price-spike'], oldestOf(seconds));
  }

  #takeMinute(batch: CandleBatch, row: number, isPriced: boolean): void {
    const state = this.#stateOf(batch, row);
    const { minutes } = state;
    const span = minuteSpanOf(batch, row, state, isPriced);
    const at = sessionMinuteAt(state.calendar, span.start);
    if (at) this.#volumes.put(state, at, span.volume);
    if (!isBeyondMinutes(minutes, state.minutesFrom, span.start)) {
      if (isEmptied(batch, row)) this.#takeMinuteAway(state, span.start);
      else this.#askMinute(state, span, place(minutes, span));
    }
    askLaterVolumes(state, this.#volumes, span.start);
    const from = dropMinutes(minutes);
    if (from === null) return;
    state.minutesFrom = from;
    state.forget(ofMinutes, oldestOf(minutes));
  }

  /** Cancels took the last trade of a minute. */
  #takeMinuteAway(state: SymbolState, start: number): void {
    const index = remove(state.minutes, start);
    if (index < 0) return;
    state.settle({ kind: 'volatility', start }, null);
    state.settle({ kind: 'volume-anomaly', start }, null);
    askVolumesFrom(state, this.#volumes, index);
    askGapsWithout(state, start);
    askPrintMinutes(state, start);
    askStaleAt(state, start);
  }

  #askMinute(state: SymbolState, span: MinuteSpan, index: number): void {
    askVolatility(state, span);
    askVolumesFrom(state, this.#volumes, index);
    if (span.isPriced) askGaps(state, span);
    else askGapsWithout(state, span.start);
    askPrintMinutes(state, span.start);
    askStaleAt(state, span.start);
  }

  #takeQuoteSecond(batch: CandleBatch, row: number): void {
    const state = this.#stateOf(batch, row);
    const { quoteSeconds } = state;
    const span = quoteSpanOf(batch, row, state, quoteSeconds);
    const newest = quoteSeconds.at(-1)?.start ?? Number.NEGATIVE_INFINITY;
    if (span.start <= newest - secondsLateMax) return;
    place(quoteSeconds, span);
    askCrossed(state, span);
    askQuotedSecond(state, span.start);
    if (dropSeconds(quoteSeconds)) state.forget(['crossed-quotes'], oldestOf(quoteSeconds));
  }

  #takeQuoteMinute(batch: CandleBatch, row: number): void {
    const state = this.#stateOf(batch, row);
    const { quoteMinutes } = state;
    const span = quoteSpanOf(batch, row, state, quoteMinutes);
    if (isBeyondMinutes(quoteMinutes, state.quoteMinutesFrom, span.start)) return;
    const index = place(quoteMinutes, span);
    askQuotedMinute(state, span.start);
    askStaleAfter(state, index - 1);
    askStaleAfter(state, index);
    const from = dropMinutes(quoteMinutes);
    if (from === null) return;
    state.quoteMinutesFrom = from;
    state.forget(['stale-quotes'], oldestOf(quoteMinutes));
  }

  #takeHour(batch: CandleBatch, row: number, isPriced: boolean): void {
    const state = this.#stateOf(batch, row);
    const span = priceSpanOf(batch, row, state);
    if (span.start < state.newestHour - minutesLateMax) return;
    askPriceChange(state, span, isPriced);
    if (span.start <= state.newestHour) return;
    state.newestHour = span.start;
    state.forget(['price-change'], span.start - minutesLateMax);
  }

  #stateOf(batch: CandleBatch, row: number): SymbolState {
    const of = symbolOf(batch, row);
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
function oldestOf(spans: readonly Span[]): number {
  return bucketStart((spans[0] as Span).start, minute);
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

/** What a candle of bids or of asks makes of the quotes of its time. */
function quoteSpanOf(
  batch: CandleBatch,
  row: number,
  { priceScale }: SymbolState,
  known: readonly QuoteSpan[],
): QuoteSpan {
  const factor = powerOfTen(priceScale - symbolOf(batch, row).priceScale);
  const start = batch.start[row] as number;
  const { bid, ask } = spanAt(known, start) ?? { bid: 0, ask: 0 };
  return batch.price[row] === bidPrice
    ? { start, bid: (batch.low[row] as number) * factor, ask }
    : { start, bid, ask: (batch.high[row] as number) * factor };
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

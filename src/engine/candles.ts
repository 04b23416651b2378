// The candle operator: (state, batch) -> candles of every interval. Pure: no I/O, no clock, no
// randomness; all it knows comes from the batches it is given, in log order, so that a replay of
// the log gives the same candles, revisions and all.
//
// A batch is folded in runs: consecutive trades of one series in one second go to one slot, which
// is then merged into the candle of its second and, by way of a run of its minute, into the coarser
// ones. So a trade costs one fold, a second two merges, and a minute the six other intervals.

import type { BarBatch } from '../contracts/bar.ts';
import {
  type CandleBatch,
  type CandleColumn,
  type CandleSymbol,
  candleColumns,
  candleStates,
  type PriceKind,
  priceKinds,
} from '../contracts/candle.ts';
import { powerOfTen } from '../contracts/decimal.ts';
import type { EventBatch } from '../contracts/event-columns.ts';
import type { Heartbeat } from '../contracts/heartbeat.ts';
import type { BatchInstrument } from '../contracts/instrument.ts';
import { type Interval, intervalMicros, intervals } from '../contracts/interval.ts';
import type { MarkBatch } from '../contracts/mark.ts';
import { countingQuotes, type QuoteBatch } from '../contracts/quote.ts';
import { countingTrades, type TradeBatch } from '../contracts/trade.ts';
import { cancel, correction, counts, late } from '../contracts/verdict.ts';
import { bucketOf, day, startOf } from './buckets.ts';
import {
  CandleBook,
  extraDigitsOf,
  keyPrefix,
  parseCandleKey,
  type Series,
} from './candle-book.ts';
import { foldInput, type Prices, tradePrices } from './candle-prices.ts';
import {
  besideBars,
  cancelledCandles,
  partsOf,
  type Refold,
  refold,
  remerge,
  type StoredCandle,
} from './candle-refolds.ts';
import type { SlotBar } from './candle-slots.ts';
import * as at from './candle-slots.ts';
import {
  type CandleSnapshot,
  eachUnsaved,
  evict,
  resume,
  snapshotOf,
  type TakeClosed,
} from './candle-snapshot.ts';
import { MarkRows } from './marks.ts';
import { movesOfBatch } from './tape-rules.ts';

export interface CandleOptions {
  /** How far event time may run ahead of a trade that still counts as on time, microseconds. */
  readonly allowedLateness: number;
  /** Open candles are published at most this often, in microseconds of receive time. */
  readonly openEvery: number;
}

/** Every day of every calendar is made of whole quarters of an hour. */
const quarter = intervalMicros[intervals.indexOf('15m')] as number;
/** Intervals that a fold goes to: before this index. */
const withinDays = day;
const wholeDays = intervals.length;
/** What is 0 of a candle that lost all its trades. */
const figures = candleColumns.slice(at.OPEN, at.REVISION);
const noTags = new Uint16Array();
const second = intervalMicros[0] as number;
const minuteInterval = intervals.indexOf('1m');
const minute = intervalMicros[minuteInterval] as number;
const openState = candleStates.indexOf('open');
const finalState = candleStates.indexOf('final');
const revisedState = candleStates.indexOf('revised');

export class CandleOperator {
  readonly #options: CandleOptions;
  readonly #book = new CandleBook();
  #marks = new MarkRows();
  #openPublished = 0;
  /** Log offset of the batch being applied. */
  #batch = 0;

  constructor(options: CandleOptions) {
    this.#options = options;
  }

  /** Goes on from a checkpoint: `series` is each one that was stored, as it was stored last. */
  static fromSnapshot(snapshot: CandleSnapshot, options: CandleOptions): CandleOperator {
    const operator = new CandleOperator(options);
    operator.#openPublished = snapshot.openPublished;
    resume(operator.#book, snapshot);
    return operator;
  }

  /** Candles in memory: bounded by the open ones and what closed since the last checkpoint. */
  get held(): number {
    return this.#book.slots.count;
  }

  /** Closed candles in memory: they leave it with the next checkpoint. */
  get closed(): number {
    return this.#book.unsaved.length;
  }

  /**
   * Folds the trades of the batch at `offset` of the log. Candles stored elsewhere that `missing`
   * names must have been restored before. Cancels are for `cancelled`, which is asked next.
   */
  applyTrades(batch: TradeBatch, offset: number): void {
    this.#batch = offset;
    const { within, day: daily } = movesOfBatch(batch);
    const trades = countingTrades(batch);
    const series = this.#fold(tradePrices(trades, within), daily ? withinDays : wholeDays);
    if (daily) this.#foldDays(tradePrices(trades, daily));
    for (const touched of series) this.#close(touched);
  }

  /**
   * The candles that cancels in the batch just applied may change: those of their seconds, and of
   * their days by other rules. The caller refolds those that lost a trade, then `remerge`s.
   */
  cancelled(batch: TradeBatch): readonly Refold[] {
    return cancelledCandles(this.#book, batch);
  }

  /** How many candles such cancels leave as they are: with bars beside their trades. */
  besideBars(batch: TradeBatch): number {
    return besideBars(this.#book, batch);
  }

  /** Folds a candle anew from the trades that are left of it. */
  refold(candle: Refold, trades: readonly TradeBatch[]): void {
    refold(this.#book, this.#marks, candle, trades);
  }

  /** Keys of the closed candles that `remerge` merges and that are not in memory. */
  parts(refolds: readonly Refold[]): readonly string[] {
    return partsOf(this.#book, refolds);
  }

  /** Merges the longer candles of refolded seconds anew, given what `parts` asked for. */
  remerge(refolds: readonly Refold[], stored: readonly StoredCandle[]): void {
    remerge(this.#book, this.#marks, refolds, stored);
  }

  /** Folds quotes into bid, ask and mid candles; a side without a price is left alone. */
  applyQuotes(batch: QuoteBatch): void {
    const { count, bid, ask } = countingQuotes(batch);
    const mid = new Float64Array(count);
    for (let row = 0; row < count; row++) {
      const [bidPrice, askPrice] = [bid[row] as number, ask[row] as number];
      // (bid + ask) / 2 needs one more digit: in that scale it is the integer (bid + ask) * 5.
      if (bidPrice > 0 && askPrice > 0) mid[row] = (bidPrice + askPrice) * 5;
    }
    const quotes = { ...batch, size: null, tag: noTags, moves: null };
    const series = [
      ...this.#fold({ ...quotes, kind: 'bid', price: bid }, wholeDays),
      ...this.#fold({ ...quotes, kind: 'ask', price: ask }, wholeDays),
      ...this.#fold({ ...quotes, kind: 'mid', price: mid }, wholeDays),
    ];
    for (const touched of series) this.#close(touched);
  }

  /** Merges bars into the candles of their interval and of the longer ones. */
  applyBars(batch: BarBatch): void {
    const { instruments, source, recording } = batch;
    const { slots } = this.#book;
    const series = this.#book.seriesOf(instruments, 'trade');
    const finest = intervals.indexOf(batch.interval);
    for (let row = 0; row < batch.count; row++) {
      if (!counts(batch.verdict[row] as number)) continue;
      const touched = series[batch.instrument[row] as number] as Series;
      const bar = this.#barAt(batch, row, touched, finest);
      slots.setBar(touched.run, bar);
      for (let interval = finest; interval < wholeDays; interval++) {
        this.#mergeInto(touched, interval, touched.run, bar.start);
      }
      slots.end(touched.run);
      if (bar.time > touched.clock) touched.clock = bar.time;
      for (const time of [bar.start, bar.time]) touched.marks.see(time, source, recording);
      touched.marks.cover(finest, bar.start);
    }
    for (const touched of series) this.#close(touched);
  }

  #barAt(batch: BarBatch, row: number, series: Series, interval: number): SlotBar {
    const { priceScale, sizeScale, calendar } = series;
    const entry = batch.instruments[batch.instrument[row] as number] as BatchInstrument;
    const priceFactor = powerOfTen(priceScale - entry.priceScale);
    const time = batch.eventTime[row] as number;
    return {
      start: startOf(calendar, interval, time),
      time,
      open: (batch.open[row] as number) * priceFactor,
      high: (batch.high[row] as number) * priceFactor,
      low: (batch.low[row] as number) * priceFactor,
      close: (batch.close[row] as number) * priceFactor,
      volume: (batch.volume[row] as number) * powerOfTen(sizeScale - entry.sizeScale),
      id: batch.id[row] as number,
    };
  }

  /** Moves the clocks of the symbols it names, which closes their candles. */
  applyHeartbeat({ source, symbols, eventTime, complete }: Heartbeat): void {
    // The allowed lateness is for what may still come; after the end of a file nothing can.
    const clock = complete ? eventTime + this.#options.allowedLateness : eventTime;
    // Nor does anything come that would make open candles known: they are due now.
    if (complete) this.#openPublished = 0;
    for (const symbol of symbols) {
      for (const price of priceKinds) {
        const series = this.#book.find(symbol, price);
        if (!series) continue;
        series.marks.beat(eventTime, source);
        series.clock = Math.max(series.clock, clock);
        this.#close(series);
      }
    }
  }

  /**
   * Keys of the closed candles that the batch's late rows and cancels may touch and that are not
   * in memory: the caller restores those it has stored before it applies the batch. The rows touch
   * candles of the `finest` interval and longer ones.
   */
  missing(
    batch: EventBatch,
    prices: readonly PriceKind[],
    finest: Interval = '1s',
  ): readonly string[] {
    const keys = new Set<string>();
    // Nearly all batches are on time as a whole.
    if (![late, correction, cancel].some((code) => batch.verdict.includes(code))) return [];
    let previous = Number.NaN;
    for (let row = 0; row < batch.count; row++) {
      const verdict = batch.verdict[row];
      if (verdict !== late && verdict !== correction && verdict !== cancel) continue;
      const index = batch.instrument[row] as number;
      const bucket = Math.floor((batch.eventTime[row] as number) / second);
      const here = bucket * batch.instruments.length + index;
      if (here === previous) continue;
      previous = here;
      const instrument = batch.instruments[index] as BatchInstrument;
      for (const price of prices) {
        this.#missingOf(instrument, price, intervals.indexOf(finest), bucket * second, keys);
      }
    }
    return [...keys];
  }

  #missingOf(
    { symbol, calendar }: BatchInstrument,
    price: PriceKind,
    finest: number,
    time: number,
    keys: Set<string>,
  ): void {
    const series = this.#book.find(symbol, price);
    for (let interval = finest; interval < intervals.length; interval++) {
      const bucket = bucketOf(interval, startOf(calendar, interval, time));
      if (series?.held[interval]?.has(bucket)) continue;
      keys.add(keyPrefix(symbol, price, interval) + bucket);
    }
  }

  /** Brings back a closed candle that an earlier checkpoint handed out. */
  restore({ key, fields }: StoredCandle): void {
    const { symbol, price, interval } = parseCandleKey(key);
    const priceScale = (fields[at.PRICE_SCALE] as number) - extraDigitsOf(price);
    const sizeScale = fields[at.SIZE_SCALE] as number;
    const series = this.#book.enter({ symbol, priceScale, sizeScale }, price);
    const { slots } = this.#book;
    const slot = this.#book.hold(series, interval, fields[at.START] as number);
    slots.load(slot, fields);
    slots.rescale(slot, series.priceScale, series.sizeScale);
    slots.data[slot + at.CLOSED] = 1;
    this.#book.save(slot);
  }

  /**
   * What became publishable since the last call, or null: final candles, revised ones, and the open
   * ones once per `openEvery`. `receiveTime` is that of the newest record applied.
   */
  publish(receiveTime: number): CandleBatch | null {
    const { finals, revised } = this.#book;
    const { data } = this.#book.slots;
    // What closed and then lost a trade to a cancel of the same batch goes out once, as it is left.
    for (const slot of finals) revised.delete(slot);
    for (const slot of revised) data[slot + at.REVISION] = (data[slot + at.REVISION] as number) + 1;
    const slots = this.#asTheyClose([...revised, ...finals]);
    const states = slots.map((slot) => (revised.has(slot) ? revisedState : finalState));
    if (receiveTime >= this.#openPublished + this.#options.openEvery) {
      this.#openPublished = receiveTime;
      for (const series of this.#book.series) {
        for (const slot of series.open) {
          if (data[slot + at.DIRTY] !== 1) continue;
          slots.push(slot);
          states.push(openState);
          series.isChanged = true;
        }
      }
    }
    if (slots.length === 0) return null;
    const batch = this.#batchOf(slots, Uint8Array.from(states), receiveTime);
    for (const slot of slots) data[slot + at.DIRTY] = 0;
    this.#book.finals = [];
    revised.clear();
    return batch;
  }

  /**
   * Slots in the order of their ends, the shorter candles first: however many trades a batch has,
   * whoever reads on sees a candle before those that close after it.
   */
  #asTheyClose(slots: number[]): number[] {
    const { data } = this.#book.slots;
    return slots.sort(
      (a, b) =>
        (data[a + at.END] as number) - (data[b + at.END] as number) ||
        (data[a + at.INTERVAL] as number) - (data[b + at.INTERVAL] as number),
    );
  }

  /** The marks of the intervals that are over since the last call: they follow its candles. */
  publishMarks(receiveTime: number): MarkBatch | null {
    if (this.#marks.count === 0) return null;
    const batch = this.#marks.toBatch(receiveTime);
    this.#marks = new MarkRows();
    return batch;
  }

  /** Hands over the closed candles in memory, to be stored by their keys. */
  eachUnsaved(take: TakeClosed): void {
    eachUnsaved(this.#book, take);
  }

  /**
   * Clocks, and the series whose open candles or scales changed since the last checkpoint: to be
   * stored with what `eachUnsaved` hands over at the same log position.
   */
  snapshot(): CandleSnapshot {
    return snapshotOf(this.#book, this.#openPublished);
  }

  /** Drops what `eachUnsaved` handed over: once that and the snapshot are durable. */
  evict(): void {
    evict(this.#book);
  }

  /** Folds prices into the candles of a second, and of a minute up to before `end`. */
  #fold(prices: Prices, end: number): readonly Series[] {
    const { slots } = this.#book;
    const series = this.#book.seriesOf(prices.instruments, prices.kind);
    if (prices.moves !== null) advance(prices, prices.moves, series);
    const endRun = (index: number): void => this.#endRun(series[index] as Series, prices, end);
    slots.foldRuns(foldInput(prices, series), second, endRun);
    for (const touched of series) {
      if (!slots.isEmpty(touched.run)) this.#endRun(touched, prices, end);
      this.#endMinuteRun(touched, end);
      // A run that trades began which move nothing covers a time, though it is empty.
      slots.end(touched.run);
    }
    return series;
  }

  /** Folds prices into the candles of a day alone, where the tape has other rules for them. */
  #foldDays(prices: Prices): void {
    const { slots } = this.#book;
    const series = this.#book.seriesOf(prices.instruments, prices.kind);
    const endRun = (ended: Series): void => {
      const start = slots.data[ended.run + at.START] as number;
      const slot = this.#mergeInto(ended, day, ended.run, start);
      slots.flag(slot, at.ownRules);
      slots.end(ended.run);
    };
    const input = foldInput(prices, series);
    slots.foldRuns(input, quarter, (index) => endRun(series[index] as Series));
    for (const touched of series) {
      if (!slots.isEmpty(touched.run)) endRun(touched);
      slots.end(touched.run);
    }
  }

  /** Merges the series' run into its second candle and its minute run, and leaves it empty. */
  #endRun(series: Series, { source, recording }: Prices, end: number): void {
    const { run, minuteRun } = series;
    const { slots } = this.#book;
    const start = slots.data[run + at.START] as number;
    const lastTime = slots.data[run + at.CLOSE_TIME] as number;
    if (lastTime > series.clock) series.clock = lastTime;
    series.marks.see(lastTime, source, recording);
    if (!this.#covers(minuteRun, start)) {
      this.#endMinuteRun(series, end);
      slots.begin(minuteRun, start, minute);
    }
    slots.merge(run, minuteRun);
    this.#mergeInto(series, 0, run, start);
    slots.end(run);
  }

  /** Merges the minute run into the candles of a minute up to before `end`, and leaves it empty. */
  #endMinuteRun(series: Series, end: number): void {
    const { minuteRun } = series;
    const { slots } = this.#book;
    if (slots.isEmpty(minuteRun)) return;
    const start = slots.data[minuteRun + at.START] as number;
    for (let interval = 1; interval < end; interval++) {
      this.#mergeInto(series, interval, minuteRun, start);
    }
    slots.end(minuteRun);
  }

  #mergeInto(series: Series, interval: number, run: number, start: number): number {
    let slot = series.recent[interval] as number;
    if (slot === -1 || !this.#covers(slot, start)) {
      slot = this.#book.slotFor(series, interval, start);
      series.recent[interval] = slot;
    }
    const { slots } = this.#book;
    slots.merge(run, slot);
    const { data } = slots;
    const batch = this.#batch;
    if (batch < (data[slot + at.FIRST_BATCH] as number)) data[slot + at.FIRST_BATCH] = batch;
    if (batch > (data[slot + at.LAST_BATCH] as number)) data[slot + at.LAST_BATCH] = batch;
    this.#book.revise(slot);
    return slot;
  }

  #covers(slot: number, time: number): boolean {
    const { data } = this.#book.slots;
    return time >= (data[slot + at.START] as number) && time < (data[slot + at.END] as number);
  }

  #close(series: Series): void {
    const { slots } = this.#book;
    const { data } = slots;
    const { open, marks } = series;
    const watermark = series.clock - this.#options.allowedLateness;
    const minutes: number[] = [];
    let stillOpen = 0;
    for (const slot of open) {
      const end = data[slot + at.END] as number;
      if (end > watermark) {
        open[stillOpen++] = slot;
        continue;
      }
      this.#book.close(slot);
      if (marks.hasTold(end)) slots.flag(slot, at.afterMark);
      if (data[slot + at.INTERVAL] === minuteInterval && !slots.isEmpty(slot))
        minutes.push(data[slot + at.START] as number);
    }
    if (stillOpen < open.length) {
      open.length = stillOpen;
      series.isChanged = true;
    }
    if (!marks.isDue(watermark)) return;
    const taker = this.#marks.taker(series.symbol, priceKinds.indexOf(series.price));
    marks.tell(watermark, minutes, series.calendar, taker);
  }

  #batchOf(slots: readonly number[], state: Uint8Array, receiveTime: number): CandleBatch {
    const { series: all } = this.#book;
    const { data } = this.#book.slots;
    const count = slots.length;
    const columns = {} as Record<CandleColumn, Float64Array>;
    for (const [field, column] of candleColumns.entries()) {
      const values = new Float64Array(count);
      for (let row = 0; row < count; row++)
        values[row] = data[(slots[row] as number) + field] as number;
      columns[column] = values;
    }
    const symbols: CandleSymbol[] = [];
    const symbolOf = new Map<Series, number>();
    const batch = {
      ...columns,
      count,
      receiveTime,
      symbols,
      symbol: new Uint16Array(count),
      price: new Uint8Array(count),
      interval: new Uint8Array(count),
      state,
    };
    for (let row = 0; row < count; row++) {
      const slot = slots[row] as number;
      const series = all[data[slot + at.SERIES] as number] as Series;
      let index = symbolOf.get(series);
      if (index === undefined) {
        const { symbol, priceScale, sizeScale, calendar } = series;
        index = symbols.push({ symbol, priceScale, sizeScale, calendar }) - 1;
        symbolOf.set(series, index);
      }
      batch.symbol[row] = index;
      batch.price[row] = priceKinds.indexOf(series.price);
      batch.interval[row] = data[slot + at.INTERVAL] as number;
      if (this.#book.slots.isEmpty(slot)) for (const column of figures) columns[column][row] = 0;
    }
    return batch;
  }
}

/** Moves the clocks by all trades, also by those that move no price, or nothing at all. */
function advance(batch: Prices, moves: Uint8Array, series: readonly Series[]): void {
  const { count, instrument, eventTime, tag, source, recording } = batch;
  for (let row = 0; row < count; ) {
    const index = instrument[row] as number;
    const of = series[index] as Series;
    let { clock } = of;
    for (; row < count && instrument[row] === index; row++) {
      const time = eventTime[row] as number;
      if (time > clock) clock = time;
      // No run tells of it.
      if (moves[tag[row] as number] === 0) of.marks.see(time, source, recording);
    }
    of.clock = clock;
  }
}

// The candle operator: (state, batch) -> candles of every interval. Pure: no I/O, no clock, no
// randomness; all it knows comes from the batches it is given, in log order, so that a replay of
// the log gives the same candles, revisions and all.
//
// A batch is folded in runs: consecutive trades of one series in one second go to one slot, which
// is then merged into the candle of its second and, by way of a run of its minute, into the coarser
// ones. So a trade costs one fold, a second two merges, and a minute the six other intervals.
//
// A cancel cannot be subtracted: open, high, low and close forget what they outdid. So the second
// is folded anew from the trades that are left of it, and each longer candle is merged anew from
// shorter ones; see docs/decisions/0009-cancels.md.

import { strict as assert } from 'node:assert/strict';
import type { BarBatch } from '../contracts/bar.ts';
import {
  type CandleBatch,
  type CandleColumn,
  type CandleSymbol,
  candleColumns,
  type PriceKind,
  priceKinds,
} from '../contracts/candle.ts';
import { powerOfTen } from '../contracts/decimal.ts';
import type { EventBatch } from '../contracts/event-columns.ts';
import type { Heartbeat } from '../contracts/heartbeat.ts';
import { alwaysOpenCalendar, type BatchInstrument } from '../contracts/instrument.ts';
import { type Interval, intervalMicros, intervals } from '../contracts/interval.ts';
import type { MarkBatch } from '../contracts/mark.ts';
import type { QuoteBatch } from '../contracts/quote.ts';
import { countingTrades, type TradeBatch } from '../contracts/trade.ts';
import { cancel, correction, late } from '../contracts/verdict.ts';
import { bucketOf, day, endOf, startOf } from './buckets.ts';
import * as at from './candle-slots.ts';
import { CandleSlots, type FoldInput, type SlotBar } from './candle-slots.ts';
import { IntervalMarks, MarkRows, type MarksSnapshot, noTrades } from './marks.ts';
import { movesOfBatch } from './tape-rules.ts';

export interface CandleOptions {
  /** How far event time may run ahead of a trade that still counts as on time, microseconds. */
  readonly allowedLateness: number;
  /** Open candles are published at most this often, in microseconds of receive time. */
  readonly openEvery: number;
}

/** One symbol and price kind: what candles of all intervals are built from. */
interface Series {
  readonly index: number;
  readonly symbol: string;
  readonly price: PriceKind;
  priceScale: number;
  sizeScale: number;
  calendar: string;
  /** Newest event time seen, by trades and heartbeats. */
  clock: number;
  /** The slots that take the runs of the second and minute being folded; empty between batches. */
  readonly run: number;
  readonly minuteRun: number;
  /** Slots of candles that are not closed, in order of creation. */
  open: number[];
  /** Whether a checkpoint would keep it differently than the last, for more than dirty candles. */
  isChanged: boolean;
  /** Every slot held, by interval and bucket number. */
  readonly held: Map<number, number>[];
  /** The slot of each interval that the last run went to: where the next most likely goes. */
  readonly recent: Int32Array;
  readonly marks: IntervalMarks;
  /** Per interval, what the keys of its stored candles begin with. */
  readonly keys: readonly string[];
}

/** A closed candle outside memory: where it is kept, and its `closedFields` doubles. */
export interface StoredCandle {
  readonly key: string;
  readonly fields: Float64Array;
}

/** Closed candles of one series and interval, to be kept outside memory. */
export interface ClosedCandles {
  /** What the key of each begins with; its bucket number follows. */
  readonly prefix: string;
  readonly buckets: Float64Array;
  /** `closedFields` doubles to a candle. */
  readonly fields: Float64Array;
}

/** A candle to be folded anew, and where in the log its trades stand. */
export interface Refold {
  readonly symbol: string;
  /** Index into `intervals`: a second, or a day where the tape has rules of its own for days. */
  readonly interval: number;
  /** [start, end), microseconds of event time. */
  readonly start: number;
  readonly end: number;
  /** Log offsets of the first and the last batch. */
  readonly firstBatch: number;
  readonly lastBatch: number;
}

/** How many doubles hold a closed candle. */
export const closedFields = at.storedFields;

/** A series as checkpoints keep it. */
export interface StoredSeries {
  readonly symbol: string;
  readonly price: PriceKind;
  readonly calendar: string;
  /** Its index and scales, then of each open candle: interval, whether dirty, stored fields. */
  readonly fields: Float64Array;
}

/** The marks of a series as checkpoints keep them. */
export interface StoredMarks {
  readonly symbol: string;
  readonly price: PriceKind;
  readonly state: MarksSnapshot;
}

/** What is small, to be stored at each checkpoint, and the series, of which few change. */
export interface CandleSnapshot {
  readonly openPublished: number;
  /** By index of series. */
  readonly clocks: readonly number[];
  readonly series: readonly StoredSeries[];
  readonly marks: readonly StoredMarks[];
}

const seriesFields = 3;
const openFields = 2 + at.storedFields;

/** A batch's prices of one kind, and what they are folded with. */
interface Prices extends EventBatch {
  readonly kind: PriceKind;
  /** Digits that the kind's prices have more than the batch's scales say. */
  readonly extraDigits: number;
  readonly price: Float64Array;
  readonly size: Float64Array | null;
  readonly tag: Uint16Array;
  readonly moves: Uint8Array | null;
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
/** A mid price halves a sum, so it needs one digit more than its bid and ask. */
const midDigits = 1;

export class CandleOperator {
  readonly #options: CandleOptions;
  readonly #slots = new CandleSlots();
  readonly #series: Series[] = [];
  readonly #indexOf = new Map<string, number>();
  /** Closed slots that wait for a checkpoint: all closed ones that are in memory. */
  #unsaved: number[] = [];
  #revised = new Set<number>();
  #finals: number[] = [];
  #marks = new MarkRows();
  #openPublished = 0;
  /** Log offset of the batch being applied. */
  #batch = 0;

  constructor(options: CandleOptions) {
    this.#options = options;
  }

  /** Candles in memory: bounded by the open ones and what closed since the last checkpoint. */
  get held(): number {
    return this.#slots.count;
  }

  /** Closed candles in memory: they leave it with the next checkpoint. */
  get closed(): number {
    return this.#unsaved.length;
  }

  /**
   * Folds the trades of the batch at `offset` of the log. Candles stored elsewhere that `missing`
   * names must have been restored before. Cancels are for `cancelled`, which is asked next.
   */
  applyTrades(batch: TradeBatch, offset: number): void {
    this.#batch = offset;
    const { within, day } = movesOfBatch(batch);
    const trades = { ...countingTrades(batch), kind: 'trade', extraDigits: 0 } as const;
    const series = this.#fold({ ...trades, moves: within }, day === null ? wholeDays : withinDays);
    if (day !== null) this.#foldDays({ ...trades, moves: day });
    for (const touched of series) this.#close(touched);
  }

  /**
   * The candles that cancels in the batch just applied may change: those of their seconds, and of
   * their days by other rules. The caller refolds those that lost a trade, then `remerge`s.
   */
  cancelled(batch: TradeBatch): readonly Refold[] {
    const refolds = new Map<number, Refold>();
    for (const { series, interval, slot } of this.#named(batch)) {
      // What was restored for this leaves memory again, changed or not.
      if (this.#slots.data[slot + at.CLOSED] === 1) this.#save(slot);
      const isFolded = interval === 0 || this.#slots.hasFlag(slot, at.ownRules);
      if (isFolded && !this.#slots.holdsBars(slot))
        refolds.set(slot, this.#refoldOf(series, interval, slot));
    }
    return [...refolds.values()];
  }

  /** How many candles such cancels leave as they are: with bars beside their trades. */
  besideBars(batch: TradeBatch): number {
    const data = this.#slots.data;
    const slots = new Set<number>();
    for (const { slot } of this.#named(batch)) {
      if (this.#slots.holdsBars(slot) && (data[slot + at.TRADES] as number) > 0) slots.add(slot);
    }
    return slots.size;
  }

  /** The candles in memory, of all intervals, at the times of the batch's cancels. */
  *#named(batch: TradeBatch): Generator<{ series: Series; interval: number; slot: number }> {
    for (let row = 0; row < batch.count; row++) {
      if (batch.verdict[row] !== cancel) continue;
      const { symbol } = batch.instruments[batch.instrument[row] as number] as BatchInstrument;
      const series = this.#find(symbol, 'trade');
      if (!series) continue;
      for (let interval = 0; interval < intervals.length; interval++) {
        const slot = this.#held(series, interval, batch.eventTime[row] as number);
        if (slot !== undefined) yield { series, interval, slot };
      }
    }
  }

  /** Folds a candle anew from the trades that are left of it: bars are none, so it holds none. */
  refold(refold: Refold, trades: readonly TradeBatch[]): void {
    const { symbol, interval, start, end } = refold;
    const series = this.#find(symbol, 'trade') as Series;
    const slot = this.#held(series, interval, start) as number;
    const { run } = series;
    this.#slots.empty(slot);
    for (const batch of trades) {
      const { within, day: daily } = movesOfBatch(batch);
      const moves = interval === day ? (daily ?? within) : within;
      const input = this.#inputOf({ ...batch, kind: 'trade', extraDigits: 0, moves }, [series]);
      this.#slots.cover(run, start, end);
      this.#slots.foldRuns(input, end - start, () => assert.fail('all are of one candle'));
      if (!this.#slots.isEmpty(run)) this.#slots.merge(run, slot);
    }
    this.#slots.end(run);
    this.#revise(slot);
    this.#markEmpty(series, slot);
  }

  /** Keys of the closed candles that `remerge` merges and that are not in memory. */
  parts(refolds: readonly Refold[]): readonly string[] {
    const keys = new Set<string>();
    for (const { series, slot } of this.#mergedOf(refolds)) {
      for (const { interval, bucket } of this.#partsOf(slot)) {
        if (series.held[interval]?.has(bucket)) continue;
        keys.add((series.keys[interval] as string) + bucket);
      }
    }
    return [...keys];
  }

  /** Merges the longer candles of refolded seconds anew, given what `parts` asked for. */
  remerge(refolds: readonly Refold[], stored: readonly StoredCandle[]): void {
    const fieldsOf = new Map(stored.map(({ key, fields }) => [key, fields]));
    for (const { series, slot } of this.#mergedOf(refolds)) {
      this.#slots.empty(slot);
      for (const { interval, bucket } of this.#partsOf(slot)) {
        const held = series.held[interval]?.get(bucket);
        const fields = fieldsOf.get((series.keys[interval] as string) + bucket);
        if (held !== undefined) this.#mergePart(held, slot);
        else if (fields) this.#mergeStored(series, fields, slot);
      }
      this.#revise(slot);
      this.#markEmpty(series, slot);
    }
  }

  /** Of a candle that lost all its trades, nobody is told that it traded. */
  #markEmpty({ symbol, price, marks }: Series, slot: number): void {
    if (!this.#slots.isEmpty(slot)) return;
    const data = this.#slots.data;
    const [interval, start] = [data[slot + at.INTERVAL] as number, data[slot + at.START] as number];
    if (interval < minuteInterval) return;
    if (data[slot + at.CLOSED] === 0) marks.empty(interval, start);
    else if (!this.#slots.hasFlag(slot, at.afterMark)) {
      const taker = this.#marks.taker(symbol, priceKinds.indexOf(price));
      taker(interval, start, data[slot + at.END] as number, noTrades);
    }
  }

  /** The candles of refolded seconds that are merged from shorter ones, shortest first. */
  #mergedOf(refolds: readonly Refold[]): { series: Series; slot: number }[] {
    const found = new Map<number, { series: Series; slot: number }>();
    for (let interval = 1; interval < intervals.length; interval++) {
      for (const { symbol, interval: folded, start } of refolds) {
        if (folded !== 0) continue;
        const series = this.#find(symbol, 'trade') as Series;
        const slot = this.#held(series, interval, start);
        if (slot === undefined || this.#slots.holdsBars(slot)) continue;
        if (this.#slots.hasFlag(slot, at.ownRules)) continue;
        found.set(slot, { series, slot });
      }
    }
    return [...found.values()];
  }

  /** The next shorter candles; of a day its minutes, since it need not begin with a 4 h candle. */
  *#partsOf(slot: number): Generator<{ interval: number; bucket: number }> {
    const data = this.#slots.data;
    const whole = data[slot + at.INTERVAL] as number;
    const interval = whole === day ? minuteInterval : whole - 1;
    const length = intervalMicros[interval] as number;
    const end = data[slot + at.END] as number;
    for (let start = data[slot + at.START] as number; start < end; start += length) {
      yield { interval, bucket: start / length };
    }
  }

  #mergeStored(series: Series, fields: Float64Array, to: number): void {
    const part = this.#slots.take(0, 0, series.index, 0);
    this.#slots.load(part, fields);
    this.#slots.rescale(part, series.priceScale, series.sizeScale);
    this.#mergePart(part, to);
    this.#slots.release(part);
  }

  #mergePart(part: number, to: number): void {
    if (!this.#slots.isEmpty(part)) this.#slots.merge(part, to);
  }

  #find(symbol: string, price: PriceKind): Series | undefined {
    const index = this.#indexOf.get(seriesKey(symbol, price));
    return index === undefined ? undefined : this.#series[index];
  }

  /** The candle in memory that a time falls in. */
  #held(series: Series, interval: number, time: number): number | undefined {
    const bucket = bucketOf(interval, startOf(series.calendar, interval, time));
    return series.held[interval]?.get(bucket);
  }

  #refoldOf({ symbol }: Series, interval: number, slot: number): Refold {
    const data = this.#slots.data;
    return {
      symbol,
      interval,
      start: data[slot + at.START] as number,
      end: data[slot + at.END] as number,
      firstBatch: data[slot + at.FIRST_BATCH] as number,
      lastBatch: data[slot + at.LAST_BATCH] as number,
    };
  }

  /** Folds quotes into bid, ask and mid candles; a side without a price is left alone. */
  applyQuotes(batch: QuoteBatch): void {
    const { count, bid, ask } = batch;
    const mid = new Float64Array(count);
    for (let row = 0; row < count; row++) {
      const [bidPrice, askPrice] = [bid[row] as number, ask[row] as number];
      // (bid + ask) / 2 needs one more digit: in that scale it is the integer (bid + ask) * 5.
      if (bidPrice > 0 && askPrice > 0) mid[row] = (bidPrice + askPrice) * 5;
    }
    const quotes = { ...batch, size: null, tag: noTags, moves: null };
    const series = [
      ...this.#fold({ ...quotes, kind: 'bid', extraDigits: 0, price: bid }, wholeDays),
      ...this.#fold({ ...quotes, kind: 'ask', extraDigits: 0, price: ask }, wholeDays),
      ...this.#fold({ ...quotes, kind: 'mid', extraDigits: midDigits, price: mid }, wholeDays),
    ];
    for (const touched of series) this.#close(touched);
  }

  /** Merges bars into the candles of their interval and of the longer ones. */
  applyBars(batch: BarBatch): void {
    const { instruments, source, recording } = batch;
    const series = this.#seriesOf({ instruments, kind: 'trade', extraDigits: 0 });
    const finest = intervals.indexOf(batch.interval);
    for (let row = 0; row < batch.count; row++) {
      const touched = series[batch.instrument[row] as number] as Series;
      const bar = this.#barAt(batch, row, touched, finest);
      this.#slots.setBar(touched.run, bar);
      for (let interval = finest; interval < wholeDays; interval++) {
        this.#mergeInto(touched, interval, touched.run, bar.start);
      }
      this.#slots.end(touched.run);
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
        const series = this.#find(symbol, price);
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
    const series = this.#find(symbol, price);
    for (let interval = finest; interval < intervals.length; interval++) {
      const bucket = bucketOf(interval, startOf(calendar, interval, time));
      if (series?.held[interval]?.has(bucket)) continue;
      keys.add(keyPrefix(symbol, price, interval) + bucket);
    }
  }

  /** Brings back a closed candle that an earlier checkpoint handed out. */
  restore(stored: StoredCandle): void {
    const { symbol, price, interval } = parseCandleKey(stored.key);
    const { fields } = stored;
    const extraDigits = price === 'mid' ? midDigits : 0;
    const series = this.#enter(
      {
        symbol,
        priceScale: (fields[at.PRICE_SCALE] as number) - extraDigits,
        sizeScale: fields[at.SIZE_SCALE] as number,
      },
      price,
      extraDigits,
    );
    const slot = this.#hold(series, interval, fields[at.START] as number);
    this.#slots.load(slot, fields);
    this.#slots.rescale(slot, series.priceScale, series.sizeScale);
    this.#slots.data[slot + at.CLOSED] = 1;
    this.#save(slot);
  }

  /**
   * What became publishable since the last call, or null: final candles, revised ones, and the open
   * ones once per `openEvery`. `receiveTime` is that of the newest record applied.
   */
  publish(receiveTime: number): CandleBatch | null {
    const slots = this.#finals;
    const states = slots.map(() => 1);
    const data = this.#slots.data;
    // What closed and then lost a trade to a cancel of the same batch goes out once, as it is left.
    for (const slot of slots) this.#revised.delete(slot);
    for (const slot of this.#revised) {
      data[slot + at.REVISION] = (data[slot + at.REVISION] as number) + 1;
      slots.push(slot);
      states.push(2);
    }
    if (receiveTime >= this.#openPublished + this.#options.openEvery) {
      this.#openPublished = receiveTime;
      for (const series of this.#series) {
        for (const slot of series.open) {
          if (data[slot + at.DIRTY] !== 1) continue;
          slots.push(slot);
          states.push(0);
          series.isChanged = true;
        }
      }
    }
    if (slots.length === 0) return null;
    const batch = this.#batchOf(slots, states, receiveTime);
    for (const slot of slots) data[slot + at.DIRTY] = 0;
    this.#finals = [];
    this.#revised.clear();
    return batch;
  }

  /** The marks of the intervals that are over since the last call: they follow its candles. */
  publishMarks(receiveTime: number): MarkBatch | null {
    if (this.#marks.count === 0) return null;
    const batch = this.#marks.toBatch(receiveTime);
    this.#marks = new MarkRows();
    return batch;
  }

  /** The closed candles in memory, to be stored by their keys. */
  unsaved(): ClosedCandles[] {
    const data = this.#slots.data;
    const slotsOf = Map.groupBy(
      this.#unsaved,
      (slot) =>
        (data[slot + at.SERIES] as number) * intervals.length +
        (data[slot + at.INTERVAL] as number),
    );
    return Array.from(slotsOf, ([group, slots]) => {
      const series = this.#series[Math.floor(group / intervals.length)] as Series;
      const fields = new Float64Array(slots.length * closedFields);
      for (const [row, slot] of slots.entries()) {
        fields.set(data.subarray(slot, slot + closedFields), row * closedFields);
      }
      return {
        prefix: series.keys[group % intervals.length] as string,
        buckets: Float64Array.from(slots, (slot) =>
          bucketOf(group % intervals.length, data[slot + at.START] as number),
        ),
        fields,
      };
    });
  }

  /**
   * Clocks, and the series whose open candles or scales changed since the last checkpoint: to be
   * stored with `unsaved` at the same log position.
   */
  snapshot(): CandleSnapshot {
    const data = this.#slots.data;
    // An open candle that changed is dirty, or has been published since, which marks its series.
    const changed = this.#series.filter(
      ({ isChanged, open }) => isChanged || open.some((slot) => data[slot + at.DIRTY] === 1),
    );
    return {
      openPublished: this.#openPublished,
      clocks: this.#series.map(({ clock }) => clock),
      series: changed.map((series) => this.#stored(series)),
      marks: this.#series
        .filter(({ marks }) => marks.isChanged)
        .map(({ symbol, price, marks }) => ({ symbol, price, state: marks.snapshot() })),
    };
  }

  #stored({ index, priceScale, sizeScale, open, ...series }: Series): StoredSeries {
    const { symbol, price, calendar } = series;
    const data = this.#slots.data;
    const fields = new Float64Array(seriesFields + open.length * openFields);
    fields.set([index, priceScale, sizeScale]);
    for (const [row, slot] of open.entries()) {
      const from = seriesFields + row * openFields;
      fields[from] = data[slot + at.INTERVAL] as number;
      fields[from + 1] = data[slot + at.DIRTY] as number;
      fields.set(data.subarray(slot, slot + at.storedFields), from + 2);
    }
    return { symbol, price, calendar, fields };
  }

  /** Drops what `unsaved` returned: to be called once that and the snapshot are durable. */
  evict(): void {
    for (const series of this.#series) series.isChanged = series.marks.isChanged = false;
    const data = this.#slots.data;
    for (const slot of this.#unsaved) {
      const { held, recent } = this.#series[data[slot + at.SERIES] as number] as Series;
      const interval = data[slot + at.INTERVAL] as number;
      held[interval]?.delete(bucketOf(interval, data[slot + at.START] as number));
      if (recent[interval] === slot) recent[interval] = -1;
      this.#slots.release(slot);
    }
    this.#unsaved = [];
  }

  /** Goes on from a checkpoint: `series` is each one that was stored, as it was stored last. */
  static fromSnapshot(snapshot: CandleSnapshot, options: CandleOptions): CandleOperator {
    const operator = new CandleOperator(options);
    operator.#openPublished = snapshot.openPublished;
    const indexOf = ({ fields }: StoredSeries): number => fields[0] as number;
    for (const stored of snapshot.series.toSorted((a, b) => indexOf(a) - indexOf(b))) {
      operator.#resume(stored, snapshot.clocks);
    }
    for (const { symbol, price, state } of snapshot.marks) {
      // Damage may have taken the series.
      operator.#find(symbol, price)?.marks.resume(state);
    }
    return operator;
  }

  #resume({ symbol, price, calendar, fields }: StoredSeries, clocks: readonly number[]): void {
    const [index = 0, priceScale = 0, sizeScale = 0] = fields;
    const series = this.#add({ symbol, price, priceScale, sizeScale, calendar });
    series.clock = clocks[index] ?? series.clock;
    // Where damage took a series, those behind it have moved up.
    series.isChanged = series.index !== index;
    for (let from = seriesFields; from < fields.length; from += openFields) {
      const stored = fields.subarray(from + 2, from + openFields);
      const slot = this.#hold(series, fields[from] as number, stored[at.START] as number);
      this.#slots.load(slot, stored);
      this.#slots.data[slot + at.DIRTY] = fields[from + 1] as number;
      series.open.push(slot);
    }
  }

  /** Folds prices into the candles of a second, and of a minute up to before `end`. */
  #fold(prices: Prices, end: number): readonly Series[] {
    const series = this.#seriesOf(prices);
    if (prices.moves !== null) advance(prices, prices.moves, series);
    const endRun = (index: number): void => this.#endRun(series[index] as Series, prices, end);
    this.#slots.foldRuns(this.#inputOf(prices, series), second, endRun);
    for (const touched of series) {
      if (!this.#slots.isEmpty(touched.run)) this.#endRun(touched, prices, end);
      this.#endMinuteRun(touched, end);
      // A run that trades began which move nothing covers a time, though it is empty.
      this.#slots.end(touched.run);
    }
    return series;
  }

  /** Folds prices into the candles of a day alone, where the tape has other rules for them. */
  #foldDays(prices: Prices): void {
    const series = this.#seriesOf(prices);
    const endRun = (ended: Series): void => {
      const start = this.#slots.data[ended.run + at.START] as number;
      const slot = this.#mergeInto(ended, day, ended.run, start);
      this.#slots.flag(slot, at.ownRules);
      this.#slots.end(ended.run);
    };
    const input = this.#inputOf(prices, series);
    this.#slots.foldRuns(input, quarter, (index) => endRun(series[index] as Series));
    for (const touched of series) {
      if (!this.#slots.isEmpty(touched.run)) endRun(touched);
      this.#slots.end(touched.run);
    }
  }

  #seriesOf({
    instruments,
    kind,
    extraDigits,
  }: Pick<Prices, 'instruments' | 'kind' | 'extraDigits'>): Series[] {
    return instruments.map((entry) => {
      const series = this.#enter(entry, kind, extraDigits);
      if (entry.calendar !== series.calendar) {
        // A day that has begun keeps its start: it is found by its number.
        series.calendar = entry.calendar;
        series.recent[day] = -1;
        series.isChanged = true;
      }
      return series;
    });
  }

  #inputOf(prices: Prices, series: readonly Series[]): FoldInput {
    const { instruments, extraDigits } = prices;
    const priceFactor = new Float64Array(series.length);
    const sizeFactor = new Float64Array(series.length);
    const run = new Int32Array(series.length);
    for (const [index, entry] of instruments.entries()) {
      const { priceScale, sizeScale, run: slot } = series[index] as Series;
      priceFactor[index] = powerOfTen(priceScale - extraDigits - entry.priceScale);
      sizeFactor[index] = powerOfTen(sizeScale - entry.sizeScale);
      run[index] = slot;
    }
    return { ...prices, priceFactor, sizeFactor, run };
  }

  /** Merges the series' run into its second candle and its minute run, and leaves it empty. */
  #endRun(series: Series, { source, recording }: Prices, end: number): void {
    const { run, minuteRun } = series;
    const data = this.#slots.data;
    const start = data[run + at.START] as number;
    const lastTime = data[run + at.CLOSE_TIME] as number;
    if (lastTime > series.clock) series.clock = lastTime;
    series.marks.see(lastTime, source, recording);
    if (!this.#covers(minuteRun, start)) {
      this.#endMinuteRun(series, end);
      this.#slots.begin(minuteRun, start, minute);
    }
    this.#slots.merge(run, minuteRun);
    this.#mergeInto(series, 0, run, start);
    this.#slots.end(run);
  }

  /** Merges the minute run into the candles of a minute up to before `end`, and leaves it empty. */
  #endMinuteRun(series: Series, end: number): void {
    const { minuteRun } = series;
    if (this.#slots.isEmpty(minuteRun)) return;
    const start = this.#slots.data[minuteRun + at.START] as number;
    for (let interval = 1; interval < end; interval++) {
      this.#mergeInto(series, interval, minuteRun, start);
    }
    this.#slots.end(minuteRun);
  }

  #mergeInto(series: Series, interval: number, run: number, start: number): number {
    let slot = series.recent[interval] as number;
    if (slot === -1 || !this.#covers(slot, start)) {
      slot = this.#slotFor(series, interval, start);
      series.recent[interval] = slot;
    }
    this.#slots.merge(run, slot);
    const data = this.#slots.data;
    const batch = this.#batch;
    if (batch < (data[slot + at.FIRST_BATCH] as number)) data[slot + at.FIRST_BATCH] = batch;
    if (batch > (data[slot + at.LAST_BATCH] as number)) data[slot + at.LAST_BATCH] = batch;
    this.#revise(slot);
    return slot;
  }

  /** A closed candle has changed. */
  #revise(slot: number): void {
    if (this.#slots.data[slot + at.CLOSED] !== 1) return;
    this.#revised.add(slot);
    this.#save(slot);
  }

  #covers(slot: number, time: number): boolean {
    const data = this.#slots.data;
    return time >= (data[slot + at.START] as number) && time < (data[slot + at.END] as number);
  }

  /** The candle that a time falls in, made if there is none yet. */
  #slotFor(series: Series, interval: number, time: number): number {
    const start = startOf(series.calendar, interval, time);
    const held = series.held[interval]?.get(bucketOf(interval, start));
    if (held !== undefined) return held;
    const slot = this.#hold(series, interval, start);
    series.open.push(slot);
    return slot;
  }

  #hold(series: Series, interval: number, start: number): number {
    const bucket = bucketOf(interval, start);
    const end = endOf(series.calendar, interval, start);
    const slot = this.#slots.take(start, end, series.index, interval);
    this.#slots.data[slot + at.PRICE_SCALE] = series.priceScale;
    this.#slots.data[slot + at.SIZE_SCALE] = series.sizeScale;
    (series.held[interval] as Map<number, number>).set(bucket, slot);
    return slot;
  }

  #close(series: Series): void {
    const data = this.#slots.data;
    const watermark = series.clock - this.#options.allowedLateness;
    const stillOpen: number[] = [];
    const minutes: number[] = [];
    for (const slot of series.open) {
      if ((data[slot + at.END] as number) > watermark) {
        stillOpen.push(slot);
        continue;
      }
      data[slot + at.CLOSED] = 1;
      if (series.marks.hasTold(data[slot + at.END] as number)) this.#slots.flag(slot, at.afterMark);
      this.#finals.push(slot);
      this.#save(slot);
      if (data[slot + at.INTERVAL] === minuteInterval && !this.#slots.isEmpty(slot))
        minutes.push(data[slot + at.START] as number);
    }
    if (stillOpen.length < series.open.length) {
      series.open = stillOpen;
      series.isChanged = true;
    }
    const { symbol, price, calendar, marks } = series;
    if (!marks.isDue(watermark)) return;
    const taker = this.#marks.taker(symbol, priceKinds.indexOf(price));
    marks.tell(watermark, minutes, calendar, taker);
  }

  #save(slot: number): void {
    const data = this.#slots.data;
    if (data[slot + at.UNSAVED] === 1) return;
    data[slot + at.UNSAVED] = 1;
    this.#unsaved.push(slot);
  }

  #enter(
    { symbol, priceScale, sizeScale }: Pick<BatchInstrument, 'symbol' | 'priceScale' | 'sizeScale'>,
    price: PriceKind,
    extraDigits: number,
  ): Series {
    const index = this.#indexOf.get(seriesKey(symbol, price));
    const scale = priceScale + extraDigits;
    if (index === undefined) {
      const calendar = alwaysOpenCalendar;
      return this.#add({ symbol, price, priceScale: scale, sizeScale, calendar });
    }
    const series = this.#series[index] as Series;
    if (scale > series.priceScale || sizeScale > series.sizeScale) {
      series.priceScale = Math.max(scale, series.priceScale);
      series.sizeScale = Math.max(sizeScale, series.sizeScale);
      series.isChanged = true;
      for (const held of series.held) {
        for (const slot of held.values()) {
          this.#slots.rescale(slot, series.priceScale, series.sizeScale);
        }
      }
    }
    return series;
  }

  #add(of: Pick<Series, 'symbol' | 'price' | 'priceScale' | 'sizeScale' | 'calendar'>): Series {
    const { symbol, price } = of;
    const index = this.#series.length;
    const series: Series = {
      index,
      symbol,
      price,
      priceScale: of.priceScale,
      sizeScale: of.sizeScale,
      calendar: of.calendar,
      clock: Number.MIN_SAFE_INTEGER,
      run: this.#slots.take(0, Number.NEGATIVE_INFINITY, index, 0),
      minuteRun: this.#slots.take(0, Number.NEGATIVE_INFINITY, index, 0),
      open: [],
      isChanged: true,
      held: intervals.map(() => new Map()),
      recent: new Int32Array(intervals.length).fill(-1),
      marks: new IntervalMarks(),
      keys: intervals.map((_, interval) => keyPrefix(symbol, price, interval)),
    };
    this.#series.push(series);
    this.#indexOf.set(seriesKey(symbol, price), index);
    return series;
  }

  #batchOf(slots: readonly number[], states: readonly number[], receiveTime: number): CandleBatch {
    const data = this.#slots.data;
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
      state: Uint8Array.from(states),
    };
    for (let row = 0; row < count; row++) {
      const slot = slots[row] as number;
      const series = this.#series[data[slot + at.SERIES] as number] as Series;
      let index = symbolOf.get(series);
      if (index === undefined) {
        const { symbol, priceScale, sizeScale, calendar } = series;
        index = symbols.push({ symbol, priceScale, sizeScale, calendar }) - 1;
        symbolOf.set(series, index);
      }
      batch.symbol[row] = index;
      batch.price[row] = priceKinds.indexOf(series.price);
      batch.interval[row] = data[slot + at.INTERVAL] as number;
      if (this.#slots.isEmpty(slot)) for (const column of figures) columns[column][row] = 0;
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

function seriesKey(symbol: string, price: PriceKind): string {
  return `${symbol} ${price}`;
}

/** A closed candle is stored under this and its bucket number. */
function keyPrefix(symbol: string, price: PriceKind, interval: number): string {
  return `${symbol} ${price} ${interval} `;
}

function parseCandleKey(key: string) {
  const [symbol = '', kind = '', interval = ''] = key.split(' ');
  const price = priceKinds.find((known) => known === kind);
  assert(price, `not a candle key: ${key}`);
  return { symbol, price, interval: Number(interval) };
}

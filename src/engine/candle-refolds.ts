// What cancels do to candles. A cancel cannot be subtracted: open, high, low and close forget what
// they outdid. So the second is folded anew from the trades that are left of it, and each longer
// candle is merged anew from shorter ones; see docs/decisions/0009-cancels.md.

import { strict as assert } from 'node:assert/strict';
import { priceKinds } from '../contracts/candle.ts';
import type { BatchInstrument } from '../contracts/instrument.ts';
import { intervalMicros, intervals } from '../contracts/interval.ts';
import type { TradeBatch } from '../contracts/trade.ts';
import { cancel } from '../contracts/verdict.ts';
import { day } from './buckets.ts';
import type { CandleBook, Series } from './candle-book.ts';
import { foldInput, tradePrices } from './candle-prices.ts';
import * as at from './candle-slots.ts';
import { type MarkRows, noTrades } from './marks.ts';
import { movesOfBatch } from './tape-rules.ts';

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

/** A closed candle outside memory: where it is kept, and its `closedFields` doubles. */
export interface StoredCandle {
  readonly key: string;
  readonly fields: Float64Array;
}

/** A candle in memory. */
interface Place {
  readonly series: Series;
  readonly interval: number;
  readonly slot: number;
}

const minuteInterval = intervals.indexOf('1m');

/** The candles in memory, of all intervals, at the times of the batch's cancels. */
function* named(book: CandleBook, batch: TradeBatch): Generator<Place> {
  const { count, verdict, instruments, instrument, eventTime } = batch;
  // Nearly no batch has one.
  for (let row = verdict.indexOf(cancel); row >= 0 && row < count; ) {
    const { symbol } = instruments[instrument[row] as number] as BatchInstrument;
    const series = book.find(symbol, 'trade');
    for (let interval = 0; series && interval < intervals.length; interval++) {
      const slot = book.heldAt(series, interval, eventTime[row] as number);
      if (slot !== undefined) yield { series, interval, slot };
    }
    row = verdict.indexOf(cancel, row + 1);
  }
}

/** The candles of the batch's cancels that are folded from trades, to be folded anew. */
export function cancelledCandles(book: CandleBook, batch: TradeBatch): readonly Refold[] {
  const { slots } = book;
  const refolds = new Map<number, Refold>();
  for (const place of named(book, batch)) {
    const { interval, slot } = place;
    // What was restored for this leaves memory again, changed or not.
    if (slots.data[slot + at.CLOSED] === 1) book.save(slot);
    const isFolded = interval === 0 || slots.hasFlag(slot, at.ownRules);
    if (isFolded && !slots.holdsBars(slot)) refolds.set(slot, refoldOf(book, place));
  }
  return [...refolds.values()];
}

/** How many candles such cancels leave as they are: with bars beside their trades. */
export function besideBars(book: CandleBook, batch: TradeBatch): number {
  const { slots } = book;
  const found = new Set<number>();
  for (const { slot } of named(book, batch)) {
    const hasTrades = (slots.data[slot + at.TRADES] as number) > 0;
    if (hasTrades && slots.holdsBars(slot)) found.add(slot);
  }
  return found.size;
}

/** Folds a candle anew from the trades that are left of it: bars are none, so it holds none. */
export function refold(
  book: CandleBook,
  marks: MarkRows,
  { symbol, interval, start, end }: Refold,
  trades: readonly TradeBatch[],
): void {
  const { slots } = book;
  const series = book.find(symbol, 'trade') as Series;
  const slot = book.heldAt(series, interval, start) as number;
  const { run } = series;
  slots.empty(slot);
  for (const batch of trades) {
    const { within, day: daily } = movesOfBatch(batch);
    const moves = interval === day ? (daily ?? within) : within;
    const input = foldInput(tradePrices(batch, moves), [series]);
    slots.cover(run, start, end);
    slots.foldRuns(input, end - start, () => assert.fail('all are of one candle'));
    if (!slots.isEmpty(run)) slots.merge(run, slot);
  }
  slots.end(run);
  settle(book, marks, series, slot);
}

/** Keys of the closed candles that `remerge` merges and that are not in memory. */
export function partsOf(book: CandleBook, refolds: readonly Refold[]): readonly string[] {
  const keys = new Set<string>();
  for (const { series, slot } of mergedOf(book, refolds)) {
    for (const { interval, bucket } of shorterOf(book, slot)) {
      if (series.held[interval]?.has(bucket)) continue;
      keys.add((series.keys[interval] as string) + bucket);
    }
  }
  return [...keys];
}

/** Merges the longer candles of refolded seconds anew, given what `partsOf` asked for. */
export function remerge(
  book: CandleBook,
  marks: MarkRows,
  refolds: readonly Refold[],
  stored: readonly StoredCandle[],
): void {
  const { slots } = book;
  const fieldsOf = new Map(stored.map(({ key, fields }) => [key, fields]));
  for (const { series, slot } of mergedOf(book, refolds)) {
    slots.empty(slot);
    for (const { interval, bucket } of shorterOf(book, slot)) {
      const held = series.held[interval]?.get(bucket);
      const fields = fieldsOf.get((series.keys[interval] as string) + bucket);
      if (held !== undefined) mergePart(book, held, slot);
      else if (fields) mergeStored(book, series, fields, slot);
    }
    settle(book, marks, series, slot);
  }
}

/** A candle was made anew: of one that lost all its trades, nobody is told that it traded. */
function settle(book: CandleBook, marks: MarkRows, series: Series, slot: number): void {
  const { slots } = book;
  book.revise(slot);
  if (!slots.isEmpty(slot)) return;
  const { data } = slots;
  const [interval, start] = [data[slot + at.INTERVAL] as number, data[slot + at.START] as number];
  if (interval < minuteInterval) return;
  if (data[slot + at.CLOSED] === 0) series.marks.empty(interval, start);
  else if (!slots.hasFlag(slot, at.afterMark)) {
    const taker = marks.taker(series.symbol, priceKinds.indexOf(series.price));
    taker(interval, start, data[slot + at.END] as number, noTrades);
  }
}

/** The candles of refolded seconds that are merged from shorter ones, shortest first. */
function mergedOf(book: CandleBook, refolds: readonly Refold[]): readonly Place[] {
  const { slots } = book;
  const found = new Map<number, Place>();
  for (let interval = 1; interval < intervals.length; interval++) {
    for (const { symbol, interval: folded, start } of refolds) {
      if (folded !== 0) continue;
      const series = book.find(symbol, 'trade') as Series;
      const slot = book.heldAt(series, interval, start);
      if (slot === undefined || slots.holdsBars(slot)) continue;
      if (slots.hasFlag(slot, at.ownRules)) continue;
      found.set(slot, { series, interval, slot });
    }
  }
  return [...found.values()];
}

/** The next shorter candles; of a day its minutes, since it need not begin with a 4 h candle. */
function* shorterOf(
  { slots: { data } }: CandleBook,
  slot: number,
): Generator<{ interval: number; bucket: number }> {
  const whole = data[slot + at.INTERVAL] as number;
  const interval = whole === day ? minuteInterval : whole - 1;
  const length = intervalMicros[interval] as number;
  const end = data[slot + at.END] as number;
  for (let start = data[slot + at.START] as number; start < end; start += length) {
    yield { interval, bucket: start / length };
  }
}

function mergeStored(book: CandleBook, series: Series, fields: Float64Array, to: number): void {
  const { slots } = book;
  const part = slots.take(0, 0, series.index, 0);
  slots.load(part, fields);
  slots.rescale(part, series.priceScale, series.sizeScale);
  mergePart(book, part, to);
  slots.release(part);
}

function mergePart({ slots }: CandleBook, part: number, to: number): void {
  if (!slots.isEmpty(part)) slots.merge(part, to);
}

function refoldOf({ slots: { data } }: CandleBook, { series, interval, slot }: Place): Refold {
  return {
    symbol: series.symbol,
    interval,
    start: data[slot + at.START] as number,
    end: data[slot + at.END] as number,
    firstBatch: data[slot + at.FIRST_BATCH] as number,
    lastBatch: data[slot + at.LAST_BATCH] as number,
  };
}

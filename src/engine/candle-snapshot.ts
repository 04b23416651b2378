// The candles of a book as checkpoints keep them: closed ones leave memory, each under a key of its
// own, and of the series those that changed are kept anew.

import type { PriceKind } from '../contracts/candle.ts';
import { bucketOf } from './buckets.ts';
import type { CandleBook, Series } from './candle-book.ts';
import * as at from './candle-slots.ts';
import type { MarksSnapshot } from './marks.ts';

/** How many doubles hold a closed candle. */
export const closedFields = at.storedFields;

/**
 * Takes a closed candle: what its key begins with, the bucket number that follows, and where in
 * `data` its `closedFields` doubles begin, which are to be copied at once.
 */
export type TakeClosed = (prefix: string, bucket: number, data: Float64Array, from: number) => void;

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

/** Hands over the closed candles in memory, to be stored by their keys. */
export function eachUnsaved({ slots: { data }, series, unsaved }: CandleBook, take: TakeClosed) {
  for (const slot of unsaved) {
    const interval = data[slot + at.INTERVAL] as number;
    const { keys } = series[data[slot + at.SERIES] as number] as Series;
    take(keys[interval] as string, bucketOf(interval, data[slot + at.START] as number), data, slot);
  }
}

/** Drops what `eachUnsaved` handed over: once that and the snapshot are durable. */
export function evict(book: CandleBook): void {
  for (const series of book.series) series.isChanged = series.marks.isChanged = false;
  for (const slot of book.unsaved) book.drop(slot);
  book.unsaved = [];
}

/** What changed since the last checkpoint. */
export function snapshotOf(book: CandleBook, openPublished: number): CandleSnapshot {
  const { data } = book.slots;
  // An open candle that changed is dirty, or has been published since, which marks its series.
  const changed = book.series.filter(
    ({ isChanged, open }) => isChanged || open.some((slot) => data[slot + at.DIRTY] === 1),
  );
  return {
    openPublished,
    clocks: book.series.map(({ clock }) => clock),
    series: changed.map((series) => storedSeries(data, series)),
    marks: book.series
      .filter(({ marks }) => marks.isChanged)
      .map(({ symbol, price, marks }) => ({ symbol, price, state: marks.snapshot() })),
  };
}

/** Fills an empty book: `series` is each one that was stored, as it was stored last. */
export function resume(book: CandleBook, { series, clocks, marks }: CandleSnapshot): void {
  const indexOf = ({ fields }: StoredSeries): number => fields[0] as number;
  for (const stored of series.toSorted((a, b) => indexOf(a) - indexOf(b))) {
    resumeSeries(book, stored, clocks);
  }
  for (const { symbol, price, state } of marks) {
    // Damage may have taken the series.
    book.find(symbol, price)?.marks.resume(state);
  }
}

function storedSeries(
  data: Float64Array,
  { index, symbol, price, calendar, priceScale, sizeScale, open }: Series,
): StoredSeries {
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

function resumeSeries(book: CandleBook, stored: StoredSeries, clocks: readonly number[]): void {
  const { symbol, price, calendar, fields } = stored;
  const [index = 0, priceScale = 0, sizeScale = 0] = fields;
  const series = book.add({ symbol, price, priceScale, sizeScale, calendar });
  series.clock = clocks[index] ?? series.clock;
  // Where damage took a series, those behind it have moved up.
  series.isChanged = series.index !== index;
  for (let from = seriesFields; from < fields.length; from += openFields) {
    const candle = fields.subarray(from + 2, from + openFields);
    const slot = book.hold(series, fields[from] as number, candle[at.START] as number);
    book.slots.load(slot, candle);
    book.slots.data[slot + at.DIRTY] = fields[from + 1] as number;
    series.open.push(slot);
  }
}

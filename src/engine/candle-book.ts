// The candles in memory, by series: the open ones, and the closed ones that wait for a checkpoint.
// What folds into them, what folds them anew after a cancel, and what keeps them outside memory all
// work on one book.

import { type PriceKind, priceKinds } from '../contracts/candle.ts';
import { alwaysOpenCalendar, type BatchInstrument } from '../contracts/instrument.ts';
import { intervals } from '../contracts/interval.ts';
import { bucketOf, day, endOf, startOf } from './buckets.ts';
import * as at from './candle-slots.ts';
import { CandleSlots } from './candle-slots.ts';
import { IntervalMarks } from './marks.ts';

/** One symbol and price kind: what candles of all intervals are built from. */
export interface Series {
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
  readonly open: number[];
  /** Whether a checkpoint would keep it differently than the last, for more than dirty candles. */
  isChanged: boolean;
  /** Every slot held, by interval and bucket number. */
  readonly held: readonly Map<number, number>[];
  /** The slot of each interval that the last run went to: where the next most likely goes. */
  readonly recent: Int32Array;
  readonly marks: IntervalMarks;
  /** Per interval, what the keys of its stored candles begin with. */
  readonly keys: readonly string[];
}

/** What tells a series from the others, and the form of its numbers. */
export type SeriesName = Pick<Series, 'symbol' | 'price' | 'priceScale' | 'sizeScale' | 'calendar'>;

/** A mid price halves a sum, so it needs one digit more than its bid and ask. */
export const midDigits = 1;

export function extraDigitsOf(price: PriceKind): number {
  return price === 'mid' ? midDigits : 0;
}

export class CandleBook {
  readonly slots = new CandleSlots();
  readonly series: Series[] = [];
  /** Slots that closed, and closed ones that changed, since candles were last published. */
  finals: number[] = [];
  readonly revised = new Set<number>();
  /** Closed slots that wait for a checkpoint: all closed ones that are in memory. */
  unsaved: number[] = [];
  readonly #indexOf = new Map<string, number>();

  find(symbol: string, price: PriceKind): Series | undefined {
    const index = this.#indexOf.get(nameOf(symbol, price));
    return index === undefined ? undefined : this.series[index];
  }

  /** The series of a batch's instruments, made where there are none, in scales that hold both. */
  seriesOf(instruments: readonly BatchInstrument[], price: PriceKind): Series[] {
    return instruments.map((entry) => {
      const series = this.enter(entry, price);
      if (entry.calendar !== series.calendar) {
        // A day that has begun keeps its start: it is found by its number.
        series.calendar = entry.calendar;
        series.recent[day] = -1;
        series.isChanged = true;
      }
      return series;
    });
  }

  /** The series of a symbol in the scales of its batch, which are those of bid and ask for mid. */
  enter(
    { symbol, priceScale, sizeScale }: Pick<BatchInstrument, 'symbol' | 'priceScale' | 'sizeScale'>,
    price: PriceKind,
  ): Series {
    const scale = priceScale + extraDigitsOf(price);
    const series = this.find(symbol, price);
    if (!series) {
      const calendar = alwaysOpenCalendar;
      return this.add({ symbol, price, priceScale: scale, sizeScale, calendar });
    }
    if (scale > series.priceScale || sizeScale > series.sizeScale) {
      series.priceScale = Math.max(scale, series.priceScale);
      series.sizeScale = Math.max(sizeScale, series.sizeScale);
      series.isChanged = true;
      for (const held of series.held) {
        for (const slot of held.values()) {
          this.slots.rescale(slot, series.priceScale, series.sizeScale);
        }
      }
    }
    return series;
  }

  add(name: SeriesName): Series {
    const { symbol, price } = name;
    const index = this.series.length;
    const series: Series = {
      ...name,
      index,
      clock: Number.MIN_SAFE_INTEGER,
      run: this.slots.take(0, Number.NEGATIVE_INFINITY, index, 0),
      minuteRun: this.slots.take(0, Number.NEGATIVE_INFINITY, index, 0),
      open: [],
      isChanged: true,
      held: intervals.map(() => new Map()),
      recent: new Int32Array(intervals.length).fill(-1),
      marks: new IntervalMarks(),
      keys: intervals.map((_, interval) => keyPrefix(symbol, price, interval)),
    };
    this.series.push(series);
    this.#indexOf.set(nameOf(symbol, price), index);
    return series;
  }

  /** The candle in memory that a time falls in. */
  heldAt(series: Series, interval: number, time: number): number | undefined {
    const bucket = bucketOf(interval, startOf(series.calendar, interval, time));
    return series.held[interval]?.get(bucket);
  }

  /** The candle that a time falls in, made if there is none yet. */
  slotFor(series: Series, interval: number, time: number): number {
    const start = startOf(series.calendar, interval, time);
    const held = series.held[interval]?.get(bucketOf(interval, start));
    if (held !== undefined) return held;
    const slot = this.hold(series, interval, start);
    series.open.push(slot);
    return slot;
  }

  /** An empty candle that is neither open nor closed yet. */
  hold(series: Series, interval: number, start: number): number {
    const bucket = bucketOf(interval, start);
    const end = endOf(series.calendar, interval, start);
    const slot = this.slots.take(start, end, series.index, interval);
    this.slots.data[slot + at.PRICE_SCALE] = series.priceScale;
    this.slots.data[slot + at.SIZE_SCALE] = series.sizeScale;
    (series.held[interval] as Map<number, number>).set(bucket, slot);
    return slot;
  }

  close(slot: number): void {
    this.slots.data[slot + at.CLOSED] = 1;
    this.finals.push(slot);
    this.save(slot);
  }

  /** A candle has changed: of a closed one this is to be known and kept. */
  revise(slot: number): void {
    if (this.slots.data[slot + at.CLOSED] !== 1) return;
    this.revised.add(slot);
    this.save(slot);
  }

  /** A closed candle leaves memory with the next checkpoint. */
  save(slot: number): void {
    const data = this.slots.data;
    if (data[slot + at.UNSAVED] === 1) return;
    data[slot + at.UNSAVED] = 1;
    this.unsaved.push(slot);
  }

  /** Drops a closed candle from memory. */
  drop(slot: number): void {
    const data = this.slots.data;
    const { held, recent } = this.series[data[slot + at.SERIES] as number] as Series;
    const interval = data[slot + at.INTERVAL] as number;
    held[interval]?.delete(bucketOf(interval, data[slot + at.START] as number));
    if (recent[interval] === slot) recent[interval] = -1;
    this.slots.release(slot);
  }
}

function nameOf(symbol: string, price: PriceKind): string {
  return `${symbol} ${price}`;
}

/** A closed candle is stored under this and its bucket number. */
export function keyPrefix(symbol: string, price: PriceKind, interval: number): string {
  return `${symbol} ${price} ${interval} `;
}

/** What a candle's key says; throws a TypeError where it is none. */
export function parseCandleKey(key: string) {
  const [symbol = '', kind = '', interval = ''] = key.split(' ');
  const price = priceKinds.find((known) => known === kind);
  if (!price) throw new TypeError(`not a candle key: ${key}`);
  return { symbol, price, interval: Number(interval) };
}

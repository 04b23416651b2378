// The end-of-interval marks of one series: what is proven of its time, and what has been told of
// it. A feed is proven alive by the records and heartbeats that come of the symbol: in each ten
// seconds in which there is one. A recorded file is complete, so it proves all that lies between
// two of its records. All of this is a set, so neither the order of arrival nor batches can show.
//
// Minutes are told as the watermark passes them. The coarser intervals are made of minutes: they
// traded if one did, and lack data if one does. A silence of weeks is one stretch for each session,
// so it costs no more to tell than one of minutes.
//
// A bar longer than a minute says that somebody traded in its span, and not when: its interval and
// the longer ones traded, and of the shorter ones nothing is told.

import { calendarOf } from '../calendars/calendar.ts';
import { bucketStart, intervalMicros, intervals } from '../contracts/interval.ts';
import { type MarkBatch, markStates } from '../contracts/mark.ts';
import { endOf, startOf } from './buckets.ts';

const minuteInterval = intervals.indexOf('1m');
const minute = intervalMicros[minuteInterval] as number;
/** Heartbeats come every second or two; twice this long without a sign is no proof. */
const cell = 10_000_000;
/** A silence that is longer is told for its last 31 days only. */
const silenceMax = 31 * 86_400_000_000;

const none = -1;
export const noTrades = markStates.indexOf('no_trades');
const noData = markStates.indexOf('no_data');
const traded = markStates.indexOf('traded');
/** Within a longer bar: more than a lack of data, and less than a trade. It is never told. */
const within = (noData + traded) / 2;

/** Takes the intervals of a length from `start` to before `end`, which are over. */
export type Tell = (interval: number, start: number, end: number, state: number) => void;

interface Stretch {
  readonly start: number;
  end: number;
  /** The state of the interval `finest` and the longer ones; the shorter ones are `within`. */
  readonly state: number;
  readonly finest: number;
}

/** The bucket of a coarser interval that is being told. */
interface Bucket {
  readonly interval: number;
  start: number;
  end: number;
  /** The greatest of its minutes' states: what is greater counts for the whole. */
  state: number;
}

export interface MarksSnapshot {
  readonly told: number;
  readonly hasTold: boolean;
  readonly newest: number;
  readonly source: string;
  readonly recording: string;
  readonly alive: readonly number[];
  readonly buckets: readonly Bucket[];
  readonly bars: readonly (readonly number[])[];
}

export class IntervalMarks {
  /** Whether a checkpoint would keep it differently than the last. */
  isChanged = true;
  /** All minutes before this one are told. */
  #told = Number.MAX_SAFE_INTEGER;
  #hasTold = false;
  /** Which file the last sign of life is from, if any, which feed plays it, and its newest one. */
  #recording = '';
  #source = '';
  #newest = Number.MIN_SAFE_INTEGER;
  /** The proven time that is not told: from0, to0, from1, to1, …, ascending, none touching. */
  #alive: number[] = [];
  #buckets: Bucket[] = intervals.slice(minuteInterval + 1).map((_, index) => ({
    interval: minuteInterval + 1 + index,
    start: Number.MIN_SAFE_INTEGER,
    end: Number.MIN_SAFE_INTEGER,
    state: none,
  }));
  /** By interval, the starts of bars longer than a minute that are not told to their end. */
  #bars: number[][] = intervals.map(() => []);

  /** A record of the symbol; `recording` is the file that it was read from, if any. */
  see(time: number, source: string, recording: string): void {
    const isNext = recording !== '' && recording === this.#recording;
    const from = isNext ? Math.min(time, this.#newest) : time;
    // Of a live feed nothing is kept here: each of its signs would be written by a checkpoint.
    const tellsMore = isNext && (time > this.#newest || source !== this.#source);
    if (tellsMore || recording !== this.#recording) {
      this.#source = recording === '' ? '' : source;
      this.#newest = isNext ? Math.max(time, this.#newest) : time;
      this.#recording = recording;
      this.isChanged = true;
    }
    const last = this.#alive.length - 2;
    if (from >= (this.#alive[last] as number) && time < (this.#alive[last + 1] as number)) return;
    if (this.#hasTold && time < this.#told) return;
    this.isChanged = true;
    this.#prove(bucketStart(from, cell), bucketStart(time, cell) + cell);
    if (!this.#hasTold) this.#told = Math.min(this.#told, bucketStart(time, minute));
  }

  /** A heartbeat: of a feed that plays a file, it too is part of the file. */
  beat(time: number, source: string): void {
    this.see(time, source, source === this.#source ? this.#recording : '');
  }

  /** A bar of an interval: its minutes are told before its candle closes. */
  cover(interval: number, start: number): void {
    if (interval <= minuteInterval) return;
    (this.#bars[interval] as number[]).push(start);
    this.isChanged = true;
  }

  /** The candle of a bucket that is being told has lost all its trades. */
  empty(interval: number, start: number): void {
    for (const bucket of this.#buckets) {
      if (bucket.interval !== interval || bucket.start !== start || bucket.state !== traded)
        continue;
      bucket.state = noTrades;
      this.isChanged = true;
    }
  }

  /** Whether all is told of what ends then. */
  hasTold(end: number): boolean {
    return this.#hasTold && end <= this.#told;
  }

  /** Whether the watermark has passed a minute that is not told. */
  isDue(watermark: number): boolean {
    return bucketStart(watermark, minute) > this.#told;
  }

  /** Tells the minutes before the watermark; `starts` are those of which a candle closes now. */
  tell(watermark: number, starts: readonly number[], calendar: string, tell: Tell): void {
    const until = bucketStart(watermark, minute);
    this.isChanged = true;
    for (const bars of this.#bars) bars.sort((a, b) => a - b);
    const stretches: Stretch[] = [];
    let at = this.#told;
    for (const start of starts.toSorted((a, b) => a - b)) {
      if (start < at) continue;
      this.#untraded(at, start, minuteInterval + 1, calendar, stretches);
      add(stretches, { start, end: start + minute, state: traded, finest: minuteInterval });
      at = start + minute;
    }
    this.#untraded(at, until, minuteInterval + 1, calendar, stretches);
    const tellKnown: Tell = (interval, start, end, state) => {
      if (state !== within) tell(interval, start, end, state);
    };
    for (const stretch of stretches) {
      const { start, end } = stretch;
      tellKnown(minuteInterval, start, end, stateIn(stretch, minuteInterval));
      for (const bucket of this.#buckets) {
        roll(bucket, start, end, stateIn(stretch, bucket.interval), calendar, tellKnown);
      }
    }
    for (const bucket of this.#buckets) if (bucket.end <= until) finish(bucket, tellKnown);
    this.#told = until;
    this.#hasTold = true;
    this.#forget(until);
    for (const [interval, bars] of this.#bars.entries()) {
      if (bars.length === 0) continue;
      this.#bars[interval] = bars.filter((start) => endOf(calendar, interval, start) > until);
    }
  }

  snapshot(): MarksSnapshot {
    return {
      told: this.#told,
      hasTold: this.#hasTold,
      newest: this.#newest,
      source: this.#source,
      recording: this.#recording,
      alive: this.#alive.slice(),
      buckets: this.#buckets.map((bucket) => ({ ...bucket })),
      bars: this.#bars.map((bars) => bars.slice()),
    };
  }

  /** Goes on from what a checkpoint kept. */
  resume(snapshot: MarksSnapshot): void {
    this.isChanged = false;
    this.#told = snapshot.told;
    this.#hasTold = snapshot.hasTold;
    this.#newest = snapshot.newest;
    this.#source = snapshot.source;
    this.#recording = snapshot.recording;
    this.#alive = snapshot.alive.slice();
    this.#buckets = snapshot.buckets.map((bucket) => ({ ...bucket }));
    this.#bars = snapshot.bars.map((bars) => bars.slice());
  }

  /** Adds a stretch to what is proven, joined with those that it touches. */
  #prove(from: number, to: number): void {
    const alive = this.#alive;
    let [start, end] = [from, to];
    let after = alive.length;
    while (after > 0 && (alive[after - 2] as number) > end) after -= 2;
    let at = after;
    while (at > 0 && (alive[at - 1] as number) >= start) at -= 2;
    if (at < after) {
      start = Math.min(start, alive[at] as number);
      end = Math.max(end, alive[after - 1] as number);
    }
    alive.splice(at, after - at, start, end);
  }

  /** Minutes without a candle: those of bars, the finest before the longer ones, and the rest. */
  #untraded(from: number, to: number, finest: number, calendar: string, into: Stretch[]): void {
    if (finest === intervals.length) {
      this.#quiet(from, to, calendar, into);
      return;
    }
    let at = from;
    for (const bar of this.#bars[finest] as number[]) {
      const start = Math.max(at, bar);
      const end = Math.min(to, endOf(calendar, finest, bar));
      if (start >= end) continue;
      this.#untraded(at, start, finest + 1, calendar, into);
      add(into, { start, end, state: traded, finest });
      at = end;
    }
    this.#untraded(at, to, finest + 1, calendar, into);
  }

  /** Minutes with neither: those in which trading is open, told apart by proof. */
  #quiet(from: number, to: number, calendar: string, into: Stretch[]): void {
    if (from >= to) return;
    this.#forget(from);
    const begin = Math.max(from, to - silenceMax);
    for (const { start, end } of calendarOf(calendar).trading(begin, to)) {
      let at: number = start;
      for (const dead of this.#unproven(start, end)) {
        const lost = Math.max(at, bucketStart(dead.start, minute));
        add(into, { start: at, end: lost, state: noTrades, finest: minuteInterval });
        at = Math.min(end, Math.ceil(dead.end / minute) * minute);
        add(into, { start: lost, end: at, state: noData, finest: minuteInterval });
      }
      add(into, { start: at, end, state: noTrades, finest: minuteInterval });
    }
  }

  *#unproven(from: number, to: number): Generator<{ start: number; end: number }> {
    let at = from;
    for (let index = 0; index < this.#alive.length; index += 2) {
      const [start, end] = [this.#alive[index] as number, this.#alive[index + 1] as number];
      if (start >= to) break;
      if (end <= at) continue;
      if (start > at) yield { start: at, end: start };
      at = end;
    }
    if (at < to) yield { start: at, end: to };
  }

  /** Drops the proof of what lies before. */
  #forget(time: number): void {
    let past = 0;
    while (past < this.#alive.length && (this.#alive[past + 1] as number) <= time) past += 2;
    if (past > 0) this.#alive.splice(0, past);
  }
}

/** The marks of all series that are to be published, in the order in which they were told. */
export class MarkRows {
  readonly #symbols = new Map<string, number>();
  readonly #rows: { symbol: number; price: number; row: Parameters<Tell> }[] = [];

  /** Takes the marks of a symbol and price kind. */
  taker(symbol: string, price: number): Tell {
    return (...row) => {
      const index = this.#symbols.getOrInsertComputed(symbol, () => this.#symbols.size);
      this.#rows.push({ symbol: index, price, row });
    };
  }

  get count(): number {
    return this.#rows.length;
  }

  toBatch(receiveTime: number): MarkBatch {
    const rows = this.#rows;
    return {
      count: rows.length,
      symbols: [...this.#symbols.keys()],
      receiveTime,
      start: Float64Array.from(rows, ({ row }) => row[1]),
      end: Float64Array.from(rows, ({ row }) => row[2]),
      symbol: Uint16Array.from(rows, ({ symbol }) => symbol),
      price: Uint8Array.from(rows, ({ price }) => price),
      interval: Uint8Array.from(rows, ({ row }) => row[0]),
      state: Uint8Array.from(rows, ({ row }) => row[3]),
    };
  }
}

function add(stretches: Stretch[], next: Stretch): void {
  const { start, end, state, finest } = next;
  if (start >= end) return;
  const last = stretches.at(-1);
  if (last && last.end === start && last.state === state && last.finest === finest) last.end = end;
  else stretches.push(next);
}

function stateIn({ state, finest }: Stretch, interval: number): number {
  return interval < finest ? within : state;
}

/** Goes on with a stretch of minutes, and tells the buckets that it leaves behind. */
function roll(
  bucket: Bucket,
  start: number,
  end: number,
  state: number,
  calendar: string,
  tell: Tell,
): void {
  const { interval } = bucket;
  if (start >= bucket.end) {
    finish(bucket, tell);
    begin(bucket, startOf(calendar, interval, start), calendar);
  }
  const isFresh = bucket.state === none;
  bucket.state = Math.max(bucket.state, state);
  if (end <= bucket.end) return;
  // Those that hold nothing but this stretch are told together.
  if (!isFresh) finish(bucket, tell);
  const first = isFresh ? bucket.start : bucket.end;
  const last = startOf(calendar, interval, end);
  if (last > first) tell(interval, first, last, state);
  begin(bucket, last, calendar);
  if (end > last) bucket.state = state;
}

function begin(bucket: Bucket, start: number, calendar: string): void {
  bucket.start = start;
  bucket.end = endOf(calendar, bucket.interval, start);
  bucket.state = none;
}

function finish(bucket: Bucket, tell: Tell): void {
  if (bucket.state !== none) tell(bucket.interval, bucket.start, bucket.end, bucket.state);
  bucket.state = none;
}

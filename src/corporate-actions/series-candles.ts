// The candles of an instrument over its names, adjusted. Candles are stored as traded, those within
// a day on the grid of UTC, and actions begin with a day of their exchange. So a candle of hours,
// or a day of another calendar, can begin before an action and end after it: such a one is put
// together anew from its quarter hours, each adjusted for itself. The days of all our exchanges
// begin on a quarter hour of UTC.

import { type Micros, micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { calendarOf } from '../calendars/calendar.ts';
import type { Days } from '../calendars/days.ts';
import type { Span } from '../calendars/session.ts';
import type { PriceKind } from '../contracts/candle.ts';
import type { Adjustment } from '../contracts/corporate-action.ts';
import { bucketStart, type Interval, intervalLength } from '../contracts/interval.ts';
import { formatTime, parseTime } from '../contracts/time.ts';
import type { Candle } from '../contracts/wire-objects.ts';
import { type Factors, folded, product, unadjusted } from './figures.ts';
import { compare, minus, one, over, rationalOf } from './rational.ts';
import type { NameSpan, PriceAction, Series } from './series.ts';

/** Candles that start in [from, to), which may be infinite. */
export interface CandleSpan {
  readonly interval: Interval;
  readonly price: PriceKind;
  readonly limit: number;
  readonly from: Micros;
  readonly to: Micros;
}

/** The newest `limit` raw candles of a name in a span, ascending. */
export type ReadCandles = (symbol: string, span: CandleSpan) => Promise<readonly Candle[]>;

/** A candle says what was done to its figures; where nothing is said they are raw. */
export interface SeriesCandle extends Candle {
  readonly adjustment?: Adjustment;
}

/** The finest candles that no action can lie within. */
const partInterval: Interval = '15m';

/** Reads one series; remembers the factors that it worked out. */
export class SeriesReader {
  readonly #series: Series;
  readonly #days: Days;
  readonly #read: ReadCandles;
  /** From the newest action back: up to which moment the factors hold. */
  readonly #steps: { readonly until: Micros; readonly factors: Factors }[] = [];

  /** `days` are the instrument's. */
  constructor(series: Series, days: Days, read: ReadCandles) {
    this.#series = series;
    this.#days = days;
    this.#read = read;
  }

  /**
   * The newest `limit` of a span, ascending. Throws Failure `bad-request` where a dividend cannot
   * be applied because nobody knows the close before it.
   */
  async candles(span: CandleSpan): Promise<SeriesCandle[]> {
    const { names, adjustment } = this.#series;
    const bucketAt = bucketsOf(span.interval, this.#days);
    const broken = brokenBuckets(this.#series, bucketAt);
    const whole = await newest(names, this.#read, span, bucketAt);
    const reached = whole.length < span.limit ? span.from : startOf(whole[0]);
    let found = whole.map((candle): Parts => ({ whole: candle, parts: [candle] }));
    if (broken.size > 0) found = found.filter((one) => !broken.has(startOf(one.whole)));
    for (const [start, bucket] of broken) {
      if (start < reached || start >= span.to) continue;
      const mended = await partsOf(names, this.#read, span, bucket);
      if (mended) found.push(mended);
    }
    if (broken.size > 0) found.sort((a, b) => startOf(a.whole) - startOf(b.whole));
    const chosen = found.slice(-span.limit);
    if (chosen.length > 0) await this.#workOut(startOf(chosen[0].parts[0]));
    return chosen.map(({ whole: candle, parts }) => {
      const made = folded(
        parts.map((part) => [part, this.#factorsOf(part)]),
        candle,
      );
      return adjustment === 'raw' ? made : { ...made, adjustment };
    });
  }

  /** The factors of each time from `start` on: those of all actions after it, multiplied. */
  async #workOut(start: Micros): Promise<void> {
    const { names, actions } = this.#series;
    for (const action of actions.slice(0, actions.length - this.#steps.length).toReversed()) {
      if (action.at <= start) return;
      const step = await stepOf(action, names, this.#read);
      const factors = product(this.#steps.at(-1)?.factors ?? unadjusted, step);
      this.#steps.push({ until: action.at, factors });
    }
  }

  #factorsOf(candle: Candle): Factors {
    if (this.#steps.length === 0) return unadjusted;
    const start = startOf(candle);
    return this.#steps.findLast(({ until }) => start < until)?.factors ?? unadjusted;
  }
}

/** The raw candles that make up a candle: itself, or its quarter hours. */
interface Parts {
  readonly whole: Candle;
  readonly parts: readonly Candle[];
}

/** The bucket that a moment lies in. */
type BucketAt = (time: Micros) => Span;

function bucketsOf(interval: Interval, days: Days): BucketAt {
  return interval === '1d' ? (time) => days.of(time) : onGrid(interval);
}

function onGrid(interval: Interval): BucketAt {
  const length = intervalLength(interval);
  return (time) => {
    const start = bucketStart(time, length);
    return { start, end: micros(start + length) };
  };
}

/** By start, the buckets that a change of name or of prices lies within. */
function brokenBuckets({ names, actions }: Series, bucketAt: BucketAt): ReadonlyMap<Micros, Span> {
  const changes = [...names.slice(1).map(({ from }) => from), ...actions.map(({ at }) => at)];
  const within = changes.map((at) => [at, bucketAt(at)] as const);
  return new Map(
    within.filter(([at, { start }]) => start !== at).map(([, bucket]) => [bucket.start, bucket]),
  );
}

/** The part of a span, infinite or not, that is whole buckets. */
function wholeBuckets({ from, to }: NameSpan, bucketAt: BucketAt): Span {
  const first = Number.isFinite(from) ? bucketAt(from) : null;
  return {
    start: first && first.start < from ? first.end : from,
    end: Number.isFinite(to) ? bucketAt(to).start : to,
  };
}

/** The newest candles of buckets that lie within the span of one name. */
async function newest(
  names: readonly NameSpan[],
  read: ReadCandles,
  span: CandleSpan,
  bucketAt: BucketAt,
): Promise<Candle[]> {
  let candles: readonly Candle[] = [];
  for (const name of names.toReversed()) {
    const limit = span.limit - candles.length;
    const { start, end } = wholeBuckets(name, bucketAt);
    const from = micros(Math.max(span.from, start));
    const to = micros(Math.min(span.to, end));
    if (limit === 0) break;
    if (from >= to) continue;
    candles = [...(await read(name.symbol, { ...span, limit, from, to })), ...candles];
  }
  return [...candles];
}

const unsettled = ['open', 'revised'] as const;

/** A bucket that something changes in, by its quarter hours; null where it has none. */
async function partsOf(
  names: readonly NameSpan[],
  read: ReadCandles,
  { interval, price }: CandleSpan,
  { start, end }: Span,
): Promise<Parts | null> {
  const ours = names.filter(({ from, to }) => from < end && to > start);
  const bucket = { price, from: start, to: end };
  const wholes = await Promise.all(
    ours.map(({ symbol }) => read(symbol, { ...bucket, interval, limit: 1 })),
  );
  const limit = (end - start) / intervalLength(partInterval);
  const quarters = { ...bucket, interval: partInterval, limit };
  const parts = await newest(ours, read, quarters, onGrid(partInterval));
  if (parts.length === 0) return null;
  const states = wholes.flat().map(({ state }) => state);
  const state = unsettled.find((one) => states.includes(one)) ?? 'final';
  const revision = Math.max(0, ...wholes.flat().map((one) => one.revision));
  return { whole: { ...parts[0], interval, start: formatTime(start), state, revision }, parts };
}

/** What an action does to what came before it. */
async function stepOf(
  action: PriceAction,
  names: readonly NameSpan[],
  read: ReadCandles,
): Promise<Factors> {
  if (action.kind === 'split') {
    const [newShares, oldShares] = action.ratio.split(':').map(rationalOf);
    const volume = over(newShares, oldShares);
    return { price: over(one, volume), volume };
  }
  const { symbol, date, amount } = action;
  const reference = action.reference ?? (await closeBefore(action, names, read));
  const close = reference === null ? null : rationalOf(reference);
  if (close && compare(rationalOf(amount), close) < 0) {
    return { price: minus(one, over(rationalOf(amount), close)), volume: one };
  }
  throw new Failure(
    'bad-request',
    `The dividend of ${symbol} on ${date}, ${amount}, cannot be applied: ` +
      (close
        ? `it is not below the close before it, ${reference}.`
        : 'no close before it is known.'),
    'Import it with its reference price (the raw close before it), or ask for adjustment=split.',
  );
}

/** The last price of the session before an action: the close of its last minute with trades. */
async function closeBefore(
  { at, calendar }: PriceAction,
  names: readonly NameSpan[],
  read: ReadCandles,
): Promise<string | null> {
  const known = calendarOf(calendar);
  if (at < Date.UTC(known.firstYear, 1) * 1000) return null;
  const { open, close } = known.previousSession(at);
  const minute = { interval: '1m', price: 'trade', limit: 1, from: open, to: close } as const;
  const [candle] = await newest(names, read, minute, onGrid(minute.interval));
  return candle?.close ?? null;
}

function startOf({ start }: Candle): Micros {
  return parseTime(start) ?? micros(0);
}

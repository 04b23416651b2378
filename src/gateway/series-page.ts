// A page of the candles of an instrument, whatever it was called, adjusted for its actions.

import { type Micros, micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Days } from '../calendars/days.ts';
import type { PriceKind } from '../contracts/candle.ts';
import type { Adjustment } from '../contracts/corporate-action.ts';
import type { Interval } from '../contracts/interval.ts';
import { isDate, parseTime } from '../contracts/time.ts';
import { type PriceAction, type Series, seriesOf } from '../corporate-actions/series.ts';
import { type SeriesCandle, SeriesReader } from '../corporate-actions/series-candles.ts';
import { formatCandleCursor } from './cursor.ts';
import { unknownSymbol } from './problem.ts';
import { type RouteContext, requireReady } from './routes/context.ts';
import { newestCandles } from './seam/newest-candles.ts';

export interface SeriesPageQuery {
  readonly interval: Interval;
  readonly price: PriceKind;
  readonly limit: number;
  /** Microseconds; candles that start in [from, to). */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
  /** The start of the first candle of the page before. */
  readonly before?: number | undefined;
}

export interface SeriesPage {
  readonly candles: readonly SeriesCandle[];
  /** For the page before this one in time. */
  readonly next: string | null;
}

/** Throws Failure `not-found` where no name of the instrument is known, or `bad-request`. */
export async function knownSeries(
  { shards, history, clock }: RouteContext,
  given: string,
  adjustment: Adjustment,
  asof: string | undefined,
): Promise<Series> {
  requireReady(shards);
  if (asof !== undefined) requireDate(asof);
  const symbol = given.toUpperCase();
  const known = await history.actions(symbol);
  const series = seriesOf(known, { symbol, adjustment, asof: asof ?? clock.now() });
  if (!series.names.some((name) => shards.has(name.symbol))) throw unknownSymbol(given);
  return series;
}

/** The calendar of a series' days: its latest name may not have traded yet. */
export function calendarOfSeries({ shards }: RouteContext, { names }: Series): string {
  const latest = names.findLast(({ symbol }) => shards.has(symbol)) ?? names[0];
  return shards.instrument(latest.symbol).calendar;
}

/** Reads a series from memory, log and store. */
export function readerOf({ shards }: RouteContext, series: Series, days: Days): SeriesReader {
  return new SeriesReader(series, days, async (symbol, span) => {
    const { live, sources } = shards.of(symbol);
    if (!live.has(symbol)) return [];
    const ring = live.candles(symbol, span.price, span.interval);
    return await newestCandles(sources, symbol, ring, span);
  });
}

/** The newest `limit` candles of the span, ascending. */
export async function seriesPage(
  reader: SeriesReader,
  { interval, price, limit, from, to, before }: SeriesPageQuery,
): Promise<SeriesPage> {
  const candles = await reader.candles({
    interval,
    price,
    limit: limit + 1,
    from: from ?? micros(-Infinity),
    to: micros(Math.min(to ?? Infinity, before ?? Infinity)),
  });
  const page = candles.slice(-limit);
  return {
    candles: page,
    next: candles.length > limit ? formatCandleCursor(startOf(page[0])) : null,
  };
}

/** The actions of a series that changed a page: those after its first candle began. */
export function appliedTo({ actions }: Series, [first]: readonly SeriesCandle[]): PriceAction[] {
  return first ? actions.filter(({ at }) => at > startOf(first)) : [];
}

function requireDate(asof: string): void {
  if (isDate(asof)) return;
  const detail = `The parameter "asof" is "${asof}", which is no date.`;
  throw new Failure('bad-request', detail, 'Give a date such as 2014-06-09.');
}

export function startOf({ start }: SeriesCandle): Micros {
  return parseTime(start) ?? micros(0);
}

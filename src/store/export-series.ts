// The candles of an export of one instrument under all its names, adjusted: by start, then from the
// finest interval. Read window by window, since the rows of one name do not stand alone.

import type { Client } from 'pg';
import { micros } from '../base/clock.ts';
import { calendarOf } from '../calendars/calendar.ts';
import type { Days } from '../calendars/days.ts';
import type { PriceKind } from '../contracts/candle.ts';
import type { Adjustment } from '../contracts/corporate-action.ts';
import { alwaysOpenCalendar } from '../contracts/instrument.ts';
import { type Interval, intervalLength, intervals } from '../contracts/interval.ts';
import { parseTime } from '../contracts/time.ts';
import {
  requireBearer,
  type Series,
  type SeriesQuery,
  seriesOf,
} from '../corporate-actions/series.ts';
import { type SeriesCandle, SeriesReader } from '../corporate-actions/series-candles.ts';
import { intervalCodes, priceKindCodes } from './candle-codes.ts';
import {
  candleParameters,
  type NewestCandleRow,
  newestCandles,
  selectNewestCandles,
} from './candle-query.ts';
import { type ActionRow, actionOf, selectActions } from './corporate-actions.ts';
import { candleExportColumns } from './export-candles.ts';
import type { Cells, ExportColumn, RowBatch } from './export-formats.ts';
import type { ExportScope } from './export-scope.ts';

/** What an adjusted candle says of itself besides. */
const adjustedColumns: readonly ExportColumn[] = [
  { name: 'adjustment', kind: 'text' },
  { name: 'asof', kind: 'text' },
];

/** Candles of the finest interval in a window. */
const rowsAtOnce = 20_000;

export function seriesExportColumns(adjustment: Adjustment): readonly ExportColumn[] {
  return adjustment === 'raw' ? candleExportColumns : [...candleExportColumns, ...adjustedColumns];
}

export async function findSeries(client: Client, query: SeriesQuery): Promise<Series> {
  const { rows } = await client.query<ActionRow>(selectActions, [query.symbol]);
  return seriesOf(rows.map(actionOf), query);
}

/** Whether it is not just the rows stored under one symbol, as they are. */
export function isMoreThanStored({ names: [name, ...others], adjustment }: Series): boolean {
  const isWhole = name.from === -Infinity && name.to === Infinity;
  return adjustment !== 'raw' || others.length > 0 || !isWhole;
}

export async function* readSeries(
  client: Client,
  series: Series,
  scope: ExportScope,
  price: PriceKind,
  wanted: readonly Interval[],
): AsyncGenerator<RowBatch> {
  const ids = new Map(scope.instruments.map(({ id, symbol }) => [symbol, id]));
  const { days } = calendarOf(calendarOfSeries(series, scope));
  const reader = new SeriesReader(series, days, async (symbol, span) => {
    const id = ids.get(symbol);
    if (id === undefined) return [];
    const values = candleParameters(id, span);
    const { rows } = await client.query<NewestCandleRow>(selectNewestCandles, values);
    return newestCandles(symbol, span, rows);
  });
  let isEmpty = true;
  const window = rowsAtOnce * Math.min(...wanted.map(intervalLength));
  const [first, end] = await reach(client, [...ids.values()], days, price, scope);
  for (let from = Math.floor(first / window) * window; from < end; from += window) {
    const span = { from: micros(Math.max(from, first)), to: micros(Math.min(from + window, end)) };
    const candles: SeriesCandle[] = [];
    for (const interval of wanted) {
      // One more, since days of 23 hours let another begin.
      const limit = Math.ceil(window / intervalLength(interval)) + 1;
      candles.push(...(await reader.candles({ ...span, interval, price, limit })));
    }
    if (candles.length === 0) continue;
    isEmpty = false;
    yield batchOf(candles.sort(byStartAndInterval), series);
  }
  if (isEmpty) requireBearer(series);
}

/** The calendar of a series' days: its latest name may not have traded yet. */
function calendarOfSeries({ names }: Series, { instruments }: ExportScope): string {
  const known = new Map(instruments.map(({ symbol, calendar }) => [symbol, calendar]));
  const latest = names.findLast(({ symbol }) => known.has(symbol)) ?? names[0];
  return known.get(latest.symbol) ?? alwaysOpenCalendar;
}

/** The part of the span that has candles. */
async function reach(
  client: Client,
  ids: readonly number[],
  days: Days,
  price: PriceKind,
  { from = micros(-Infinity), to = micros(Infinity) }: ExportScope,
): Promise<[from: number, to: number]> {
  const { rows } = await client.query<{ first: string | null; last: string | null }>(
    `select micros(min(start)) as first, micros(max(start)) as last from candle_rows
     where instrument_id = any($1) and price_kind = $2 and interval_id = $3`,
    [ids, priceKindCodes[price], intervalCodes['1d']],
  );
  const [{ first, last }] = rows;
  if (first === null || last === null) return [0, 0];
  const { end } = days.of(Number(last));
  return [Math.max(from, Number(first)), Math.min(to, end)];
}

function byStartAndInterval(a: SeriesCandle, b: SeriesCandle): number {
  const [aStart, bStart] = [parseTime(a.start) ?? 0, parseTime(b.start) ?? 0];
  return aStart - bStart || intervals.indexOf(a.interval) - intervals.indexOf(b.interval);
}

function batchOf(candles: readonly SeriesCandle[], { adjustment, asof }: Series): RowBatch {
  const texts = (['open', 'high', 'low', 'close', 'volume', 'vwap'] as const).map((figure) =>
    candles.map((candle) => candle[figure]),
  );
  const cells: Cells[] = [
    candles.map(({ symbol }) => symbol),
    candles.map(({ interval }) => interval),
    Float64Array.from(candles, ({ start }) => parseTime(start) ?? 0),
    ...texts,
    Float64Array.from(candles, ({ trades }) => trades),
    Float64Array.from(candles, ({ revision }) => revision),
    candles.map(({ state }) => state),
  ];
  if (adjustment !== 'raw')
    cells.push(
      candles.map(() => adjustment),
      candles.map(() => asof),
    );
  return { count: candles.length, cells };
}

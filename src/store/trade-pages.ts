// Pages of one instrument's trades, newest first. Trades have no index but that of time, so a page
// reads backwards in the spans where `trade_hours` has some, each cut to hold about as many as are
// still wanted: the cost of a page does not grow with what is stored.

import { micros } from '../base/clock.ts';
import { formatTime } from '../contracts/time.ts';
import type { Trade } from '../contracts/wire-objects.ts';
import type { Span, TradeCursor, TradePage } from './history.ts';
import { hourMicros } from './trade-hours.ts';

/** Runs a query and returns its rows. */
export type Ask = <Row extends object>(sql: string, values: readonly unknown[]) => Promise<Row[]>;

export interface TradePageQuery extends Span {
  readonly limit: number;
  readonly before?: TradeCursor;
}

interface Moments {
  readonly from: number;
  readonly to: number;
}

/**
 * A page may be longer than `limit` by trades of the same time and offset, so that none is lost.
 */
export async function readTradePage(
  ask: Ask,
  instrumentId: number,
  query: TradePageQuery,
): Promise<TradePage> {
  const { limit, before, from = 0, to = Number.MAX_SAFE_INTEGER } = query;
  const span = { from, to: before ? Math.min(to, before.time + 1) : to };
  const found: TradeRow[] = [];
  for await (const part of spansBackwards(ask, instrumentId, span, limit + 1)) {
    found.push(...(await readTrades(ask, instrumentId, part, before, limit + 1 - found.length)));
    if (found.length > limit) break;
  }
  return pageOf(found, limit);
}

/** Cuts at the limit, or after those that a cursor could not tell from the last. */
function pageOf(found: readonly TradeRow[], limit: number): TradePage {
  if (found.length <= limit) return { trades: found.map(tradeOf), next: null };
  let end = limit;
  while (end < found.length && isSamePlace(found[end], found[end - 1])) end++;
  const { time, offset } = found[end - 1];
  const next = { time: micros(Number(time)), offset: Number(offset) };
  return { trades: found.slice(0, end).map(tradeOf), next };
}

function isSamePlace(a: TradeRow, b: TradeRow): boolean {
  return a.time === b.time && a.offset === b.offset;
}

interface TradeRow extends Omit<Trade, 'time' | 'received' | 'sequence'> {
  /** Microseconds; bigint comes as text. */
  readonly time: string;
  readonly received: string;
  readonly sequence: string;
  readonly offset: string;
}

/**
 * Several epochs of a log may have given trades one time and offset: `ties` keeps them together.
 */
async function readTrades(
  ask: Ask,
  instrumentId: number,
  { from, to }: Moments,
  before: TradeCursor | undefined,
  limit: number,
): Promise<TradeRow[]> {
  const { time, offset } = before ?? { time: to, offset: 0 };
  return await ask<TradeRow>(
    `with newest as (
       select * from trade_rows
       where instrument_id = $1
         and event_time >= $2 and event_time < $3
         and (event_time, log_offset) < ($4, $5)
       order by event_time desc, log_offset desc
       fetch first $6 rows with ties
     )
     select
       instruments.symbol,
       micros(event_time) as time,
       micros(event_time) + coalesce(delay, 0) as received,
       trim_scale(price * price_unit)::text as price,
       trim_scale(size * size_unit)::text as size,
       case
         when not has_text_ids then trade_id::text
         else (
           select texts.id from trade_texts texts
           where (texts.tag_id, texts.log_offset) = (newest.tag_id, newest.log_offset)
         )
       end as id,
       side, venue, conditions, trade_tags.source, sequence,
       case when cancelled then 'cancelled' else verdict end as verdict, log_offset as "offset"
     from newest
     join trade_tags using (tag_id)
     join instruments using (instrument_id)
     order by event_time desc, log_offset desc`,
    [instrumentId, formatTime(from), formatTime(to), formatTime(time), offset, limit],
  );
}

function tradeOf(row: TradeRow): Trade {
  const { symbol, price, size, side, id, venue, conditions, source, verdict } = row;
  return {
    symbol,
    time: formatTime(Number(row.time)),
    received: formatTime(Number(row.received)),
    price,
    size,
    side,
    id,
    venue,
    conditions,
    source,
    sequence: Number(row.sequence),
    verdict,
  };
}

// --- where to look ---

interface Hour {
  /** Microseconds: the hour's start, its first and its last trade. */
  readonly start: number;
  readonly first: number;
  readonly last: number;
  readonly trades: number;
}

const hoursAtOnce = 256;
/** A span within an hour is cut so that it should hold this many times what is wanted. */
const margin = 2;

/** Spans that hold all trades of the instrument within `span`, the newest first. */
async function* spansBackwards(
  ask: Ask,
  instrumentId: number,
  span: Moments,
  wanted: number,
): AsyncGenerator<Moments> {
  for await (const { first, last, trades } of runsOfHours(ask, instrumentId, span, wanted)) {
    const start = Math.max(span.from, first);
    let end = Math.min(span.to, last + 1);
    let length = Math.ceil((last + 1 - first) * Math.min(1, (margin * wanted) / trades));
    while (end > start) {
      const from = Math.max(start, end - length);
      yield { from, to: end };
      end = from;
      length *= 2;
    }
  }
}

/** Hours that follow each other, as one, as long as they have few trades. */
async function* runsOfHours(
  ask: Ask,
  instrumentId: number,
  span: Moments,
  wanted: number,
): AsyncGenerator<Hour> {
  let run: Hour | undefined;
  for await (const hour of hoursBackwards(ask, instrumentId, span)) {
    if (run && hour.start + hourMicros === run.start && hour.trades + run.trades <= wanted) {
      run = { ...hour, last: run.last, trades: hour.trades + run.trades };
    } else {
      if (run) yield run;
      run = hour;
    }
  }
  if (run) yield run;
}

async function* hoursBackwards(
  ask: Ask,
  instrumentId: number,
  { from, to }: Moments,
): AsyncGenerator<Hour> {
  for (let before = to; ; ) {
    const rows = await ask<Record<'start' | 'first' | 'last' | 'trades', string>>(
      `select
         micros(hour) as start, micros(first_time) as first, micros(last_time) as last, trades
       from trade_hours
       where instrument_id = $1 and hour < $2 and last_time >= $3
       order by hour desc
       limit $4`,
      [instrumentId, formatTime(before), formatTime(from), hoursAtOnce],
    );
    for (const { start, first, last, trades } of rows) {
      yield {
        start: Number(start),
        first: Number(first),
        last: Number(last),
        trades: Number(trades),
      };
    }
    if (rows.length < hoursAtOnce) return;
    before = Number(rows.at(-1)?.start);
  }
}

// Pages of trades, newest first, across memory, log and store, with no hole and no duplicate at any
// cut. Trades are ordered, and told apart, by (event time, sequence). Memory holds an unbroken run
// up to the newest; what the store does not have yet is read from the log; the store has the rest.
// As each part gives its newest rows, the newest rows of all are among them.

import { type Micros, micros } from '../../base/clock.ts';
import { sequencesOf } from '../../contracts/event-columns.ts';
import { frameKind } from '../../contracts/frame.ts';
import { parseTime } from '../../contracts/time.ts';
import { decodeTrades, type TradeBatch } from '../../contracts/trade.ts';
import { isCancel, verdicts } from '../../contracts/verdict.ts';
import { type Trade, tradeAt } from '../../contracts/wire-objects.ts';
import { formatTradeCursor, type TradePageCursor } from '../cursor.ts';
import { follows, type TradePlace } from '../recent/trade-order.ts';
import type { TradeRing } from '../recent/trade-ring.ts';
import { type SeamSources, unstored } from './unstored.ts';

export interface TradePageQuery {
  readonly limit: number;
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
  readonly before?: TradePageCursor | undefined;
}

export interface TradePage {
  readonly trades: Trade[];
  readonly next: string | null;
}

export async function tradePage(
  sources: SeamSources,
  symbol: string,
  ring: TradeRing,
  query: TradePageQuery,
): Promise<TradePage> {
  const recent = ring.newestFirst(query, query.limit + 1);
  if (isWhole(ring, query, recent)) {
    const more = recent.length > query.limit || ring.olderTimeMax >= floorOf(query);
    return pageOf(recent, query, more);
  }
  const older = await olderTrades(sources, symbol, ring, query);
  const merged = merge([...recent, ...older], query);
  return pageOf(merged, query, merged.length > query.limit);
}

/** Whether memory alone answers: every trade that it does not hold would come after its rows. */
function isWhole(ring: TradeRing, query: TradePageQuery, recent: Trade[]): boolean {
  const { limit } = query;
  if (floorOf(query) > ring.olderTimeMax) return true;
  return recent.length >= limit && timeOf(recent[limit - 1]) >= ring.olderTimeMax;
}

function floorOf({ from }: TradePageQuery): number {
  return from ?? -Number.MAX_VALUE;
}

async function olderTrades(
  sources: SeamSources,
  symbol: string,
  ring: TradeRing,
  query: TradePageQuery,
): Promise<Trade[]> {
  const { breaks, completeFrom } = ring;
  const { from, to, before } = query;
  const isAll = from === undefined && to === undefined && before === undefined;
  const learns = isAll && ring.olderTimeMax === Infinity;
  // The store repeats what memory holds; to learn of one more trade, ask beyond all of it.
  const repeats = learns ? ring.count : 0;
  const limit = query.limit + 1 + (before?.same ?? 0) + repeats;
  const gap = [sources.stored('market.trades'), completeFrom] as const;
  const between = await tradesBetween(sources, symbol, gap, { ...query, limit });
  const stored = await sources.history.trades(symbol, {
    limit,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(before ? { before: atAndBefore(before.time) } : {}),
  });
  const older = [...between, ...stored.trades].filter((trade) => !ring.holds(placeOf(trade)));
  if (learns) ring.learnOlderTime(newestTime(older), breaks);
  return older;
}

/** The store's cursor names an offset, ours a sequence: ask for all of that time, drop the seen. */
function atAndBefore(time: number): { time: Micros; offset: number } {
  return { time: micros(time), offset: Number.MAX_SAFE_INTEGER };
}

/** The newest of a page and of trades that came since, newest first. */
export function withTradesSince(
  page: readonly Trade[],
  since: readonly Trade[],
  query: TradePageQuery,
): Trade[] {
  const { from = -Infinity, limit } = query;
  const within = since.filter((trade) => timeOf(trade) >= from);
  return merge([...page, ...within], query).slice(0, limit);
}

/** By symbol, all trades that the log holds between two offsets. */
export async function tradesSince(
  { log, unstoredRecordsMax }: SeamSources,
  symbols: ReadonlySet<string>,
  [from, to]: readonly [from: number, to: number],
): Promise<Map<string, Trade[]>> {
  const found = new Map<string, Trade[]>();
  if (from >= to) return found;
  for await (const { bytes } of unstored(log, 'market.trades', from, to, unstoredRecordsMax)) {
    if (frameKind(bytes) !== 'trades') continue;
    const batch = decodeTrades(bytes);
    const sequences = sequencesOf(batch);
    for (let row = 0; row < batch.count; row++) {
      const { symbol } = batch.instruments[batch.instrument[row]];
      if (!symbols.has(symbol)) continue;
      found.getOrInsertComputed(symbol, () => []).push(tradeAt(batch, row, sequences[row]));
    }
  }
  return found;
}

/** The newest trades that the log holds between two offsets. */
async function tradesBetween(
  { log, unstoredRecordsMax }: SeamSources,
  symbol: string,
  [from, to]: readonly [from: number, to: number],
  query: TradePageQuery,
): Promise<Trade[]> {
  if (from >= to) return [];
  let newest: Found[] = [];
  const batches = unstored(log, 'market.trades', from, to, unstoredRecordsMax);
  for await (const { bytes } of batches) {
    if (frameKind(bytes) !== 'trades') continue;
    newest.push(...selected(decodeTrades(bytes), symbol, query));
    newest = newest.sort((a, b) => b.time - a.time || b.sequence - a.sequence);
    newest = newest.slice(0, query.limit);
  }
  return newest.map(({ batch, row, sequence }) => tradeAt(batch, row, sequence));
}

interface Found {
  readonly batch: TradeBatch;
  readonly row: number;
  readonly time: number;
  readonly sequence: number;
}

function* selected(batch: TradeBatch, symbol: string, query: TradePageQuery): Generator<Found> {
  const { from = -Infinity, to = Infinity, before } = query;
  const instrument = batch.instruments.findIndex((entry) => entry.symbol === symbol);
  let sequence = batch.instruments[instrument]?.sequence ?? 0;
  for (let row = 0; row < batch.count; row++) {
    if (batch.instrument[row] !== instrument) continue;
    const time = batch.eventTime[row];
    const found = { batch, row, time, sequence: sequence++ };
    if (time >= from && time < to && (!before || follows(found, before))) yield found;
  }
}

/** Newest first, each trade once, without what the cursor has passed. */
function merge(trades: readonly Trade[], { before, limit }: TradePageQuery): Trade[] {
  const byPlace = new Map<string, { trade: Trade; place: TradePlace }>();
  for (const trade of trades) {
    const place = placeOf(trade);
    if (before && !follows(place, before)) continue;
    byPlace.set(`${place.time} ${place.sequence}`, { trade, place });
  }
  const sorted = [...byPlace.values()].sort((a, b) => (follows(a.place, b.place) ? 1 : -1));
  return flagged(sorted.slice(0, limit + 1).map(({ trade }) => trade));
}

/** A cancel may be known here before the store has flagged the trade that it takes back. */
function flagged(trades: readonly Trade[]): Trade[] {
  const nameOf = ({ time, id }: Trade): string => `${time} ${id}`;
  const isCancelRow = ({ verdict }: Trade): boolean => isCancel(verdicts.indexOf(verdict));
  const named = new Set(trades.filter(({ verdict }) => verdict === 'cancel').map(nameOf));
  return trades.map((trade) => {
    const isNamed = named.has(nameOf(trade)) && !isCancelRow(trade);
    return isNamed ? { ...trade, verdict: 'cancelled' } : trade;
  });
}

function pageOf(sorted: Trade[], { limit, before }: TradePageQuery, more: boolean): TradePage {
  const trades = sorted.slice(0, limit);
  const last = trades.at(-1);
  if (!last || !more) return { trades, next: null };
  const time = timeOf(last);
  const here = trades.filter((trade) => trade.time === last.time).length;
  const same = before?.time === time ? before.same + here : here;
  return { trades, next: formatTradeCursor({ time, sequence: last.sequence, same }) };
}

function newestTime(trades: readonly Trade[]): number {
  return trades.reduce((newest, trade) => Math.max(newest, timeOf(trade)), -Infinity);
}

function placeOf(trade: Trade): TradePlace {
  return { time: timeOf(trade), sequence: trade.sequence };
}

function timeOf(trade: Trade): number {
  return parseTime(trade.time) ?? 0;
}

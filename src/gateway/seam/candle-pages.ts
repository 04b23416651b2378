// Candles in ascending order, the store's overlaid with the newer versions from memory and, where
// the store is behind memory, from the log. A candle is told by its start.

import { type Micros, micros } from '../../base/clock.ts';
import { decodeCandles, type PriceKind, priceKinds } from '../../contracts/candle.ts';
import { frameKind } from '../../contracts/frame.ts';
import { type Interval, intervals } from '../../contracts/interval.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Candle } from '../../contracts/wire-objects.ts';
import { formatCandleCursor } from '../cursor.ts';
import { CandleRing, columnsOf } from '../recent/candle-ring.ts';
import { RowBudget } from '../recent/row-budget.ts';
import { type SeamSources, unstored } from './unstored.ts';

export interface CandlePageQuery {
  readonly interval: Interval;
  readonly price: PriceKind;
  readonly limit: number;
  /** Microseconds; candles that start in [from, to). */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
  /** The start of the first candle of the page before. */
  readonly before?: number | undefined;
}

export interface CandlePage {
  readonly candles: Candle[];
  /** For the page before this one in time. */
  readonly next: string | null;
}

/** The newest `limit` candles of the span, ascending. */
export async function candlePage(
  sources: SeamSources,
  symbol: string,
  ring: CandleRing,
  query: CandlePageQuery,
): Promise<CandlePage> {
  const { limit, interval, price, from = -Infinity } = query;
  const to = Math.min(query.to ?? Infinity, query.before ?? Infinity);
  const recent = ring.within(from, to, limit + 1);
  const between = await unstoredCandles(sources, symbol, ring.completeFrom, query);
  const stored = await sources.history.candles(symbol, {
    interval,
    price,
    limit: limit + 1,
    ...(query.from === undefined ? {} : { from: query.from }),
    ...(to === Infinity ? {} : { to: micros(to) }),
  });
  const byStart = new Map(stored.map((candle) => [parseTime(candle.start) ?? 0, candle]));
  for (const [start, candle] of [...between.within(from, to, limit + 1), ...recent]) {
    byStart.set(micros(start), candle);
  }
  const sorted = [...byStart].sort(([a], [b]) => a - b);
  const page = sorted.slice(-limit);
  return {
    candles: page.map(([, candle]) => candle),
    next: sorted.length > limit ? formatCandleCursor(page[0][0]) : null,
  };
}

/** What the log holds of these candles from the store's position to before `completeFrom`. */
async function unstoredCandles(
  { log, stored, unstoredRecordsMax }: SeamSources,
  symbol: string,
  completeFrom: number,
  { interval, price }: CandlePageQuery,
): Promise<CandleRing> {
  const from = stored('market.candles');
  const gathered = new CandleRing(Infinity, new RowBudget(Infinity), from);
  if (from >= completeFrom) return gathered;
  const intervalCode = intervals.indexOf(interval);
  const priceCode = priceKinds.indexOf(price);
  const batches = unstored(log, 'market.candles', from, completeFrom, unstoredRecordsMax);
  for await (const { offset, bytes } of batches) {
    if (frameKind(bytes) !== 'candles') continue;
    const batch = decodeCandles(bytes);
    const columns = columnsOf(batch);
    const symbolCode = batch.symbols.findIndex((entry) => entry.symbol === symbol);
    for (let row = 0; row < batch.count; row++) {
      const isOurs =
        batch.symbol[row] === symbolCode &&
        batch.interval[row] === intervalCode &&
        batch.price[row] === priceCode;
      if (isOurs) gathered.put(batch, columns, row, offset + row);
    }
  }
  return gathered;
}

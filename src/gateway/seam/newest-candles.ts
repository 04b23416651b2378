// Candles in ascending order, the store's overlaid with the newer versions from memory and, where
// the store is behind memory, from the log. A candle is told by its start.

import { micros } from '../../base/clock.ts';
import { decodeCandles, priceKinds } from '../../contracts/candle.ts';
import { frameKind } from '../../contracts/frame.ts';
import { intervals } from '../../contracts/interval.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Candle } from '../../contracts/wire-objects.ts';
import type { CandleSpan } from '../../corporate-actions/series-candles.ts';
import { CandleRing, columnsOf } from '../recent/candle-ring.ts';
import { RowBudget } from '../recent/row-budget.ts';
import { type SeamSources, unstored } from './unstored.ts';

/** The newest of the span, ascending; `limit` of them. */
export async function newestCandles(
  sources: SeamSources,
  symbol: string,
  ring: CandleRing,
  span: CandleSpan,
): Promise<readonly Candle[]> {
  const { limit, from, to } = span;
  const recent = ring.within(from, to, limit, ring.certainFrom);
  const emptied = ring.emptied(from, to, ring.certainFrom);
  const between = await unstoredCandles(sources, symbol, ring.completeFrom, span);
  const emptiedBefore = between.emptied(from, to);
  const more = emptied.length + emptiedBefore.length;
  const stored = await sources.history.candles(symbol, { ...span, limit: limit + more });
  const byStart = new Map(stored.map((candle) => [parseTime(candle.start) ?? 0, candle]));
  for (const [newer, gone] of [
    [between.within(from, to, limit + emptied.length), emptiedBefore],
    [recent, emptied],
  ] as const) {
    for (const [start, candle] of newer) {
      // What was rebuilt in the store since the log was read is newer than the log.
      const known = byStart.get(micros(start));
      if (!known || known.revision <= candle.revision) byStart.set(micros(start), candle);
    }
    for (const start of gone) byStart.delete(micros(start));
  }
  const sorted = [...byStart].sort(([a], [b]) => a - b);
  return sorted.slice(-limit).map(([, candle]) => candle);
}

/** What the log holds of these candles from the store's position to before `completeFrom`. */
async function unstoredCandles(
  { log, stored, unstoredRecordsMax }: SeamSources,
  symbol: string,
  completeFrom: number,
  { interval, price }: CandleSpan,
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

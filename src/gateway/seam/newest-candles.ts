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
  const { limit } = span;
  const recent = changesOf(ring, span);
  const gap = [sources.stored('market.candles'), ring.completeFrom] as const;
  const between = changesOf(await candlesBetween(sources, symbol, gap, span), span);
  const gone = recent.emptied.length + between.emptied.length;
  const stored = await sources.history.candles(symbol, { ...span, limit: limit + gone });
  return overlaid(stored, [between, recent]).slice(-limit);
}

/** The newest of them and of the versions that the log holds between two offsets, ascending. */
export async function withCandlesSince(
  sources: SeamSources,
  symbol: string,
  candles: readonly Candle[],
  gap: readonly [from: number, to: number],
  span: CandleSpan,
): Promise<readonly Candle[]> {
  const since = changesOf(await candlesBetween(sources, symbol, gap, span), span);
  return overlaid(candles, [since]).slice(-span.limit);
}

interface Changes {
  readonly newer: readonly (readonly [start: number, candle: Candle])[];
  /** Starts of candles that lost all their trades. */
  readonly emptied: readonly number[];
}

function changesOf(ring: CandleRing, { from, to, limit }: CandleSpan): Changes {
  const emptied = ring.emptied(from, to);
  return { newer: ring.within(from, to, limit + emptied.length), emptied };
}

function overlaid(candles: readonly Candle[], changes: readonly Changes[]): Candle[] {
  const byStart = new Map(candles.map((candle) => [parseTime(candle.start) ?? 0, candle]));
  for (const { newer, emptied } of changes) {
    for (const [start, candle] of newer) {
      // What was rebuilt in the store since the log was read is newer than the log.
      const known = byStart.get(micros(start));
      if (!known || known.revision <= candle.revision) byStart.set(micros(start), candle);
    }
    for (const start of emptied) byStart.delete(micros(start));
  }
  return [...byStart].sort(([a], [b]) => a - b).map(([, candle]) => candle);
}

/** What the log holds of these candles between two offsets. */
async function candlesBetween(
  { log, unstoredRecordsMax }: SeamSources,
  symbol: string,
  [from, to]: readonly [from: number, to: number],
  { interval, price }: CandleSpan,
): Promise<CandleRing> {
  const gathered = new CandleRing(Infinity, new RowBudget(Infinity), from);
  if (from >= to) return gathered;
  const intervalCode = intervals.indexOf(interval);
  const priceCode = priceKinds.indexOf(price);
  const batches = unstored(log, 'market.candles', from, to, unstoredRecordsMax);
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

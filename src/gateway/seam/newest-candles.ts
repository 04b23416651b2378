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
  const found = await candlesSince(sources, new Set([symbol]), gap, span);
  const between = changesOf(found.get(symbol), span);
  const gone = recent.emptied.length + between.emptied.length;
  const stored = await sources.history.candles(symbol, { ...span, limit: limit + gone });
  return overlaid(stored, [between, recent]).slice(-limit);
}

/** The newest of them and of the versions that came since, ascending. */
export function withCandlesSince(
  candles: readonly Candle[],
  since: CandleRing | undefined,
  span: CandleSpan,
): readonly Candle[] {
  return overlaid(candles, [changesOf(since, span)]).slice(-span.limit);
}

/** By symbol, the newest versions of these candles that the log holds between two offsets. */
export async function candlesSince(
  { log, unstoredRecordsMax }: SeamSources,
  symbols: ReadonlySet<string>,
  [from, to]: readonly [from: number, to: number],
  { interval, price }: Pick<CandleSpan, 'interval' | 'price'>,
): Promise<Map<string, CandleRing>> {
  const found = new Map<string, CandleRing>();
  if (from >= to) return found;
  const intervalCode = intervals.indexOf(interval);
  const priceCode = priceKinds.indexOf(price);
  const newRing = (): CandleRing => new CandleRing(Infinity, new RowBudget(Infinity), from);
  const batches = unstored(log, 'market.candles', from, to, unstoredRecordsMax);
  for await (const { offset, bytes } of batches) {
    if (frameKind(bytes) !== 'candles') continue;
    const batch = decodeCandles(bytes);
    const columns = columnsOf(batch);
    const isOurs = batch.symbols.map(({ symbol }) => symbols.has(symbol));
    for (let row = 0; row < batch.count; row++) {
      const isOfSeries = batch.interval[row] === intervalCode && batch.price[row] === priceCode;
      if (!isOfSeries || !isOurs[batch.symbol[row]]) continue;
      const { symbol } = batch.symbols[batch.symbol[row]];
      found.getOrInsertComputed(symbol, newRing).put(batch, columns, row, offset + row);
    }
  }
  return found;
}

interface Changes {
  readonly newer: readonly (readonly [start: number, candle: Candle])[];
  /** Starts of candles that lost all their trades. */
  readonly emptied: readonly number[];
}

function changesOf(ring: CandleRing | undefined, { from, to, limit }: CandleSpan): Changes {
  if (!ring) return { newer: [], emptied: [] };
  const since = ring.certainFrom;
  const emptied = ring.emptied(from, to, since);
  return { newer: ring.within(from, to, limit + emptied.length, since), emptied };
}

function overlaid(candles: readonly Candle[], changes: readonly Changes[]): readonly Candle[] {
  if (changes.every(({ newer, emptied }) => newer.length + emptied.length === 0)) return candles;
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

// What is left of candles when trades of theirs are cancelled, read back from the log: the trades
// between the first and the last batch of each, without those that a cancel names, now or before.
// Only what the log held up to the batch that is being applied counts, so that a replay finds the
// same.

import { microsPerSecond } from '../base/clock.ts';
import { frameKind } from '../contracts/frame.ts';
import { idSpace } from '../contracts/identity.ts';
import type { BatchInstrument } from '../contracts/instrument.ts';
import { bucketStart } from '../contracts/interval.ts';
import { decodeTrades, type TradeBatch, tradeRows } from '../contracts/trade.ts';
import { cancel, counts } from '../contracts/verdict.ts';
import type { Refold } from '../engine/candle-refolds.ts';
import type { Log, LostRange, StoredBatch } from '../log/log.ts';
import type { CancelledTrades } from './cancelled-trades.ts';

export interface TradesLeft {
  /** By candle, what it is to be folded from; candles that lost no trade are not here. */
  readonly trades: ReadonlyMap<Refold, readonly TradeBatch[]>;
  /** Candles that cannot be folded anew, because the log no longer has all their trades. */
  readonly lost: readonly Refold[];
}

const readBytes = 4 * 2 ** 20;

/** A candle and what was found of it so far. */
interface Found {
  readonly refold: Refold;
  /** By batch, its counting trades. */
  readonly parts: TradeBatch[];
  /** Trades that the latest cancels name. */
  readonly named: Set<string>;
  /** What cancels among its trades name: of a day that was merged till now nobody noted them. */
  readonly cancelled: Set<string>;
  isLost: boolean;
}

/** `refolds` are the candles that cancels in `latest` name; `before` holds the earlier ones. */
export async function tradesLeft(
  log: Log,
  refolds: readonly Refold[],
  latest: TradeBatch,
  before: CancelledTrades,
): Promise<TradesLeft> {
  const candles = refolds.map((refold): Found => {
    return { refold, parts: [], named: new Set(), cancelled: new Set(), isLost: false };
  });
  const bySymbol = new Map(
    Map.groupBy(candles, ({ refold }) => refold.symbol)
      .entries()
      .map(([symbol, own]) => [symbol, wantedOf(own)]),
  );
  for await (const read of batchesOf(log, refolds)) {
    if ('reason' in read) markLost(candles, read);
    else if (frameKind(read.bytes) === 'trades') gather(bySymbol, decodeTrades(read.bytes));
  }
  for (const { row, candle } of rowsOf(bySymbol, latest)) {
    if (latest.verdict[row] === cancel) candle.named.add(tradeKey(latest, row));
  }
  const trades = new Map<Refold, readonly TradeBatch[]>();
  for (const { refold, parts, named, cancelled, isLost } of candles) {
    const gone = (await before.add(refold, named)).union(cancelled);
    if (isLost || parts.every((part) => without(part, named) === part)) continue;
    trades.set(
      refold,
      parts.map((part) => without(part, gone)),
    );
  }
  return { trades, lost: candles.filter(({ isLost }) => isLost).map(({ refold }) => refold) };
}

/** Each batch that holds something of the candles, once, and what the log has lost of it. */
async function* batchesOf(
  log: Log,
  refolds: readonly Refold[],
): AsyncGenerator<StoredBatch | LostRange> {
  const ranges = refolds.toSorted((a, b) => a.firstBatch - b.firstBatch);
  let next = 0;
  for (const { firstBatch, lastBatch } of ranges) {
    next = Math.max(next, firstBatch);
    while (next <= lastBatch) {
      const read = await log.read('market.trades', next, readBytes);
      yield* read.lost;
      for (const batch of read.batches) {
        if (batch.offset > lastBatch) break;
        if (batch.offset >= next) yield batch;
        next = batch.offset + batch.count;
      }
      if (next <= lastBatch) next = Math.max(next, Math.min(read.next, lastBatch + 1));
    }
  }
}

function markLost(candles: readonly Found[], { from, to }: LostRange): void {
  for (const candle of candles) {
    const { firstBatch, lastBatch } = candle.refold;
    if (from <= lastBatch && to > firstBatch) candle.isLost = true;
  }
}

/** Candles of a symbol: seconds by their start, and the few that are longer. */
interface Wanted {
  readonly seconds: ReadonlyMap<number, Found>;
  readonly others: readonly Found[];
}

function wantedOf(candles: readonly Found[]): Wanted {
  const isSecond = ({ refold }: Found): boolean => refold.interval === 0;
  const seconds = candles.filter(isSecond).map((found) => [found.refold.start, found] as const);
  return { seconds: new Map(seconds), others: candles.filter((found) => !isSecond(found)) };
}

function* candlesAt({ seconds, others }: Wanted, time: number): Generator<Found> {
  const ofSecond = seconds.get(bucketStart(time, microsPerSecond));
  if (ofSecond) yield ofSecond;
  for (const found of others) {
    if (time >= found.refold.start && time < found.refold.end) yield found;
  }
}

function* rowsOf(
  bySymbol: ReadonlyMap<string, Wanted>,
  { count, instruments, instrument, eventTime }: TradeBatch,
): Generator<{ row: number; candle: Found }> {
  const wanted = instruments.map(({ symbol }) => bySymbol.get(symbol));
  for (let row = 0; row < count; row++) {
    const of = wanted[instrument[row] as number];
    if (!of) continue;
    for (const candle of candlesAt(of, eventTime[row] as number)) yield { row, candle };
  }
}

/** Adds to each candle what a batch holds of it: copies, so that memory does not keep the batch. */
function gather(bySymbol: ReadonlyMap<string, Wanted>, batch: TradeBatch): void {
  const { instrument, verdict } = batch;
  const rows = new Map<Found, number[]>();
  for (const { row, candle } of rowsOf(bySymbol, batch)) {
    if (verdict[row] === cancel) candle.cancelled.add(tradeKey(batch, row));
    if (!counts(verdict[row] as number)) continue;
    const own = rows.get(candle);
    if (own) own.push(row);
    else rows.set(candle, [row]);
  }
  for (const [candle, own] of rows) {
    const index = instrument[own[0] as number] as number;
    candle.parts.push(ofInstrument(tradeRows(batch, own), index));
  }
}

/** The trades but those named: the batch itself where it has none of them. */
function without(batch: TradeBatch, named: ReadonlySet<string>): TradeBatch {
  const rows = Array.from({ length: batch.count }, (_, row) => row);
  const left = rows.filter((row) => !named.has(tradeKey(batch, row)));
  return left.length === rows.length ? batch : tradeRows(batch, left);
}

/** The same rows with their instrument alone. */
function ofInstrument(batch: TradeBatch, index: number): TradeBatch {
  const entry = batch.instruments[index] as BatchInstrument;
  return { ...batch, instruments: [entry], instrument: new Uint16Array(batch.count) };
}

/** What tells a trade from every other, and its cancel names it by. */
function tradeKey({ scope, instruments, instrument, textIds, id }: TradeBatch, row: number) {
  const { symbol } = instruments[instrument[row] as number] as BatchInstrument;
  return `${idSpace(scope, symbol)} ${textIds?.[row] ?? id[row]}`;
}

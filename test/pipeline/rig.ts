// What tests of the pipeline share: a real log in a folder of its own, which a test may open again
// as if after a crash, observations to give to ingest, and what the log then holds.

import { strict as assert } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from '@prometheus-io/client';
import { type Clock, ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { decodeCandles } from '../../src/contracts/candle.ts';
import type { DeadLetter } from '../../src/contracts/dead-letter.ts';
import { decodeJson, frameKind } from '../../src/contracts/frame.ts';
import { bucketStart, intervalMicros, intervals } from '../../src/contracts/interval.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import { onTime } from '../../src/contracts/verdict.ts';
import {
  type Candle,
  candleAt,
  type Instrument,
  tradeAt,
} from '../../src/contracts/wire-objects.ts';
import { Observations } from '../../src/feeds/feed.ts';
import type { Log, StoredBatch, Topic } from '../../src/log/log.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { type DerivedTopic, deriveCandles } from '../../src/pipeline/derive.ts';
import type { Follower } from '../../src/pipeline/follower.ts';
import { Ingest } from '../../src/pipeline/ingest.ts';
import { type Meters, pipelineMeters } from '../../src/pipeline/meters.ts';

export const start = Date.UTC(2024, 4, 6, 14, 30) * 1000;
const allowedLateness = 2 * microsPerSecond;
export const atOnce = { lingerMs: 0, keepTrying: false };
export const never = new AbortController().signal;

export interface SimpleTrade {
  readonly symbol: string;
  readonly seconds: number;
  readonly price: number;
  readonly id: number;
  readonly verdict?: number;
}

export function observed(
  trades: readonly SimpleTrade[],
  scope = 'somewhere',
  now = 0,
): Observations {
  const seen = new Observations('test', scope);
  for (const { symbol, seconds, price, id, verdict = onTime } of trades) {
    const instrument = seen.trades.instrumentOf(symbol, 2, 0);
    const tag = seen.trades.tagOf('', '', '');
    const time = start + seconds * microsPerSecond;
    seen.trades.push(instrument, tag, time, start + 1e9 + now, price, 10, id);
    seen.trades.verdict[seen.trades.count - 1] = verdict;
  }
  return seen;
}

/** A symbol of an exchange that follows a calendar. */
export function equity(symbol: string, calendar = 'XNYS'): Instrument {
  return {
    symbol,
    name: symbol,
    exchange: '',
    currency: 'USD',
    assetClass: 'equity',
    priceIncrement: null,
    sizeIncrement: null,
    calendar,
    source: 'test',
  };
}

export async function withLog<T>(work: (open: () => Promise<Log>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-exactly-once-'));
  let log: Log | undefined;
  try {
    return await work(async () => {
      await log?.close();
      const logger = { warn: () => undefined };
      log = await openEmbeddedLog({ folder, logger, clock: new ManualClock(start) });
      return log;
    });
  } finally {
    await log?.close();
    await rm(folder, { recursive: true });
  }
}

export async function batchesOf(log: Log, topic: Topic) {
  const { end } = log.range(topic);
  const batches: StoredBatch[] = [];
  for (let next = 0; next < end; ) {
    const read = await log.read(topic, next, 2 ** 20);
    assert.deepEqual(read.lost, []);
    batches.push(...read.batches);
    next = read.next;
  }
  return batches;
}

export async function tradesOf(log: Log) {
  return (await batchesOf(log, 'market.trades'))
    .filter(({ bytes }) => frameKind(bytes) === 'trades')
    .flatMap(({ bytes }) => {
      const batch = decodeTrades(bytes);
      return Array.from({ length: batch.count }, (_, row) => tradeAt(batch, row, 0));
    });
}

export async function candlesOf(log: Log): Promise<Candle[]> {
  const batches = await batchesOf(log, 'market.candles');
  const ofCandles = batches.filter(({ bytes }) => frameKind(bytes) === 'candles');
  return ofCandles.flatMap(({ bytes }) => {
    const batch = decodeCandles(bytes);
    return Array.from({ length: batch.count }, (_, row) => candleAt(batch, row));
  });
}

export function ingestInto(
  log: Log,
  clock: Clock = new ManualClock(start),
  correctionHorizon = Number.POSITIVE_INFINITY,
): Ingest {
  const limits = { allowedLateness, correctionHorizon };
  return new Ingest(log, clock, limits, pipelineMeters(new Registry()));
}

export function deriveFrom(
  log: Log,
  clock: Clock,
  topic: DerivedTopic = 'market.trades',
  openEvery = 1,
  meters: Meters = pipelineMeters(new Registry()),
): Follower {
  const options = { allowedLateness, openEvery };
  return deriveCandles(log, topic, options, clock, meters);
}

/** The reasons of the dead letters, in order. */
export async function reasonsOf(log: Log): Promise<string[]> {
  return (await batchesOf(log, 'dead-letter')).flatMap(({ bytes }) =>
    decodeJson<DeadLetter>(bytes).map(({ reason }) => reason),
  );
}

/** Count, high, low and volume of each candle of 24/7, by symbol, interval and start. */
export function figuresOf(trades: readonly SimpleTrade[]): Record<string, string> {
  const buckets = new Map<string, number[]>();
  for (const { symbol, seconds, price } of trades) {
    for (const [index, length] of intervalMicros.entries()) {
      const from = formatTime(bucketStart(start + seconds * microsPerSecond, length));
      const key = `${symbol} ${intervals[index]} ${from}`;
      buckets.set(key, [...(buckets.get(key) ?? []), price]);
    }
  }
  const figures = [...buckets].map(([key, prices]) => {
    const [high, low] = [Math.max(...prices) / 100, Math.min(...prices) / 100];
    return [key, `${prices.length} ${high} ${low} ${prices.length * 10}`];
  });
  return Object.fromEntries(figures);
}

/** The same of the newest versions published of trades. */
export function publishedFigures(candles: readonly Candle[]): Record<string, string> {
  const newest = new Map<string, string>();
  for (const { symbol, price, interval, start: from, trades, high, low, volume } of candles) {
    if (price !== 'trade') continue;
    const key = `${symbol} ${interval} ${from}`;
    if (trades === 0) newest.delete(key);
    else newest.set(key, `${trades} ${high} ${low} ${volume}`);
  }
  return Object.fromEntries(newest);
}

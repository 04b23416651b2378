// Both engines on one log: what the embedded one publishes as candles, and what the Flink job makes
// of the rows that the log's trades are published as.

import { Consumer, FetchIsolationLevels, stringDeserializers } from '@platformatic/kafka';
import { Registry } from '@prometheus-io/client';
import { ManualClock, systemClock } from '../../src/base/clock.ts';
import { decodeJson } from '../../src/contracts/frame.ts';
import type { Candle, Signal } from '../../src/contracts/wire-objects.ts';
import type { Log } from '../../src/log/log.ts';
import type { Rows } from '../../src/log/rows.ts';
import { detectSignals } from '../../src/pipeline/detect.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import { publishTrades } from '../../src/pipeline/publish.ts';
import { atOnce, batchesOf, candlesOf, deriveFrom, never, start } from '../pipeline/rig.ts';

/** A candle as a line of text, by which two engines are compared byte for byte. */
export function candleLine(candle: Omit<Candle, 'price' | 'state' | 'revision'>): string {
  const { symbol, interval, start: from, open, high, low, close } = candle;
  const { volume, notional, vwap, trades, priced } = candle;
  const figures = [open, high, low, close, volume, notional, vwap, trades, priced];
  return [symbol, interval, from, ...figures].join(' ');
}

/** The newest version of every candle of the log's trades, by the embedded engine; sorted. */
export async function embeddedLines(log: Log): Promise<string[]> {
  const derive = deriveFrom(log, new ManualClock(start));
  await derive.recover();
  while (await derive.step(atOnce, never));
  const newest = new Map<string, Candle>();
  for (const candle of await candlesOf(log)) {
    const key = `${candle.symbol} ${candle.interval} ${candle.start}`;
    if (candle.trades === 0 && candle.priced === 0) newest.delete(key);
    else newest.set(key, candle);
  }
  return Array.from(newest.values(), candleLine).sort();
}

/** A signal likewise. What was paid on average Flink's rows do not tell. */
export function signalLine(signal: Omit<Signal, 'state' | 'revision'>): string {
  const { id, kind, symbol, time, start: from, severity, text, values } = signal;
  const told = Object.entries(values).filter(([name]) => name !== 'average');
  const figures = told.map(([name, value]) => `${name}=${value}`).sort();
  return [id, kind, symbol, time, from, severity, text, ...figures].join(' ');
}

/** What is compared with the last minutes, and prints beside quotes, SQL cannot say. */
function isOfFlink({ kind, values }: Signal): boolean {
  if (kind === 'volume-anomaly') return values.comparedWith?.endsWith(' sessions') === true;
  return ['price-spike', 'volatility', 'price-change', 'gap-at-open'].includes(kind);
}

/** The signals that stand, of the kinds that Flink finds; sorted. To be asked after the candles. */
export async function embeddedSignalLines(log: Log): Promise<string[]> {
  const meters = pipelineMeters(new Registry());
  const detect = detectSignals(log, new ManualClock(start), meters);
  await detect.recover();
  while (await detect.step(atOnce, never));
  const newest = new Map<string, Signal>();
  for (const { bytes } of await batchesOf(log, 'market.signals')) {
    for (const signal of decodeJson<Signal>(bytes)) newest.set(signal.id, signal);
  }
  return [...newest.values()]
    .filter((signal) => signal.state === 'raised' && isOfFlink(signal))
    .map(signalLine)
    .sort();
}

export async function publish(log: Log, rows: Rows, topic: string): Promise<void> {
  const meters = pipelineMeters(new Registry());
  const logger = { warn: () => undefined };
  const to = { rows, topic, keepTrying: false, signal: never, logger };
  const follower = publishTrades(log, to, new ManualClock(start), meters);
  await follower.recover();
  while (await follower.step(atOnce, never));
}

/** Nothing new for so long, though the job goes on: it will not come. */
const quietMs = 120_000;

/** Committed messages of a topic from its beginning on, until nothing new comes for so long. */
export async function* messagesOf(bootstrap: string, topic: string, patienceMs = quietMs) {
  const consumer = new Consumer({
    clientId: 'test',
    groupId: `test-${readers++}`,
    bootstrapBrokers: [bootstrap],
    deserializers: stringDeserializers,
  });
  try {
    const isolationLevel = FetchIsolationLevels.READ_COMMITTED;
    const messages = await consumer.consume({ topics: [topic], mode: 'earliest', isolationLevel });
    const iterator = messages[Symbol.asyncIterator]();
    for (;;) {
      const quiet = new AbortController();
      const late = systemClock.wait(patienceMs, quiet.signal).then(() => null);
      const next = await Promise.race([iterator.next(), late]);
      quiet.abort();
      if (next === null || next.done) return;
      yield next.value;
    }
  } finally {
    await consumer.close(true);
  }
}

let readers = 0;

/** What a topic of rows holds, as sorted lines: read on until they are as `wanted`. */
export async function linesOf<T>(
  bootstrap: string,
  topic: string,
  wanted: readonly string[],
  toLine: (row: T) => string,
): Promise<string[]> {
  const all = new Set(wanted);
  const missing = new Set(wanted);
  const held = new Map<string, string>();
  for await (const { key, value } of messagesOf(bootstrap, topic)) {
    const before = held.get(key);
    if (before !== undefined && all.has(before)) missing.add(before);
    held.delete(key);
    if (typeof value === 'string') {
      const line = toLine(JSON.parse(value));
      held.set(key, line);
      missing.delete(line);
    }
    if (missing.size === 0 && held.size === wanted.length) break;
  }
  return [...held.values()].sort();
}

/** What only one of them has, a few of each: all of it would be too much to read. */
export function differencesOf(found: readonly string[], wanted: readonly string[]): string[] {
  const [had, asked] = [new Set(found), new Set(wanted)];
  const extra = found.filter((line) => !asked.has(line)).map((line) => `only Flink: ${line}`);
  const missing = wanted.filter((line) => !had.has(line)).map((line) => `only embedded: ${line}`);
  return [...extra.slice(0, 10), ...missing.slice(0, 10)];
}

/** Resolves once so many rows were written to a topic. */
export async function rowsWritten(bootstrap: string, topic: string, count: number): Promise<void> {
  let seen = 0;
  for await (const _ of messagesOf(bootstrap, topic)) if (++seen >= count) return;
}

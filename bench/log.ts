// How fast the embedded log is on this machine: appends with an fsync each, and reading in order
// with checksums. Run it with `./tapeline node bench/log.ts [FOLDER]`; it takes about ten seconds.
// FOLDER (a temporary one otherwise) says which disk is measured.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import type { Append, Transaction } from '../src/log/log.ts';
import { type EmbeddedLog, openEmbeddedLog } from '../src/log/log-embedded.ts';

const tradeBytes = 45;
const readBytes = 4 * 2 ** 20;
const readSecondsMax = 1;

interface Load {
  readonly name: string;
  readonly trades: number;
  /** State values of 200 bytes written with each batch. */
  readonly states: number;
  readonly secondsMax: number;
  readonly commitsMax: number;
}

const loads: readonly Load[] = [
  { name: 'live', trades: 20, states: 2, secondsMax: 1.5, commitsMax: 5_000 },
  { name: 'busy', trades: 256, states: 0, secondsMax: 1.5, commitsMax: 5_000 },
  { name: 'replay', trades: 16_384, states: 0, secondsMax: 2, commitsMax: 400 },
  { name: 'candles', trades: 256, states: 4_096, secondsMax: 1, commitsMax: 100 },
];

interface Row {
  readonly load: string;
  readonly batch: number;
  readonly commits: number;
  readonly 'p50 ms': string;
  readonly 'p99 ms': string;
  readonly 'CPU ms': string;
  readonly 'append k trades/s': string;
  readonly 'read M trades/s': string;
  readonly 'read MB/s': string;
}

async function measure(folder: string, load: Load): Promise<Row> {
  const quiet = { warn: () => undefined };
  const log = await openEmbeddedLog({ folder, logger: quiet, clock: systemClock });
  try {
    const appended = await append(log, load);
    const read = await readAll(log);
    const { end } = log.range('market.trades');
    return {
      load: load.name,
      batch: load.trades,
      commits: appended.ms.length,
      'p50 ms': quantile(appended.ms, 0.5).toFixed(2),
      'p99 ms': quantile(appended.ms, 0.99).toFixed(2),
      'CPU ms': appended.cpuMs.toFixed(2),
      'append k trades/s': (end / appended.seconds / 1e3).toFixed(0),
      'read M trades/s': (read.trades / read.seconds / 1e6).toFixed(1),
      'read MB/s': (read.bytes / read.seconds / 1e6).toFixed(0),
    };
  } finally {
    await log.close();
  }
}

/** One commit after the other, so that each is one fsync. */
async function append(log: EmbeddedLog, load: Load): Promise<Appended> {
  const bytes = new Uint8Array(load.trades * tradeBytes).map((_, index) => index * 31);
  const trades: Append = { topic: 'market.trades', count: load.trades, bytes };
  const value = new Uint8Array(200);
  const ms: number[] = [];
  const cpu = process.cpuUsage();
  const begin = performance.now();
  while (ms.length < load.commitsMax && performance.now() - begin < load.secondsMax * 1000) {
    const state = Array.from({ length: load.states }, (_, index) => {
      return { key: `candle ${ms.length * load.states + index}`, value };
    });
    const transaction: Transaction = { appends: [trades], state };
    const start = performance.now();
    await log.commit(transaction);
    ms.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - begin) / 1000;
  return { ms, seconds, cpuMs: (user + system) / 1000 / ms.length };
}

interface Appended {
  readonly ms: readonly number[];
  readonly seconds: number;
  /** Of all threads, per commit. */
  readonly cpuMs: number;
}

/** From the first offset to the last, again and again for about a second. */
async function readAll(
  log: EmbeddedLog,
): Promise<{ trades: number; bytes: number; seconds: number }> {
  const { end } = log.range('market.trades');
  let trades = 0;
  let bytes = 0;
  const begin = performance.now();
  while (performance.now() - begin < readSecondsMax * 1000) {
    for (let offset = 0; offset < end; ) {
      const read = await log.read('market.trades', offset, readBytes);
      for (const batch of read.batches) bytes += batch.bytes.length;
      offset = read.next;
    }
    trades += end;
  }
  return { trades, bytes, seconds: (performance.now() - begin) / 1000 };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const parent = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'tapeline-bench-log-'));
try {
  const rows: Row[] = [];
  for (const load of loads) rows.push(await measure(join(parent, load.name), load));
  console.table(rows);
} finally {
  rmSync(parent, { recursive: true });
}

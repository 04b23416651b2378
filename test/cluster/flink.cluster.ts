// Two engines, one result: the candles and signals of the embedded engine and of the Flink jobs, of
// the same log, are the same byte for byte.

import { strict as assert } from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { ManualClock, systemClock } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import { cancel, correction, late, onTime } from '../../src/contracts/verdict.ts';
import { replayFeed } from '../../src/feeds/replay/replay.ts';
import { type Submission, status, stop, submit } from '../../src/flink/jobs.ts';
import type { JobName } from '../../src/flink/names.ts';
import type { Log } from '../../src/log/log.ts';
import { openKafkaRows } from '../../src/log/rows-kafka.ts';
import { eventually } from '../eventually.ts';
import { zip } from '../feeds/replay/zip.ts';
import {
  equity,
  ingestInto,
  never,
  observed,
  type SimpleTrade,
  start,
  withLog,
} from '../pipeline/rig.ts';
import { recordedData } from '../recorded-data.ts';
import {
  candleLine,
  differencesOf,
  embeddedLines,
  embeddedSignalLines,
  linesOf,
  publish,
  rowsWritten,
  signalLine,
} from './differential.ts';
import { testFlink } from './flink.ts';
import { testKafka } from './kafka.ts';

const kafka = testKafka();
const flink = testFlink();
const seed = Number(process.env.FC_SEED ?? 20261121);

/** Behind everything recorded. */
const clock = new ManualClock(Date.UTC(2026, 0, 1) * 1000);

/** A thousand trades of Kraken, and the first of BAC's and SPY's days and of Binance's frames. */
async function fillFromRecordings(log: Log, folder: string): Promise<void> {
  const begun = await mkdtemp(join(tmpdir(), 'tapeline-begun-'));
  try {
    const files = [
      join(folder, 'crypto/kraken/http_trades.json'),
      await beginOf(folder, 'crypto/binance/usdm_btcusdt_20240808.gz', 20_000, begun),
      await beginOf(folder, 'us-equity/tick/bac/20131007_trade.zip', 12_000, begun),
      await beginOf(folder, 'us-equity/tick/spy/20131007_trade.zip', 12_000, begun),
    ];
    const feed = replayFeed({ speed: 'max', clock, files });
    await ingestInto(log, clock).run(feed, never, false);
  } finally {
    await rm(begun, { recursive: true });
  }
}

/** The first lines of a recorded file, under the same path in another folder. */
async function beginOf(folder: string, file: string, lines: number, to: string): Promise<string> {
  const packed = await readFile(join(folder, file));
  const isZip = file.endsWith('.zip');
  const text = isZip
    ? inflateRawSync(packed.subarray(30 + packed.readUInt16LE(26) + packed.readUInt16LE(28)))
    : gunzipSync(packed);
  const begin = text.toString('latin1').split('\n', lines).join('\n');
  const path = join(to, file);
  await mkdir(dirname(path), { recursive: true });
  const bytes = Buffer.from(begin, 'latin1');
  await writeFile(path, isZip ? zip({ 'trade.csv': begin }) : gzipSync(bytes));
  return path;
}

/** What raises signals of every kind, up to where all of it is over. */
async function fillWithSignals(log: Log): Promise<void> {
  const ingest = ingestInto(log, clock);
  const batches = [...marketOf(prng(seed)), ...sessionsOf(prng(seed))];
  const eventTime = start + 30 * 86_400e6;
  for (const [index, trades] of batches.entries()) {
    // All is received at the end: nothing is of the future.
    const seen = observed(trades, 'somewhere', eventTime - start + index);
    if (index === 0) seen.instruments.push(equity('CCC'));
    await ingest.take(seen, false, never);
  }
  const ended = observed([], 'somewhere');
  const symbols = ['AAA', 'BBB', 'CCC'];
  const receiveTime = eventTime;
  ended.heartbeats.push({ source: 'test', symbols, eventTime, receiveTime, complete: true });
  await ingest.take(ended, false, never);
  await embeddedLines(log);
}

/** Topics of a test's own; they are there before the job is. */
async function openTopics(name: string) {
  const topics = {
    trades: `${name}.trades`,
    candles: `${name}.candles`,
    signals: `${name}.signals`,
  };
  const { bootstrap } = kafka();
  const all = Object.values(topics);
  const rows = await openKafkaRows({
    bootstrapServers: [bootstrap],
    clientId: 'test',
    topics: all,
    partitions: 4,
  });
  return { ...topics, rows, bootstrap };
}

function cluster() {
  return { gateway: flink().gatewayUrl, rest: flink().restUrl, clock: systemClock };
}

function submissionTo(
  { bootstrap, trades, candles, signals }: Awaited<ReturnType<typeof openTopics>>,
  options: Partial<Submission> = {},
): Submission {
  const plain = { parallelism: 1, checkpointSeconds: 2, from: null, stateHours: null };
  return { bootstrap, trades, candles, signals, ...plain, ...options };
}

const minutes = 60_000;

/** Submits the job, which ends with the test if not before. */
async function startJob(
  t: TestContext,
  submission: Submission,
  name: JobName = 'candles',
): Promise<void> {
  const id = await submit(cluster(), name, submission);
  t.after(async () => {
    const jobs = await status(cluster());
    const runs = jobs.some((job) => job.id === id && job.state === 'RUNNING');
    if (runs) await stop(cluster(), name);
  });
}

/**
 * Resolves once what runs has gone on from a checkpoint, which it may have yet to do when all of
 * its rows are there, and has made another: before that it cannot be stopped.
 */
async function restored(): Promise<void> {
  const everyMs = 200;
  const isRestored = async () => (await status(cluster())).every((job) => job.restored > 0);
  await eventually(isRestored, 'a job did not go on from a checkpoint', { everyMs });
  const before = new Map((await status(cluster())).map(({ id, checkpoints }) => [id, checkpoints]));
  const goesOn = async () => {
    return (await status(cluster())).every((job) => job.checkpoints > (before.get(job.id) ?? 0));
  };
  await eventually(goesOn, 'a job made no checkpoint after that', { everyMs });
}

suite('the embedded engine and Flink come to the same', { timeout: 20 * minutes }, () => {
  test('candles of recorded trades', async (t) => {
    const folder = recordedData('.', t);
    if (!folder) return;
    await withLog(async (open) => {
      const log = await open();
      await fillFromRecordings(log, folder);
      const wanted = await embeddedLines(log);
      assert.deepEqual(new Set(wanted.map((line) => line.split(' ')[0])).size, 4);

      await t.test('with one task', async (t) => {
        const topics = await openTopics('one-task');
        await startJob(t, submissionTo(topics));
        await publish(log, topics.rows, topics.trades);
        await topics.rows.close();
        const found = await linesOf(topics.bootstrap, topics.candles, wanted, candleLine);
        assert.deepEqual(differencesOf(found, wanted), []);
      });

      await t.test('with four tasks that are killed in the middle', async (t) => {
        const topics = await openTopics('four-tasks');
        await startJob(t, submissionTo(topics, { parallelism: 4 }));
        await publish(log, topics.rows, topics.trades);
        await topics.rows.close();
        await rowsWritten(topics.bootstrap, topics.candles, wanted.length / 4);
        await flink().killTaskManager();
        await flink().startTaskManager();
        const found = await linesOf(topics.bootstrap, topics.candles, wanted, candleLine);
        assert.deepEqual(differencesOf(found, wanted), []);
        await restored();
      });
    });
  });

  test(`candles of generated trades in any order, across an upgrade (seed ${seed})`, async (t) => {
    const topics = await openTopics('generated');
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      const generated = fc.sample(anyTrades, { seed, numRuns: 40 });
      let from: string | null = null;
      let after: string[] = [];
      // Also the time of receipt, after which open candles are published.
      let taken = 0;
      for (const half of [generated.slice(0, 20), generated.slice(20)]) {
        await startJob(t, submissionTo(topics, { from, parallelism: 2 }));
        for (const trades of half) {
          await ingest.take(observed(trades, 'somewhere', taken++), false, never);
        }
        after = await embeddedLines(log);
        await publish(log, topics.rows, topics.trades);
        const found = await linesOf(topics.bootstrap, topics.candles, after, candleLine);
        assert.deepEqual(differencesOf(found, after), []);
        from = await stop(cluster(), 'candles');
      }
      assert.ok(after.length > 100);
    });
    await topics.rows.close();
  });

  test(`signals of generated trades and cancels (seed ${seed})`, async (t) => {
    await withLog(async (open) => {
      const log = await open();
      await fillWithSignals(log);
      const wanted = await embeddedSignalLines(log);
      const kinds = new Set(wanted.map((line) => line.split(' ')[1]));
      assert.equal(kinds.size, 5, `signals of every kind: ${[...kinds].join(', ')}`);

      for (const [name, parallelism] of Object.entries({ 'one task': 1, 'two, killed': 2 })) {
        await t.test(name, async (t) => {
          const topics = await openTopics(`signals-${parallelism}`);
          await startJob(t, submissionTo(topics, { parallelism }));
          await startJob(t, submissionTo(topics, { parallelism }), 'signals');
          await publish(log, topics.rows, topics.trades);
          await topics.rows.close();
          if (parallelism > 1) {
            await rowsWritten(topics.bootstrap, topics.signals, wanted.length / 4);
            await flink().killTaskManager();
            await flink().startTaskManager();
          }
          const found = await linesOf(topics.bootstrap, topics.signals, wanted, signalLine);
          assert.deepEqual(differencesOf(found, wanted), []);
          if (parallelism > 1) await restored();
        });
      }
    });
  });
});

/** One of a few instants, so that there are ties, late trades, and hours without any. */
const anyTrades = fc.array(
  fc
    .record({
      id: fc.integer({ min: 0, max: 400 }),
      cancels: fc.boolean(),
    })
    .map(({ id, cancels }): SimpleTrade => {
      const symbol = ['AAA', 'BBB', 'QUIET'][id % 20 === 0 ? 2 : id % 2] as string;
      const seconds = Math.floor(id / 5) * 47 + (id % 50 === 0 ? 20_000 : 0);
      const price = 1 + ((id * 7_919) % 1_000);
      const verdict = id % 7 === 0 ? late : id % 11 === 0 ? correction : onTime;
      return {
        symbol,
        seconds,
        id,
        ...(cancels ? { price: 0, verdict: cancel } : { price, verdict }),
      };
    }),
  { minLength: 5, maxLength: 30 },
);

/** Two symbols on a random walk with jumps, in order; some of the trades are taken back later. */
function marketOf(random: Prng): SimpleTrade[][] {
  const batches: SimpleTrade[][] = [];
  const price = { AAA: 10_000, BBB: 500 };
  let id = 0;
  for (let seconds = 0; seconds < 5_400; seconds += 1 + random.integer(20)) {
    const symbol = random.integer(2) === 0 ? 'AAA' : 'BBB';
    const step = random.integer(10) === 0 ? 0.15 : 0.01;
    price[symbol] = Math.max(
      100,
      Math.round(price[symbol] * (1 + (random.uniform() - 0.5) * step)),
    );
    const trade = { symbol, seconds, price: price[symbol], id: ++id };
    batches.push([trade]);
    if (random.integer(12) === 0) batches.push([{ ...trade, price: 0, verdict: cancel }]);
  }
  return batches;
}

/**
 * A symbol of New York over nine sessions that open with gaps, some minutes of which are busy; now
 * and then its first trade or its last is taken back.
 */
function sessionsOf(random: Prng): SimpleTrade[][] {
  const batches: SimpleTrade[][] = [];
  // From Monday on; the start is an hour behind the open.
  const days = [0, 1, 2, 3, 4, 7, 8, 9, 10];
  let id = 1_000_000;
  let price = 5_000;
  for (const day of days) {
    price = Math.round(price * (1 + (random.uniform() - 0.5) * 0.12));
    const trades: SimpleTrade[] = [];
    for (let minute = 0; minute < 4; minute++) {
      const busy = day > 7 && random.integer(2) === 0 ? 12 : 0;
      for (let count = 1 + random.integer(2) + busy; count > 0; count--) {
        const seconds = day * 86_400 + minute * 60 + trades.length;
        price += random.integer(21) - 10;
        trades.push({ symbol: 'CCC', seconds, price, id: ++id });
      }
    }
    const gone = trades.at(random.integer(2) - 1) as SimpleTrade;
    batches.push(...trades.map((trade) => [trade]), [{ ...gone, price: 0, verdict: cancel }]);
  }
  return batches;
}

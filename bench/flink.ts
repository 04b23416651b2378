// The engine in one process against Flink, by processor time: the same candles and SQL signals.
//   ./tapeline bench flink [--trades N] [--rate 1000] [--seconds 15]
// One log of the recorded day of BAC (without it made trades), from the log or the topic of rows
// until the results are durable, one task; about four minutes on two calm cores. Goal: 10 times the
// trades per second of processor time ("CPU s").
//
// Both are measured warm. Flink's first third of the trades is its warm-up, and only the rest
// counts; the engine is run over the log again and again, and the median of all but the first run
// counts. Flink is charged for its task manager and job manager; not for Kafka, the SQL gateway or
// what publishes the rows, nor is the engine for what took the trades in. Java runs at full speed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Registry } from '@prometheus-io/client';
import { Engine } from '../src/app/engine.ts';
import { Plant } from '../src/app/plant.ts';
import { systemClock } from '../src/base/clock.ts';
import { prng } from '../src/base/prng.ts';
import { decodeCandles } from '../src/contracts/candle.ts';
import { frameKind } from '../src/contracts/frame.ts';
import { parseTime } from '../src/contracts/time.ts';
import { candleAt } from '../src/contracts/wire-objects.ts';
import { type Feed, type Intake, Observations } from '../src/feeds/feed.ts';
import { status, stop, submit } from '../src/flink/jobs.ts';
import { type JobName, jobNames, rowTopics } from '../src/flink/names.ts';
import type { Log, StoredBatch } from '../src/log/log.ts';
import { openEmbeddedLog } from '../src/log/log-embedded.ts';
import type { Rows } from '../src/log/rows.ts';
import { openKafkaRows } from '../src/log/rows-kafka.ts';
import { pipelineMeters } from '../src/pipeline/meters.ts';
import {
  candleLine,
  embeddedLines,
  linesOf,
  messagesOf,
  publish,
} from '../test/cluster/differential.ts';
import { Flink } from '../test/cluster/flink.ts';
import { fullSpeed } from '../test/cluster/java.ts';
import { Kafka } from '../test/cluster/kafka.ts';
import { atOnce, batchesOf, ingestInto, never } from '../test/pipeline/rig.ts';
import { CandleAges } from './lib/candle-ages.ts';
import { ownMegabytes, processorSeconds } from './lib/processor-time.ts';
import { latency, quantile } from './lib/quantile.ts';
import { eachRecorded } from './lib/recorded.ts';

const { values } = parseArgs({
  options: {
    trades: { type: 'string', default: '88171' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '15' },
  },
});
const [tradesMax, rate, seconds] = [values.trades, values.rate, values.seconds].map(Number) as [
  number,
  number,
  number,
];
const rowsEach = 1_024;
const batchesMax = Math.ceil(tradesMax / rowsEach);
const rounds = 7;
const warmUpShare = 1 / 3;
/** The default of `tapeline flink submit`, and for latency the shortest that makes sense. */
const checkpointSeconds = { usual: 10, quick: 1 };
/** Nothing new for so long: what is not there by now does not come. */
const patienceMs = 30_000;
const madeStart = Date.UTC(2013, 9, 7, 13, 30) * 1000;
const madeRandom = prng(1);
let madeCount = 0;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

const folder = await mkdtemp(join(tmpdir(), 'tapeline-bench-flink-'));
const kafka = await Kafka.start({ java: fullSpeed });
// Flink's own default: on a busy machine five seconds pass.
const flink = await Flink.start({ java: fullSpeed, heartbeatSeconds: 50 });
const rows = await openKafkaRows({
  bootstrapServers: [kafka.bootstrap],
  clientId: 'bench',
  topics: Object.values(rowTopics),
  partitions: 1,
});
try {
  const batches = await firstTrades();
  const ours = await ofEngine(batches);
  const theirs = await ofFlink(batches);
  tell('ratio', `${(ours / theirs).toFixed(1)} times as many trades per CPU s`);
  await latencies();
} finally {
  await rows.close();
  await flink.stop();
  await kafka.stop();
  await rm(folder, { recursive: true });
}

/** As ingest wrote them to a log. */
async function firstTrades(): Promise<readonly StoredBatch[]> {
  return await withLog('source', async (log) => {
    const ingest = ingestInto(log, systemClock);
    const give = async (seen: Observations) => await ingest.take(seen, false, never);
    if (!(await eachRecorded(['bac'], rowsEach, give))) {
      while (madeCount < tradesMax) await give(madeTrades());
    }
    const batches = await batchesOf(log, 'market.trades');
    return batches.filter(({ bytes }) => frameKind(bytes) === 'trades').slice(0, batchesMax);
  });
}

function madeTrades(): Observations {
  const seen = new Observations('made', 'made');
  while (seen.count < rowsEach) pushTrade(seen, madeStart + madeCount * 50_000);
  return seen;
}

function pushTrade({ trades }: Observations, time: number): void {
  const symbol = trades.instrumentOf(`P${madeRandom.integer(10)}`, 2, 0);
  const price = 10_000 + madeRandom.integer(50);
  trades.push(symbol, trades.tagOf('', '', ''), time, time, price, 100, madeCount++);
}

async function ofEngine(batches: readonly StoredBatch[]): Promise<number> {
  const perCpuSecond: number[] = [];
  const perSecond: number[] = [];
  let trades = 0;
  for (let round = 0; round < rounds; round++) {
    await withLog(`engine-${round}`, async (log) => {
      trades = await append(log, batches);
      globalThis.gc?.();
      const [cpu, from] = [process.cpuUsage(), systemClock.now()];
      await derive(log);
      const { user, system } = process.cpuUsage(cpu);
      perCpuSecond.push(trades / ((user + system) / 1e6));
      perSecond.push(trades / ((systemClock.now() - from) / 1e6));
    });
  }
  const warm = quantile(perCpuSecond.slice(1), 0.5);
  tell(
    'engine in one process, warm',
    `${trades} trades, ${rounded(warm)} trades/CPU s, ` +
      `${rounded(quantile(perSecond.slice(1), 0.5))}/s by the clock ` +
      `(first run ${rounded(perCpuSecond[0] as number)} trades/CPU s)`,
  );
  return warm;
}

/** The engine over all that the log holds. */
async function derive(log: Log): Promise<void> {
  const engine = new Engine(log, systemClock, pipelineMeters(new Registry()));
  const running = engine.run(atOnce);
  await engine.stop();
  await running;
}

async function ofFlink(batches: readonly StoredBatch[]): Promise<number> {
  await submitJobs(checkpointSeconds.usual);
  const warmUp = Math.ceil(batches.length * warmUpShare);
  return await withLog('flink', async (log) => {
    await follow(log, batches.slice(0, warmUp));
    const managers = ['taskmanager', 'jobmanager'] as const;
    const used = () => managers.map((name) => processorSeconds(flink.pidOf(name)));
    const [before, broker] = [used(), processorSeconds(kafka.pid)];
    const measured = await follow(log, batches.slice(warmUp));
    const cpu = used().map((after, index) => after - (before[index] as number));
    const [task, job] = cpu as [number, number];
    const [candles] = await status(jobManager());
    const memory = managers.map((name) => ownMegabytes(flink.pidOf(name)));
    tell(
      'Flink, one task, warm',
      `${measured.trades} trades, ${rounded(measured.trades / (task + job))} trades/CPU s, ` +
        `${rounded(measured.trades / measured.seconds)}/s by the clock; CPU s ` +
        `task manager ${task.toFixed(1)}, job manager ${job.toFixed(1)}, ` +
        `Kafka beside them ${(processorSeconds(kafka.pid) - broker).toFixed(1)}; ` +
        `state ${((candles?.stateBytes ?? 0) / 1e6).toFixed(1)} MB; MB ${memory.join(' and ')}`,
    );
    return measured.trades / (task + job);
  });
}

/** Takes trades in, and resolves once Flink's candles are those of the engine, and it rests. */
async function follow(log: Log, batches: readonly StoredBatch[]) {
  const trades = await append(log, batches);
  await derive(log);
  const wanted = await embeddedLines(log);
  const from = systemClock.now();
  await publish(log, rows, rowTopics.trades);
  const found = await linesOf(kafka.bootstrap, rowTopics.candles, wanted, candleLine);
  const took = (systemClock.now() - from) / 1e6;
  if (found.join() !== wanted.join()) throw new Error('the candles of Flink are others');
  await rest();
  return { trades, seconds: took };
}

/** Until the task manager has used less than a fifth of a core for two seconds. */
async function rest(): Promise<void> {
  for (let used = Number.POSITIVE_INFINITY; used > 0.4; ) {
    const before = processorSeconds(flink.pidOf('taskmanager'));
    await systemClock.wait(2_000);
    used = processorSeconds(flink.pidOf('taskmanager')) - before;
  }
}

/** Made trades at a rate, through a plant: its own candles, then those of Flink. */
async function latencies(): Promise<void> {
  const inEngine = await withLog('paced', async (log) => {
    return await paced(log, null, async (ages) => await followCandles(log, ages));
  });
  tell(`in a candle at ${rate}/s, engine`, latency(inEngine));
  await submitJobs(checkpointSeconds.quick, async (name) => await stop(jobManager(), name));
  const isStarting = async () => {
    return (await status(jobManager())).some(({ checkpoints }) => checkpoints === 0);
  };
  while (await isStarting()) await systemClock.wait(500);
  const inFlink = await withLog('paced-flink', async (log) => {
    return await paced(log, rows, followRows);
  });
  tell(
    `in a candle at ${rate}/s, Flink`,
    `${latency(inFlink)} with a checkpoint every ${checkpointSeconds.quick} s ` +
      `(the default is ${checkpointSeconds.usual} s)`,
  );
}

async function paced(
  log: Log,
  to: Rows | null,
  reading: (ages: CandleAges) => Promise<void>,
): Promise<readonly number[]> {
  const plant = new Plant({
    log,
    clock: systemClock,
    meters: pipelineMeters(new Registry()),
    logger: quiet,
    keepTrying: false,
    lingerMs: 20,
    stored: () => Number.POSITIVE_INFINITY,
    correctionHorizon: Number.POSITIVE_INFINITY,
    retentionHours: 24,
    retentionGigabytes: 1,
    rows: to,
  });
  const ages = new CandleAges(systemClock.now() + 3e6);
  const read = reading(ages);
  await plant.feed(pacedFeed(ages));
  await read;
  await plant.stop();
  return ages.ages;
}

function pacedFeed(ages: CandleAges): Feed {
  const end = systemClock.now() + seconds * 1e6;
  let due: number = systemClock.now();
  return {
    name: 'paced',
    async run(intake: Intake): Promise<void> {
      for (; systemClock.now() < end; due += 10_000) {
        await systemClock.wait(Math.max(0, (due - systemClock.now()) / 1000));
        for (let trade = 0; trade < rate / 100; trade++) {
          const now = systemClock.now();
          pushTrade(intake.open, now);
          const { instruments, instrument, count } = intake.open.trades;
          const { symbol } = instruments[instrument[count - 1] as number]!;
          ages.trade(symbol, now, now);
        }
        intake.offer();
      }
      await intake.flush();
    },
  };
}

async function followCandles(log: Log, ages: CandleAges): Promise<void> {
  const last = new AbortController();
  const timer = setTimeout(() => last.abort(), seconds * 1000 + 5_000);
  for (let next = 0, generation = -1; !last.signal.aborted; ) {
    const read = await log.read('market.candles', next, 2 ** 20);
    for (const { bytes } of read.batches) {
      if (frameKind(bytes) !== 'candles') continue;
      const batch = decodeCandles(bytes);
      for (let row = 0; row < batch.count; row++) take1s(candleAt(batch, row), ages);
    }
    if (read.next === next) generation = await log.grown(generation, last.signal);
    next = read.next;
  }
  clearTimeout(timer);
}

async function followRows(ages: CandleAges): Promise<void> {
  const end = systemClock.now() + seconds * 1e6 + patienceMs * 1000;
  for await (const { value } of messagesOf(kafka.bootstrap, rowTopics.candles, patienceMs)) {
    if (typeof value === 'string') take1s(JSON.parse(value), ages);
    if (systemClock.now() > end) return;
  }
}

function take1s(
  candle: { symbol: string; interval: string; start: string; trades: number },
  ages: CandleAges,
): void {
  const { symbol, interval, start, trades } = candle;
  if (interval === '1s') ages.candle(symbol, parseTime(start) ?? 0, trades, systemClock.now());
}

/** `from` tells the savepoint that a job goes on from. */
async function submitJobs(
  every: number,
  from: (name: JobName) => Promise<string | null> = async () => null,
): Promise<void> {
  const plain = { parallelism: 1, checkpointSeconds: every, stateHours: null };
  for (const name of jobNames) {
    const names = { bootstrap: kafka.bootstrap, ...rowTopics };
    await submit(jobManager(), name, { ...names, ...plain, from: await from(name) });
  }
}

function jobManager() {
  return { gateway: flink.gatewayUrl, rest: flink.restUrl, clock: systemClock };
}

async function append(log: Log, batches: readonly StoredBatch[]): Promise<number> {
  for (const { count, bytes } of batches) {
    await log.commit({ appends: [{ topic: 'market.trades', count, bytes }] });
  }
  return batches.reduce((sum, { count }) => sum + count, 0);
}

async function withLog<T>(name: string, work: (log: Log) => Promise<T>): Promise<T> {
  const log = await openEmbeddedLog({
    folder: join(folder, name),
    logger: quiet,
    clock: systemClock,
  });
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

function tell(what: string, told: string): void {
  process.stdout.write(`${what.padEnd(34)} ${told}\n`);
}

/** To three digits. */
function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en');
}

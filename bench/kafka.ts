// The roles over Kafka, end to end into PostgreSQL: beside Kafka's own limit and one process.
//   ./tapeline bench kafka [--trades N] [--seconds 10] [--only path|live]
// All in one run, on servers of its own, with one partition; about four minutes on two calm cores.
// The trades are the recorded days of BAC and SPY; without them, or with --trades, made ones.
//
// What counts is processor time ("CPU s"), of each process with all that it started; seconds by the
// clock are told beside it. Kafka runs at Java's full speed. Needs Java 17 and Maven, and Linux.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import { prng } from '../src/base/prng.ts';
import { formatTime } from '../src/contracts/time.ts';
import { openKafkaLog } from '../src/log/log-kafka.ts';
import { freePorts } from '../test/cluster/daemon.ts';
import { Cluster, type Plant } from './lib/cluster.ts';
import { consume, type Limit, type Load, produce } from './lib/kafka-limit.ts';
import { watchLive } from './lib/live.ts';
import { endedSeconds, ownMegabytes, processorSeconds } from './lib/processor-time.ts';
import type { Progress } from './lib/progress.ts';
import { latency } from './lib/quantile.ts';
import { type Running, ready } from './lib/running.ts';

const { values } = parseArgs({
  options: {
    trades: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const warmUpSeconds = 5;
const rates = [1_000, 10_000];
const recorded = fileURLToPath(new URL('../../shared/data/us-equity/tick/', import.meta.url));
const days = ['bac/20131007', 'bac/20131008', 'spy/20131007', 'spy/20131008'];
const roles = ['engine', 'persist'] as const;

const cluster = await Cluster.start();
try {
  if (values.only !== 'live') await path();
  if (values.only !== 'path') for (const rate of rates) await live(rate);
} finally {
  await cluster.stop();
}

async function path(): Promise<void> {
  const files = await filesToReplay();
  const alone = await cluster.plant('alone');
  const whole = await cluster.plant('whole');
  const embedded = await cluster.plant('embedded');
  const steps = await stepsOf(alone, files);
  steps.forEach(tellStep);
  tellStep(await wholeOf(whole, files));
  await tellDisk(whole);
  tellStep(await embeddedOf(embedded, files));
  for (const table of ['trades', 'candles', 'signals']) {
    const counts = await Promise.all([alone, whole, embedded].map((plant) => plant.count(table)));
    if (new Set(counts).size > 1) throw new Error(`rows of ${table} differ: ${counts.join(', ')}`);
  }
  await tellLimits(whole, steps[0] as Step);
  for (const plant of [alone, whole, embedded]) await plant.close();
}

async function filesToReplay(): Promise<readonly string[]> {
  if (values.trades === undefined && existsSync(recorded)) {
    return days.map((day) => `${recorded}${day}_trade.zip`);
  }
  const file = join(cluster.folder, 'made.csv');
  const random = prng(1);
  const lines = ['symbol,time,price,size'];
  let time = Date.UTC(2013, 9, 7, 13, 30) * 1000;
  for (let trade = 0; trade < Number(values.trades ?? 500_000); trade++) {
    time += random.integer(200_000);
    const price = ((1_394 + random.integer(10)) / 100).toFixed(2);
    lines.push(`S${random.integer(2)},${formatTime(time)},${price},${1 + random.integer(900)}`);
  }
  await writeFile(file, `${lines.join('\n')}\n`);
  return [file];
}

interface Step {
  readonly name: string;
  readonly trades: number;
  readonly seconds: number;
  /** Processor seconds by process. */
  readonly costs: Readonly<Record<string, number>>;
}

/** Each step after the one before has done all, so that it has the machine to itself. */
async function stepsOf(plant: Plant, files: readonly string[]): Promise<readonly Step[]> {
  const costs: Record<string, number>[] = [];
  const took: number[] = [];
  costs.push(
    await costing({}, async () => {
      const from = systemClock.now();
      await plant.run(['replay', '--cluster', '--quiet', ...files]).finished();
      took.push((systemClock.now() - from) / 1e6);
    }),
  );
  const isDone = {
    engine: async (progress: Progress) => progress.isDerived,
    persist: async (progress: Progress) => await plant.isStored(progress),
  };
  for (const role of roles) {
    const from = systemClock.now();
    const running = plant.run(['run', role]);
    costs.push(
      await costing({ [role]: running }, async () => {
        took.push(await plant.until(from, isDone[role]));
      }),
    );
    await running.stop();
  }
  const trades = await plant.count('trades');
  return ['ingest', ...roles].map((name, index) => {
    const cost = costs[index] as Record<string, number>;
    return { name: `${name} alone`, trades, seconds: took[index] as number, costs: cost };
  });
}

/** Engine and persist have started before. */
async function wholeOf(plant: Plant, files: readonly string[]): Promise<Step> {
  const [engine, persist] = roles.map((role) => plant.run(['run', role])) as [Running, Running];
  await plant.joined(roles);
  let took = 0;
  const costs = await costing({ engine, persist }, async () => {
    const from = systemClock.now();
    await plant.run(['replay', '--cluster', '--quiet', ...files]).finished();
    took = await plant.until(from, async (progress) => await plant.isStored(progress));
  });
  await Promise.all([engine.stop(), persist.stop()]);
  return { name: 'roles together', trades: await plant.count('trades'), seconds: took, costs };
}

async function embeddedOf(plant: Plant, files: readonly string[]): Promise<Step> {
  const { DATA_DIR, DATABASE_URL } = plant.env;
  const env = { DATA_DIR, DATABASE_URL } as Record<string, string>;
  const from = systemClock.now();
  const costs = await costing({}, async () => {
    await cluster.run(['replay', '--quiet', ...files], env).finished();
  });
  const took = (systemClock.now() - from) / 1e6;
  const { broker: _idle, ...own } = costs;
  return { name: 'one process', trades: await plant.count('trades'), seconds: took, costs: own };
}

/** What `work` costs the servers, the roles that run, and `replay` where it ran to its end. */
async function costing(
  running: Readonly<Record<string, Running>>,
  work: () => Promise<void>,
): Promise<Record<string, number>> {
  const processes = {
    ...Object.fromEntries(Object.entries(running).map(([name, { pid }]) => [name, pid])),
    broker: cluster.kafka.pid,
    postgres: cluster.postgres.pid,
  };
  const ended = endedSeconds();
  const before = Object.entries(processes).map(([name, pid]) => {
    return [name, pid, processorSeconds(pid)] as const;
  });
  await work();
  const costs = before.map(([name, pid, was]) => [name, processorSeconds(pid) - was] as const);
  const replay = endedSeconds() - ended;
  return { ...(replay > 0 ? { replay } : {}), ...Object.fromEntries(costs) };
}

function tellStep({ name, trades, seconds: took, costs }: Step): void {
  const sum = Object.values(costs).reduce((total, each) => total + each, 0);
  const parts = Object.entries(costs)
    .filter(([, each]) => each >= 0.05)
    .map(([process, each]) => `${process} ${each.toFixed(1)}`);
  tell(
    name,
    `${trades} trades in ${took.toFixed(1)} s, ${rounded(trades / took)}/s; ` +
      `CPU s ${sum.toFixed(1)} (${parts.join(', ')}), ${rounded(trades / sum)} trades/CPU s`,
  );
}

async function tellDisk(plant: Plant): Promise<void> {
  const trades = await plant.count('trades');
  const topics = await plant.topicBytes();
  const held = [...topics].filter(([, bytes]) => bytes > 0);
  const each = (bytes: number): string => (bytes / trades).toFixed(1);
  const parts = held.map(([topic, bytes]) => `${topic} ${each(bytes)}`).join(', ');
  const database = each(await plant.databaseBytes());
  tell('disk, bytes a trade', `Kafka ${parts}; PostgreSQL ${database}`);
}

/** As many bytes in messages as large as ours, and a record for each trade. */
async function tellLimits(plant: Plant, ingest: Step): Promise<void> {
  const bytes = (await plant.topicBytes()).get('market.trades') as number;
  const messages = await messagesOf(plant);
  const mean = Math.round(bytes / messages);
  const same = { topic: 'limit-same', payload: mean, compression: 'none' } as const;
  // Enough of them that the programs are warm.
  await tellLimit(`our messages, ${mean} bytes`, { ...same, records: Math.ceil(4e8 / mean) });
  const payload = join(cluster.folder, 'rows.txt');
  await writeFile(payload, rowsOfTrades(20_000));
  const rows = { topic: 'limit-rows', payload, compression: 'zstd', records: 2_000_000 } as const;
  const limit = await tellLimit('a row a trade, 100 bytes, zstd', rows);
  const rate = ingest.trades / ingest.seconds;
  const ours = ingest.trades / ((ingest.costs['replay'] ?? 0) + (ingest.costs['broker'] ?? 0));
  const theirs = rows.records / (limit.produced.processorSeconds + limit.broker);
  tell(
    'ingest alone / producer of rows',
    `${(rate / limit.produced.recordsPerSecond).toFixed(2)} by the clock, ` +
      `${(ours / theirs).toFixed(2)} by CPU s, broker counted in`,
  );
  tell('trades a message', rounded(ingest.trades / messages));
}

async function tellLimit(name: string, load: Load) {
  const { bootstrap, pid } = cluster.kafka;
  await cluster.createTopic(load.topic);
  const before = processorSeconds(pid);
  const produced = await produce(bootstrap, load);
  const broker = processorSeconds(pid) - before;
  const consumed = await consume(bootstrap, load);
  const told = (limit: Limit): string =>
    `${rounded(limit.recordsPerSecond)} records/s, ${limit.megabytesPerSecond.toFixed(0)} MB/s, ` +
    `CPU s ${limit.processorSeconds.toFixed(1)}`;
  tell(
    `limit: ${name}`,
    `${load.records} records; producer ${told(produced)} (broker ${broker.toFixed(1)}); ` +
      `consumer ${told(consumed)} (broker ${(processorSeconds(pid) - before - broker).toFixed(1)})`,
  );
  return { produced, broker };
}

/** Lines of about a hundred bytes, as one who sends a record for each trade would send. */
function rowsOfTrades(count: number): string {
  const random = prng(2);
  const lines = Array.from({ length: count }, (_, id) => {
    const time = formatTime(Date.UTC(2013, 9, 7, 13, 30) * 1000 + id * 70_000);
    const price = (1_394 + random.integer(10)) / 100;
    const size = 1 + random.integer(900);
    return `{"symbol":"BAC","time":"${time}","price":"${price}","size":${size},"id":${id}}`;
  });
  return lines.join('\n');
}

async function messagesOf(plant: Plant): Promise<number> {
  const log = await openKafkaLog({
    bootstrapServers: [cluster.kafka.bootstrap],
    clientId: 'bench',
    prefix: plant.env['KAFKA_PREFIX'] as string,
    partition: 0,
    role: null,
    writes: [],
    follows: ['market.trades'],
    clock: systemClock,
    logger: { warn: () => undefined },
  });
  let messages = 0;
  for (let next = 0; next < log.range('market.trades').end; ) {
    const read = await log.read('market.trades', next, 2 ** 22);
    messages += read.batches.length;
    next = read.next;
  }
  await log.close();
  return messages;
}

/** One process, then the roles, each with its own PostgreSQL's part beside it. */
async function live(rate: number): Promise<void> {
  const plants = {
    'one process': ['start'],
    roles: ['run ingest', 'run engine', 'run persist', 'run gateway'],
  };
  for (const [name, commands] of Object.entries(plants)) {
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const plant = await cluster.plant(`live_${commands.length}_${rate}`);
    const env: Record<string, string> = { PORT: String(port), TRADES_PER_SECOND: String(rate) };
    // Without Kafka's address it is a plant by itself.
    if (commands.length === 1) env['KAFKA_BOOTSTRAP_SERVERS'] = '';
    const all = commands.map((command) => {
      return [command.replace('run ', ''), plant.run(command.split(' '), env)] as const;
    });
    await ready(address);
    const warm = Promise.withResolvers<void>();
    const onWarm = (): void => warm.resolve();
    const seen = watchLive({ address, rate, warmUpSeconds, seconds, onWarm });
    await warm.promise;
    const costs = await costing(Object.fromEntries(all), async () => void (await seen));
    const { messages, lost, trades, candles } = await seen;
    const memory = all.map(([role, { pid }]) => `${role} ${ownMegabytes(pid)}`).join(', ');
    const used = Object.entries(costs)
      .filter(([, each]) => each / seconds >= 0.005)
      .map(([process, each]) => `${process} ${(each / seconds).toFixed(2)}`);
    tell(
      `live ${rate}/s, ${name}`,
      `trades ${latency(trades)}; in a candle ${latency(candles)}; ${messages} messages, ` +
        `${lost} lost; cores ${used.join(', ')}; MB ${memory}`,
    );
    for (const [, running] of all) await running.stop();
    await plant.close();
  }
}

function tell(what: string, told: string): void {
  process.stdout.write(`${what.padEnd(34)} ${told}\n`);
}

/** To three digits. */
function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en');
}

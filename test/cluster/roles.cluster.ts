// Real processes of every role against a real Kafka and PostgreSQL, and kill -9 at random moments:
// the rows at the end are those of one undisturbed process. TAPELINE_KILLS says how many,
// TAPELINE_SEED which moments and which processes.

import { strict as assert } from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Client } from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import { decodeJson } from '../../src/contracts/frame.ts';
import type { Signal, Trade } from '../../src/contracts/wire-objects.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import { run, withDataFolder } from '../app/command.ts';
import { connected, linesOf, testCluster } from '../store/cluster.ts';
import { testKafka } from './kafka.ts';
import { addressOf, eventually, keep } from './kept.ts';
import { freePorts } from './server.ts';

const kills = Number(process.env.TAPELINE_KILLS ?? 5);
const seed = Number(process.env.TAPELINE_SEED ?? 20261121);
const partitions = 3;

const kafka = testKafka();
const store = testCluster();

/** What must be the same: all but how candles came to be, and where in a log records stand. */
const queries = {
  trades: `select symbol, source, time, price, size, id, verdict from trades
    order by symbol, time, id`,
  candles: `select symbol, price, interval, start, open, high, low, close, volume, notional,
      trades, priced
    from candles order by symbol, price, interval, start`,
  signals: `select id, kind, symbol, time, start, severity, state, text, "values" from signals
    order by id`,
};

/** Trades of several symbols over some hours, with quiet and wild times. */
function tape(random: Prng, trades: number): string {
  const symbols = ['AAA', 'BBB', 'CCC', 'DDD', 'EEE', 'FFF', 'GGG'];
  const prices = symbols.map(() => 5_000 + random.integer(5_000));
  const lines = ['symbol,time,price,size'];
  let time = Date.UTC(2024, 4, 6, 14);
  for (let index = 0; index < trades; index++) {
    time += random.integer(140);
    const at = random.integer(symbols.length);
    const isWild = random.integer(2_000) === 0;
    prices[at] = Math.max(100, prices[at]! + random.integer(7) - 3 + (isWild ? 700 : 0));
    const size = 1 + random.integer(100) + (isWild ? 5_000 : 0);
    const price = (prices[at]! / 100).toFixed(2);
    lines.push(`${symbols[at]},${new Date(time).toISOString()},${price},${size}`);
  }
  return `${lines.join('\n')}\n`;
}

async function counts(client: Client): Promise<string> {
  const of = Object.values(queries).map((query) => `(select count(*) from (${query}) rows)`);
  return (await linesOf(client, `select ${of.join(', ')}`)).join();
}

async function rowsOf(client: Client) {
  const rows: Record<string, string[]> = {};
  for (const [name, query] of Object.entries(queries)) rows[name] = await linesOf(client, query);
  return rows;
}

/** All versions of signals in the log, as `id revision`. */
async function signalsIn(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const log = await openKafkaLog({
      bootstrapServers: [kafka().bootstrap],
      clientId: 'test',
      prefix,
      partition,
      role: null,
      writes: [],
      follows: ['market.signals'],
      clock: systemClock,
      logger: { warn: () => undefined },
    });
    for (let next = 0; next < log.range('market.signals').end; ) {
      const read = await log.read('market.signals', next, 2 ** 20);
      const signals = read.batches.flatMap(({ bytes }) => decodeJson<Signal>(bytes));
      found.push(...signals.map(({ id, revision }) => `${id} ${revision}`));
      next = read.next;
    }
    await log.close();
  }
  return found;
}

test(`${kills} times kill -9 of any role leaves the rows of one undisturbed process`, async (t) => {
  await withDataFolder(async (folder) => {
    const random = prng(seed);
    const file = join(folder, 'tape.csv');
    await writeFile(file, tape(random, 120_000));
    const alone = await store.emptyDatabase();
    const single = await run(join(folder, 'alone'), ['replay', file], {
      DATABASE_URL: addressOf(alone),
    });
    assert.equal(single.code, 0, single.stderr);
    const shared = await store.migratedDatabase();
    const expectedClient = await connected(t, alone);
    const client = await connected(t, shared);
    const expected = await counts(expectedClient);
    assert.match(expected, /^120000\|\d{4,}\|[1-9]\d*$/);

    const env = {
      DATABASE_URL: addressOf(shared),
      KAFKA_BOOTSTRAP_SERVERS: kafka().bootstrap,
      KAFKA_PARTITIONS: String(partitions),
      KAFKA_PREFIX: 'kills',
    };
    const replay = keep(
      t,
      folder,
      env,
      ['replay', file, '--cluster', '--quiet', '--speed', '600'],
      'replay',
    );
    const processes = [
      replay,
      ...['engine', 'engine', 'persist', 'persist'].map((role, index) =>
        keep(t, folder, env, ['run', role], `${role}-${index}`),
      ),
    ];
    const killed: string[] = [];
    for (let kill = 0; kill < kills; kill++) {
      await systemClock.wait(500 + random.integer(2_000));
      const victim = processes[random.integer(processes.length)]!;
      killed.push(victim.name);
      await victim.restart('SIGKILL');
    }
    const told = `seed ${seed}, killed ${killed.join(', ')}`;
    const last = await replay.finished;
    assert.equal(last.code, 0, `${told}: ${last.stderr}`);
    await eventually(
      async () => (await counts(client)) === expected,
      async () => `${told}: ${await counts(client)} rows, not ${expected}`,
    );
    assert.deepEqual(await rowsOf(client), await rowsOf(expectedClient), told);
    const signals = await signalsIn('kills');
    assert.deepEqual(
      signals.filter((signal, index) => signals.indexOf(signal) !== index),
      [],
      `${told}: these are twice in the log`,
    );
    for (const one of processes.slice(1)) await one.end('SIGTERM');
  });
});

test('partitions move between processes that ingest, and no sequence has a gap', async (t) => {
  await withDataFolder(async (folder) => {
    const database = await store.migratedDatabase();
    const client = await connected(t, database);
    const env = {
      DATABASE_URL: addressOf(database),
      KAFKA_BOOTSTRAP_SERVERS: kafka().bootstrap,
      KAFKA_PARTITIONS: String(partitions),
      KAFKA_PREFIX: 'moves',
      TRADES_PER_SECOND: '500',
    };
    const first = keep(t, folder, env, ['run', 'ingest'], 'ingest-1');
    keep(t, folder, env, ['run', 'persist'], 'persist-1');
    const symbolsAbove = async (trades: number): Promise<boolean> => {
      const rows = await linesOf(
        client,
        `select symbol from trades group by 1 having count(*) > ${trades}`,
      );
      return rows.length === 10;
    };
    const told = async (): Promise<string> =>
      (await linesOf(client, 'select symbol, count(*) from trades group by 1')).join();
    await eventually(async () => await symbolsAbove(20), told);
    const second = keep(t, folder, env, ['run', 'ingest'], 'ingest-2');
    await eventually(async () => await symbolsAbove(300), told);
    await first.end('SIGKILL');
    await eventually(async () => await symbolsAbove(900), told);
    await second.end('SIGTERM');
    const broken = await linesOf(
      client,
      `select symbol, count(*), min(sequence), max(sequence) from trades group by 1
       having min(sequence) <> 0 or max(sequence) <> count(*) - 1
         or count(distinct sequence) <> count(*)`,
    );
    assert.deepEqual(broken, []);
  });
});

/** By symbol, the sequences of the trades that a client is told, its history first. */
async function subscribeToAll(t: TestContext, port: number): Promise<Map<string, number[]>> {
  const sequences = new Map<string, number[]>();
  const take = (rows: readonly Trade[]): void => {
    for (const { symbol, sequence } of rows) {
      sequences.getOrInsertComputed(symbol, () => []).push(sequence);
    }
  };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  t.after(() => socket.close());
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data));
    if (message.type === 'history') take(message.rows);
    if (message.type === 'subscribed') take(message.snapshot);
    if (message.type === 'trade') take([message]);
    if (message.type === 'gap' || message.type === 'error') assert.fail(String(data));
  });
  await once(socket, 'open');
  const from = new Date(systemClock.now() / 1000 - 600_000).toISOString();
  const wanted = { op: 'subscribe', id: 'all', stream: 'trades', symbols: '*', from };
  socket.send(JSON.stringify(wanted));
  return sequences;
}

test('a gateway tells every trade of all partitions once, past and live', async (t) => {
  await withDataFolder(async (folder) => {
    const [port] = await freePorts(1);
    const env = {
      DATABASE_URL: addressOf(await store.migratedDatabase()),
      KAFKA_BOOTSTRAP_SERVERS: kafka().bootstrap,
      KAFKA_PARTITIONS: String(partitions),
      KAFKA_PREFIX: 'serves',
      PORT: String(port),
      TRADES_PER_SECOND: '300',
    };
    keep(t, folder, env, ['run', 'ingest'], 'ingest');
    const persist = keep(t, folder, env, ['run', 'persist'], 'persist');
    keep(t, folder, env, ['run', 'gateway'], 'gateway');
    const isServing = async (): Promise<boolean> => {
      const url = `http://127.0.0.1:${port}/api/v1/trades/AAPL?limit=100`;
      const answer = await fetch(url).catch(() => null);
      return answer?.ok === true && ((await answer.json()) as Page).trades.length === 100;
    };
    await eventually(isServing, async () => 'the gateway does not serve');
    const sequences = await subscribeToAll(t, port as number);
    // What the store does not have comes from the log.
    await persist.end('SIGTERM');
    const least = (): number => {
      const counts = Array.from(sequences.values(), ({ length }) => length);
      return counts.length === 10 ? Math.min(...counts) : 0;
    };
    await eventually(
      async () => least() > 120,
      async () => `${least()} trades of the rarest symbol`,
    );
    for (const [symbol, told] of sequences) {
      assert.deepEqual(
        told,
        told.map((_, index) => index),
        symbol,
      );
    }
  });
});

interface Page {
  readonly trades: readonly Trade[];
}

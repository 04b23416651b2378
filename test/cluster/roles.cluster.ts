// Real processes of every role against a real Kafka and PostgreSQL, and kill -9 at random moments:
// the rows at the end are those of one undisturbed process. TAPELINE_KILLS says how many,
// TAPELINE_SEED which moments and which processes.

import { strict as assert } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Client } from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { run, start, withDataFolder } from '../app/command.ts';
import { connected, linesOf, testCluster } from '../store/cluster.ts';
import { testKafka } from './kafka.ts';

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

function addressOf({ user, host, port, database }: DatabaseAddress): string {
  return `postgres://${user}@${encodeURIComponent(host)}:${port}/${database}`;
}

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

type Args = readonly string[];

/** A process that is started again whenever it is killed. */
class Kept {
  readonly name: string;
  readonly #folder: string;
  readonly #args: Args;
  readonly #env: Readonly<Record<string, string>>;
  #running: ReturnType<typeof start>;

  constructor(name: string, folder: string, args: Args, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#folder = folder;
    this.#args = args;
    this.#env = { ...env, INSTANCE_ID: name };
    this.#running = start(folder, args, this.#env);
  }

  get finished() {
    return this.#running.finished;
  }

  get isOver(): boolean {
    const { exitCode, signalCode } = this.#running.child;
    return exitCode !== null || signalCode !== null;
  }

  async killAndRestart(): Promise<void> {
    if (this.isOver) return;
    await this.end('SIGKILL');
    this.#running = start(this.#folder, this.#args, this.#env);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isOver) process.kill(-(this.#running.child.pid as number), signal);
    await this.#running.finished;
  }
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

/** Asks until it holds, for minutes at most. */
async function eventually(holds: () => Promise<boolean>, told: () => Promise<string>) {
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return;
    await systemClock.wait(300);
  }
  assert.fail(await told());
}

function keep(
  t: TestContext,
  folder: string,
  env: Readonly<Record<string, string>>,
  args: Args,
  name: string,
) {
  const kept = new Kept(name, folder, args, env);
  t.after(async () => await kept.end('SIGKILL'));
  return kept;
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
    const replay = keep(t, folder, env, ['replay', file, '--quiet', '--speed', '600'], 'replay');
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
      await victim.killAndRestart();
    }
    const told = `seed ${seed}, killed ${killed.join(', ')}`;
    const last = await replay.finished;
    assert.equal(last.code, 0, `${told}: ${last.stderr}`);
    await eventually(
      async () => (await counts(client)) === expected,
      async () => `${told}: ${await counts(client)} rows, not ${expected}`,
    );
    assert.deepEqual(await rowsOf(client), await rowsOf(expectedClient), told);
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

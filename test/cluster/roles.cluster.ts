// Real processes of every role against a real Kafka and PostgreSQL, and kill -9 at random moments:
// the rows at the end are those of one undisturbed process. TAPELINE_KILLS says how many,
// TAPELINE_SEED which moments and which processes.

import { strict as assert } from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { prng } from '../../src/base/prng.ts';
import type { Trade } from '../../src/contracts/wire-objects.ts';
import { run, withDataFolder } from '../app/command.ts';
import { eventually } from '../eventually.ts';
import { connected, linesOf, testCluster } from '../store/cluster.ts';
import { freePorts } from './daemon.ts';
import { testKafka } from './kafka.ts';
import {
  addressOf,
  brokenSequences,
  counts,
  environmentOf,
  type Kept,
  keep,
  rowsOf,
  signalsIn,
  TestTape,
} from './roles.ts';

const kills = Number(process.env.TAPELINE_KILLS ?? 5);
const seed = Number(process.env.TAPELINE_SEED ?? 20261121);

const kafka = testKafka();
const store = testCluster();

/** Minutes: what is waited for may have to begin with a process that was just killed. */
const patience = { secondsMax: 240, everyMs: 300 };
/** A file of trades is played in so many seconds, at so many times the speed of its times. */
const fileSeconds = 4;
const speed = 160;
const filesMin = 4;

/** Replays one file of trades after the other, until it is told that it is enough. */
class Load {
  readonly files: string[] = [];
  readonly finished: Promise<void>;
  readonly #keep: (args: readonly string[]) => Kept;
  readonly #folder: string;
  readonly #tape = new TestTape(seed);
  #isEnough = false;
  #replay: Kept | null = null;

  constructor(folder: string, keep: (args: readonly string[]) => Kept) {
    this.#folder = folder;
    this.#keep = keep;
    this.finished = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#isEnough || this.files.length < filesMin) {
      const file = join(this.#folder, `tape-${this.files.length}.csv`);
      await writeFile(file, this.#tape.next(fileSeconds, speed));
      this.files.push(file);
      this.#replay = this.#keep(['replay', file, '--cluster', '--quiet', '--speed', `${speed}`]);
      const { code, stderr } = await this.#replay.finished;
      assert.equal(code, 0, stderr);
    }
  }

  kill(): boolean {
    return this.#replay?.kill() ?? false;
  }

  enough(): void {
    this.#isEnough = true;
  }
}

test(`${kills} times kill -9 of any role leaves the rows of one undisturbed process`, {
  timeout: 300_000 + kills * 9_000,
}, async (t) => {
  await withDataFolder(async (folder) => {
    const random = prng(seed);
    const database = await store.migratedDatabase();
    const place = { database, bootstrap: kafka().bootstrap, prefix: 'kills' };
    const env = environmentOf(place);
    const [port] = await freePorts(1);
    const roles = ['engine', 'engine', 'persist', 'persist', 'gateway'].map((role, index) =>
      keep(t, folder, { ...env, PORT: String(port) }, ['run', role], `${role}-${index}`),
    );
    const load = new Load(folder, (args) => keep(t, folder, env, args, 'replay'));
    load.finished.catch(() => undefined);
    const victims = [{ name: 'replay', kill: () => load.kill() }, ...roles];
    const killed: string[] = [];
    while (killed.length < kills) {
      await Promise.race([systemClock.wait(500 + random.integer(2_000)), load.finished]);
      const victim = victims[random.integer(victims.length)]!;
      if (victim.kill()) killed.push(victim.name);
      const gone = roles.find(({ isOver, name }) => isOver && name !== victim.name);
      assert.equal(gone?.said, undefined, `${gone?.name} ended by itself`);
    }
    load.enough();
    const told = `seed ${seed}, killed ${killed.join(', ')}`;
    await load.finished;
    const alone = await store.emptyDatabase();
    const single = await run(join(folder, 'alone'), ['replay', ...load.files], {
      DATABASE_URL: addressOf(alone),
    });
    assert.equal(single.code, 0, single.stderr);
    const expectedClient = await connected(t, alone);
    const client = await connected(t, database);
    const expected = await counts(expectedClient);
    assert.match(expected, /^\d{5,}\|\d{4,}\|[1-9]\d*$/);
    t.diagnostic(`${told}; trades|candles|signals: ${expected}`);
    await eventually(
      async () => (await counts(client)) === expected,
      async () => `${told}: ${await counts(client)} rows, not ${expected}`,
      patience,
    );
    assert.deepEqual(await rowsOf(client), await rowsOf(expectedClient), told);
    const signals = await signalsIn(place);
    assert.deepEqual(
      signals.filter((signal, index) => signals.indexOf(signal) !== index),
      [],
      `${told}: these are twice in the log`,
    );
    const isReady = async (): Promise<boolean> =>
      (await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null))?.ok === true;
    await eventually(isReady, () => `${told}: the gateway is not ready`, patience);
    for (const role of roles) await role.end('SIGTERM');
  });
});

test('partitions move between processes that ingest, and no sequence has a gap', async (t) => {
  await withDataFolder(async (folder) => {
    const database = await store.migratedDatabase();
    const client = await connected(t, database);
    const place = { database, bootstrap: kafka().bootstrap, prefix: 'moves' };
    const env = { ...environmentOf(place), TRADES_PER_SECOND: '500' };
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
    await eventually(async () => await symbolsAbove(20), told, patience);
    const second = keep(t, folder, env, ['run', 'ingest'], 'ingest-2');
    await eventually(async () => await symbolsAbove(300), told, patience);
    await first.end('SIGKILL');
    await eventually(async () => await symbolsAbove(900), told, patience);
    await second.end('SIGTERM');
    assert.deepEqual(await brokenSequences(client), []);
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
    const database = await store.migratedDatabase();
    const place = { database, bootstrap: kafka().bootstrap, prefix: 'serves' };
    const env = { ...environmentOf(place), PORT: String(port), TRADES_PER_SECOND: '300' };
    keep(t, folder, env, ['run', 'ingest'], 'ingest');
    const persist = keep(t, folder, env, ['run', 'persist'], 'persist');
    keep(t, folder, env, ['run', 'gateway'], 'gateway');
    const isServing = async (): Promise<boolean> => {
      const url = `http://127.0.0.1:${port}/api/v1/trades/AAPL?limit=100`;
      const answer = await fetch(url).catch(() => null);
      return answer?.ok === true && ((await answer.json()) as Page).trades.length === 100;
    };
    await eventually(isServing, 'the gateway does not serve', patience);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.match(
      metrics,
      /^tapeline_info\{version=".*",role="gateway",instance_id="gateway"\} 1$/m,
    );
    const sequences = await subscribeToAll(t, port as number);
    // What the store does not have comes from the log.
    await persist.end('SIGTERM');
    const least = (): number => {
      const counts = Array.from(sequences.values(), ({ length }) => length);
      return counts.length === 10 ? Math.min(...counts) : 0;
    };
    await eventually(
      async () => least() > 120,
      () => `${least()} trades of the rarest symbol`,
      patience,
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

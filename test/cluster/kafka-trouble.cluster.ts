// Kafka away, slow, full, and back with older data, under the log and under processes of all roles.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import {
  Admin,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
} from '@platformatic/kafka';
import type { Client } from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { createTopics } from '../../src/log/kafka/cluster.ts';
import { type Append, type Log, topics } from '../../src/log/log.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import { commitUntilDurable } from '../../src/pipeline/commit.ts';
import { withDataFolder } from '../app/command.ts';
import { eventually } from '../eventually.ts';
import { connected, linesOf, testCluster } from '../store/cluster.ts';
import { freePorts } from './daemon.ts';
import { Kafka, testKafka } from './kafka.ts';
import { Network } from './network.ts';
import { brokenSequences, environmentOf, type Kept, keep, type Place } from './roles.ts';

const topic = 'market.trades';
const patience = { secondsMax: 240, everyMs: 300 };

let network: Network | undefined;
const kafka = testKafka(async () => {
  network = await Network.open();
  return { network };
});
const store = testCluster();

interface Opened {
  readonly log: Log;
  readonly warned: string[];
}

async function opened(t: TestContext, prefix: string, bootstrap: string, role = true) {
  const cluster = { bootstrapServers: [bootstrap], clientId: 'test', prefix };
  await createTopics(cluster, 1);
  const warned: string[] = [];
  const log = await openKafkaLog({
    ...cluster,
    partition: 0,
    role: role ? 'ingest' : null,
    writes: role ? topics : [],
    follows: role ? [] : [topic],
    clock: systemClock,
    logger: { warn: (_fields, message) => warned.push(message) },
  });
  t.after(async () => await log.close());
  return { log, warned } satisfies Opened;
}

/** Its first bytes tell its number; the others cannot be compressed. */
function batch(number: number, size = 200): Append {
  const bytes = randomBytes(size);
  bytes.writeUInt32BE(number);
  return { topic, count: 1, bytes };
}

async function numbers(log: Log): Promise<number[]> {
  const found: number[] = [];
  for (let next = log.range(topic).start; next < log.range(topic).end; ) {
    const read = await log.read(topic, next, 2 ** 20);
    assert.deepEqual(read.lost, []);
    found.push(...read.batches.map(({ bytes }) => Buffer.from(bytes).readUInt32BE()));
    next = read.next;
  }
  return found;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Commits batch after batch until it is told to stop. */
class Committing {
  readonly done: Promise<void>;
  readonly #stopped = new AbortController();
  next = 0;

  constructor(log: Log, size?: number) {
    this.done = this.#run(log, size);
    this.done.catch(() => undefined);
  }

  async #run(log: Log, size?: number): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const transaction = { appends: [batch(this.next, size)] };
      await commitUntilDurable(log, transaction, systemClock, true, new AbortController().signal);
      this.next += 1;
    }
  }

  async until(count: number): Promise<void> {
    await eventually(
      () => this.next >= count,
      () => `only ${this.next} commits`,
    );
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.done;
  }
}

suite('a log whose Kafka is in trouble', () => {
  test('is slow where Kafka is, and each commit is there once', async (t) => {
    const { log } = await opened(t, 'slow', `127.0.0.1:${network!.port}`);
    network!.delayMs = 100;
    const committing = new Committing(log);
    await committing.until(5);
    await committing.stop();
    network!.delayMs = 0;
    assert.deepEqual(await numbers(log), upTo(committing.next));
  });

  test('waits for a Kafka that does not answer, and each commit is there once', async (t) => {
    const prefix = 'stalled';
    const { log, warned } = await opened(t, prefix, `127.0.0.1:${network!.port}`);
    const committing = new Committing(log);
    await committing.until(5);
    network!.stall();
    await eventually(() => log.stats().trouble !== null, 'it says so');
    network!.resume();
    // The servers may have given up on the writer by then; whoever opens after it goes on.
    let ended: unknown = null;
    committing.done.catch((error) => (ended = error));
    const before = committing.next;
    await eventually(() => ended !== null || committing.next > before + 5, 'it goes on');
    if (ended === null) await committing.stop();
    else assert.equal((ended as Failure).code, 'log-taken-over', String(ended));
    assert.match(warned[0] ?? '', /a commit waits/);
    const { log: later } = await opened(t, prefix, kafka().bootstrap);
    assert.deepEqual(await numbers(later), upTo(committing.next));
  });

  test('says what to mend where a batch is larger than a topic takes', async (t) => {
    const { log, warned } = await opened(t, 'small', kafka().bootstrap);
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka().bootstrap] });
    t.after(async () => await admin.close());
    const limit = async (bytes: number): Promise<void> => {
      const configs = [
        {
          name: 'max.message.bytes',
          configOperation: IncrementalAlterConfigOperationTypes.SET,
          value: String(bytes),
        },
      ];
      const resource = {
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: 'small.market.trades',
        configs,
      };
      await admin.incrementalAlterConfigs({ resources: [resource], validateOnly: false });
    };
    await limit(10_000);
    const committing = new Committing(log, 50_000);
    await eventually(() => warned.length > 0, 'it says so', patience);
    assert.match(log.stats().trouble?.cure ?? '', /Raise max.message.bytes/);
    await limit(1_000_000);
    await committing.until(3);
    await committing.stop();
    assert.equal(log.stats().trouble, null);
    assert.deepEqual(await numbers(log), upTo(committing.next));
  });

  test('has ended where Kafka is back with older data, and begins anew from that', async (t) => {
    const { log, warned } = await opened(t, 'older', kafka().bootstrap);
    const { log: reader } = await opened(t, 'older', kafka().bootstrap, false);
    for (const number of [0, 1]) await log.commit({ appends: [batch(number)] });
    await kafka().kill();
    await kafka().backUp();
    await kafka().restart();
    const signal = new AbortController().signal;
    for (const number of [2, 3]) {
      await commitUntilDurable(log, { appends: [batch(number)] }, systemClock, true, signal);
    }
    await eventually(() => reader.range(topic).end === 4, 'the reader follows', patience);
    await kafka().kill();
    await kafka().restore();
    await kafka().restart();
    const isEnded = (): boolean => reader.stats().trouble?.kind.retryable === false;
    await eventually(isEnded, () => `the reader ends: ${reader.stats().trouble}`, patience);
    await assert.rejects(reader.read(topic, 0, 1), /Kafka has older data than it had/);
    const next = commitUntilDurable(log, { appends: [batch(4)] }, systemClock, true, signal);
    const isFinal = (error: unknown): boolean =>
      error instanceof Failure &&
      !error.kind.retryable &&
      /older data|no longer/.test(error.message);
    await assert.rejects(next, isFinal, warned.join('\n'));
    const { log: again } = await opened(t, 'older', kafka().bootstrap);
    assert.deepEqual(await numbers(again), [0, 1]);
    assert.deepEqual(await again.commit({ appends: [batch(2)] }), [2]);
  });

  test('loses nothing to a full disk, and goes on when there is room', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root may mount a small file system');
    const full = await Kafka.start({ dataMegabytes: 24 });
    t.after(async () => await full.stop());
    const { log, warned } = await opened(t, 'full', full.bootstrap);
    const committing = new Committing(log, 500_000);
    await full.ended();
    await eventually(() => log.stats().trouble !== null, 'it says so', patience);
    assert.match(log.stats().trouble?.cure ?? '', /room on their disks/);
    const before = committing.next;
    assert.ok(before > 3, `${before} commits`);
    full.grow(256);
    await full.restart();
    await eventually(
      () => committing.next > before + 3,
      () => warned.join('\n'),
      patience,
    );
    await committing.stop();
    assert.deepEqual(await numbers(log), upTo(committing.next));
    assert.equal(log.stats().trouble, null);
  });
});

/** A process of each role; what they store, and what the gateway says. */
class Plant {
  readonly roles: readonly Kept[];
  readonly #url: string;

  private constructor(roles: readonly Kept[], url: string) {
    this.roles = roles;
    this.#url = url;
  }

  static async start(t: TestContext, folder: string, place: Place): Promise<Plant> {
    const [port] = await freePorts(1);
    const env = { ...environmentOf(place), PORT: String(port), TRADES_PER_SECOND: '200' };
    const roles = ['ingest', 'engine', 'persist', 'gateway'].map((role) =>
      keep(t, folder, env, ['run', role], role),
    );
    return new Plant(roles, `http://127.0.0.1:${port}`);
  }

  role(name: string): Kept {
    return this.roles.find((one) => one.name === name)!;
  }

  said(): string {
    return this.roles.map(({ name, said }) => `${name}: ${said}`).join('\n');
  }

  async ask(path: string): Promise<string> {
    const answer = await fetch(this.#url + path).catch(() => null);
    return (await answer?.text()) ?? '';
  }

  /** Of the log, as /health tells it. */
  async log(): Promise<{ readonly state: string; readonly detail: string }> {
    const text = await this.ask('/health');
    return text === '' ? { state: 'no answer', detail: '' } : JSON.parse(text).log;
  }
}

async function tradesIn(client: Client): Promise<number> {
  return Number((await linesOf(client, 'select count(*) from trades'))[0]);
}

test('all roles wait for a Kafka that is away, at their start and later, and lose nothing', {
  timeout: 600_000,
}, async (t) => {
  await withDataFolder(async (folder) => {
    const database = await store.migratedDatabase();
    const client = await connected(t, database);
    await kafka().kill();
    const place = { database, bootstrap: kafka().bootstrap, prefix: 'away' };
    const plant = await Plant.start(t, folder, place);
    const allWait = (): boolean => plant.roles.every(({ said }) => /waiting: Kafka at/.test(said));
    await eventually(allWait, () => plant.said(), patience);
    assert.match(await plant.ask('/ready'), /Kafka at 127/);
    await kafka().restart();
    await eventually(
      async () => (await tradesIn(client)) > 500,
      () => plant.said(),
      patience,
    );
    const isWell = async (): Promise<boolean> => (await plant.log()).state === 'ok';
    await eventually(isWell, 'the gateway is well', patience);
    for (let outage = 0; outage < 2; outage++) {
      await kafka().kill();
      const isTold = async (): Promise<boolean> =>
        (await plant.log()).state === 'degraded' &&
        /Kafka at 127.*a commit waits/.test(plant.role('ingest').said);
      await eventually(isTold, () => plant.said(), patience);
      assert.match((await plant.log()).detail, /Kafka at 127.*Check that these servers run/);
      const before = await tradesIn(client);
      await kafka().restart();
      const goesOn = async (): Promise<boolean> => (await tradesIn(client)) > before + 500;
      await eventually(goesOn, () => plant.said(), patience);
      await eventually(isWell, 'the gateway is well again', patience);
    }
    await plant.role('ingest').end('SIGTERM');
    await plant.role('persist').end('SIGTERM');
    assert.deepEqual(await brokenSequences(client), []);
  });
});

test('persist does not store from a Kafka that has older data than the database', {
  timeout: 600_000,
}, async (t) => {
  await withDataFolder(async (folder) => {
    const database = await store.migratedDatabase();
    const client = await connected(t, database);
    const place = { database, bootstrap: kafka().bootstrap, prefix: 'behind' };
    const env = { ...environmentOf(place), TRADES_PER_SECOND: '200' };
    const isStored = async (trades: number): Promise<void> =>
      await eventually(
        async () => (await tradesIn(client)) > trades,
        `${trades} trades are stored`,
        patience,
      );
    const ingest = keep(t, folder, env, ['run', 'ingest'], 'ingest');
    const persist = keep(t, folder, env, ['run', 'persist'], 'persist');
    await isStored(200);
    await kafka().kill();
    await kafka().backUp();
    await kafka().restart();
    await isStored(1_500);
    await ingest.end('SIGTERM');
    await persist.end('SIGTERM');
    await kafka().kill();
    await kafka().restore();
    await kafka().restart();
    const again = keep(t, folder, env, ['run', 'persist'], 'persist');
    await eventually(
      () => /put back to older data.*Restore the newest copy/s.test(again.said),
      () => again.said,
      patience,
    );
  });
});

// Kafka slow, silent, full, and back with older data, under the log. For one that is away see
// log-kafka.cluster.ts, and roles-trouble.cluster.ts for processes of all roles.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, suite, type TestContext, test } from 'node:test';
import {
  Admin,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
} from '@platformatic/kafka';
import { systemClock } from '../../src/base/clock.ts';
import { Failure, messageOf } from '../../src/base/failure.ts';
import { createTopics } from '../../src/log/kafka/cluster.ts';
import { type Append, type Log, topics } from '../../src/log/log.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import { commitUntilDurable } from '../../src/pipeline/commit.ts';
import { eventually } from '../eventually.ts';
import { Kafka, testKafka } from './kafka.ts';
import { Network } from './network.ts';

const topic = 'market.trades';
const patience = { secondsMax: 240, everyMs: 300 };

let network: Network | undefined;
const kafka = testKafka(async () => {
  network = await Network.open();
  return { network };
});
after(async () => await network?.close());

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
    committing.done.catch((error: unknown) => {
      ended = error;
    });
    const before = committing.next;
    await eventually(() => ended !== null || committing.next > before + 5, 'it goes on');
    if (ended === null) await committing.stop();
    else assert.ok(ended instanceof Failure && ended.code === 'log-taken-over', messageOf(ended));
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

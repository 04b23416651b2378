import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import type { Append, Log, Topic } from '../../src/log/log.ts';
import { openRabbitMqLog } from '../../src/log/log-rabbitmq.ts';
import { eventually } from '../eventually.ts';
import { testRabbitMq } from './rabbitmq.ts';

const broker = testRabbitMq({ isSettled: true });
const topic = 'market.trades';
let places = 0;

interface Options {
  readonly prefix?: string;
  readonly readOnly?: boolean;
  readonly segmentBytes?: number;
}

async function opened(t: TestContext, options: Options = {}): Promise<Log> {
  const { prefix = newPrefix(), ...rest } = options;
  const { url } = broker();
  const log = await openRabbitMqLog({ url, prefix, partition: 0, clock: systemClock, ...rest });
  t.after(async () => await log.close());
  return log;
}

function newPrefix(): string {
  places += 1;
  return `trouble-${places}`;
}

/** Its bytes tell its number. */
function batch(number: number, size = 200): Append {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, number);
  return { topic, count: 1, bytes };
}

async function numbers(log: Log, of: Topic = topic): Promise<number[]> {
  const found: number[] = [];
  for (let next = log.range(of).start; next < log.range(of).end; ) {
    const read = await log.read(of, next, 1_000_000);
    assert.deepEqual(read.lost, []);
    for (const { bytes } of read.batches) {
      found.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
    }
    next = read.next;
  }
  return found;
}

/** Commits from a number on, several at a time, until told to stop. */
class Committing {
  readonly acknowledged: number[] = [];
  readonly failures: Failure[] = [];
  readonly #log: Log;
  #next: number;
  #isStopped = false;
  readonly #done: Promise<unknown>;

  constructor(log: Log, from = 0) {
    this.#log = log;
    this.#next = from;
    this.#done = Promise.all([this.#run(), this.#run(), this.#run()]);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const number = this.#next++;
      try {
        await this.#log.commit({ appends: [batch(number)] });
        this.acknowledged.push(number);
      } catch (error) {
        assert(error instanceof Failure, String(error));
        this.failures.push(error);
        await systemClock.wait(20);
      }
    }
  }

  async until(count: number): Promise<void> {
    await eventually(
      () => this.acknowledged.length >= count,
      () => `${count} commits, only ${this.acknowledged.length}: ${this.failures.at(-1)}`,
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}

suite('a log whose broker is in trouble', { timeout: 240_000 }, () => {
  test('loses nothing acknowledged to kill -9 of the broker, and has each once', async (t) => {
    const prefix = newPrefix();
    const log = await opened(t, { prefix, segmentBytes: 30_000 });
    const reader = await opened(t, { prefix, readOnly: true });
    const committing = new Committing(log);
    for (const count of [100, 400, 700]) {
      await committing.until(count);
      await broker().restart();
    }
    await committing.until(800);
    await committing.stop();
    const stored = await numbers(log);
    assert.deepEqual(
      stored.toSorted((a, b) => a - b),
      committing.acknowledged.toSorted((a, b) => a - b),
    );
    for (const { code } of committing.failures) assert.equal(code, 'log-unavailable');
    // A reader who was there all along, and one who comes now, have the same.
    await eventually(() => reader.range(topic).end >= stored.length, 'the reader has it all');
    assert.deepEqual(await numbers(reader), stored);
    await log.close();
    assert.deepEqual(await numbers(await opened(t, { prefix })), stored);
  });

  test('waits for a broker that does not answer', async (t) => {
    const log = await opened(t);
    broker().signal('SIGSTOP');
    let isDone = false;
    const commit = log.commit({ appends: [batch(1)] }).then(() => {
      isDone = true;
    });
    await systemClock.wait(300);
    assert.equal(isDone, false);
    broker().signal('SIGCONT');
    await commit;
    assert.deepEqual(await numbers(log), [1]);
  });

  test('says so while the broker is full, and goes on by itself', async (t) => {
    const log = await opened(t);
    const committing = new Committing(log);
    await committing.until(10);
    await broker().control('set_vm_memory_high_watermark', 'absolute', '1');
    // What is on its way waits; what comes after is refused.
    let refused: unknown;
    for (let number = 100_000; !refused; number++) {
      const commit = log.commit({ appends: [batch(number)] }).then(() => {
        committing.acknowledged.push(number);
      });
      refused = await Promise.race([commit, systemClock.wait(100)]).catch((error) => error);
    }
    assert(refused instanceof Failure);
    assert.deepEqual(
      [refused.code, refused.cure],
      ['disk-full', 'Free space there; Tapeline goes on by itself.'],
    );
    const before = committing.acknowledged.length;
    await broker().control('set_vm_memory_high_watermark', '0.4');
    await committing.until(before + 10);
    await committing.stop();
    assert.deepEqual(
      (await numbers(log)).toSorted((a, b) => a - b),
      committing.acknowledged.toSorted((a, b) => a - b),
    );
  });

  test('refuses a second writer, and takes over from the first once it is gone', async (t) => {
    const prefix = newPrefix();
    const first = await opened(t, { prefix });
    await first.commit({ appends: [batch(1)] });
    await assert.rejects(opened(t, { prefix }), { code: 'data-folder-in-use', message: /writes/ });
    await first.commit({ appends: [batch(2)] });
    await first.close();
    assert.deepEqual(await numbers(await opened(t, { prefix })), [1, 2]);
  });

  test('says so when the broker is back with older data, and acknowledges no more', async (t) => {
    const prefix = newPrefix();
    const log = await opened(t, { prefix });
    await log.commit({ appends: [batch(1)] });
    await broker().kill();
    await broker().backUp();
    await broker().restart();
    const committing = new Committing(log, 2);
    await committing.until(10);
    await committing.stop();
    await broker().kill();
    await broker().restore();
    await broker().restart();
    let failure = '';
    const hasFailed = async (): Promise<boolean> => {
      await log.commit({ appends: [batch(1_000)] }).catch((error: Failure) => {
        if (error.code !== 'log-unavailable') failure = error.message;
      });
      return failure !== '';
    };
    await eventually(hasFailed, 'commits go on');
    assert.match(failure, /older data/);
  });

  test('cannot be opened while the broker is away, nor read where there is none', async (t) => {
    await assert.rejects(opened(t, { readOnly: true }), {
      code: 'log-unavailable',
      message: /no log/,
    });
    await broker().kill();
    t.after(async () => await broker().restart());
    await assert.rejects(opened(t), { code: 'log-unavailable', message: /ECONN/ });
  });
});

test('retention deletes the streams that nobody needs', async (t) => {
  const prefix = newPrefix();
  const log = await opened(t, { prefix, segmentBytes: 10_000 });
  for (let number = 0; number < 100; number++) {
    await log.commit({
      appends: [batch(number, 1_000)],
      state: [{ key: 'k', value: batch(number).bytes }],
    });
  }
  const keepFrom = (): number => 70;
  assert.equal(await log.trim({ bytesMax: 0, keepFrom }), 70);
  assert.ok(log.stats().bytesOnDisk < 50_000, `${log.stats().bytesOnDisk} bytes left`);
  await log.close();
  const again = await opened(t, { prefix, segmentBytes: 10_000 });
  assert.deepEqual(again.range(topic), { start: 70, end: 100 });
  assert.deepEqual((await numbers(again)).slice(0, 2), [70, 71]);
  assert.deepEqual((await again.state('k'))?.subarray(0, 4), batch(99).bytes.subarray(0, 4));
});

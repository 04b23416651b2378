import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConflatedSubscription } from '../../src/gateway/stream/conflated.ts';
import type { Outlet } from '../../src/gateway/stream/connection.ts';
import { LosslessSubscription } from '../../src/gateway/stream/lossless.ts';
import type { ReadResult } from '../../src/log/log.ts';

/** A client whose network is open or shut as the test says. */
class Valve implements Outlet {
  readonly written: string[] = [];
  isOpen = true;
  isFull = false;
  #drained = Promise.withResolvers<void>();

  write(frames: Buffer): void {
    this.written.push(frames.toString());
  }

  drained(): Promise<void> {
    return this.#drained.promise;
  }

  close(): void {
    this.isOpen = false;
  }

  /** Lets it drain, and all that waits for it go on. */
  async open(): Promise<void> {
    this.isFull = false;
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
    await new Promise(setImmediate);
  }
}

const counted = {
  messages: () => undefined,
  conflated: () => undefined,
  fellBack: () => undefined,
  skipped: () => undefined,
};
const messages = (text: string) => ({ frames: Buffer.from(text), count: 1 });

/** A log whose batch at each offset is that number, of which the tail has told some. */
class Numbers {
  told = 0;
  durable = 0;
  reads = 0;

  stream() {
    return {
      position: () => this.told,
      read: async (from: number): Promise<ReadResult> => {
        this.reads++;
        const offsets = Array.from({ length: this.durable - from }, (_, index) => from + index);
        const batches = offsets.map((offset) => ({ offset, count: 1, bytes: new Uint8Array() }));
        return { batches, lost: [], next: this.durable };
      },
      encode: ({ offset }: { offset: number }) => messages(String(offset)),
      trailing: () => Buffer.from('newest'),
      gap: (range: object) => range,
      counted,
    };
  }
}

suite('a lossless subscription', () => {
  test('reads from the log no further than the tail has told, and is told the rest', async () => {
    const [valve, log] = [new Valve(), new Numbers()];
    const subscription = new LosslessSubscription(valve, log.stream());
    valve.isFull = true;
    log.durable = 6;
    for (; log.told < 3; log.told++) subscription.deliver(log.told, messages('live'));
    assert.deepEqual(valve.written, []);
    await valve.open();
    assert.deepEqual(valve.written, ['0', '1', '2', 'newest']);
    subscription.deliver(3, messages('3'));
    assert.deepEqual(valve.written.slice(4), ['3']);
    assert.equal(log.reads, 1);
  });

  test('that falls behind again while it catches up waits again', async () => {
    const [valve, log] = [new Valve(), new Numbers()];
    const subscription = new LosslessSubscription(valve, log.stream());
    valve.isFull = true;
    log.durable = 2;
    subscription.deliver(0, messages('live'));
    log.told = 2;
    await valve.open();
    valve.isFull = true;
    subscription.deliver(2, messages('live'));
    log.durable = 4;
    log.told = 4;
    await new Promise(setImmediate);
    assert.deepEqual(valve.written, ['0', '1', 'newest']);
    await valve.open();
    assert.deepEqual(valve.written.slice(3), ['2', '3', 'newest']);
  });

  test('ends its connection when the log cannot be read', async () => {
    const [valve, log] = [new Valve(), new Numbers()];
    const read = (): Promise<ReadResult> => Promise.reject(new Error('no disk'));
    const subscription = new LosslessSubscription(valve, { ...log.stream(), read });
    valve.isFull = true;
    subscription.deliver(0, messages('live'));
    log.told = 1;
    await valve.open();
    assert.equal(valve.isOpen, false);
  });
});

test('a conflated subscription always tells the newest last, once', async () => {
  const valve = new Valve();
  let value = 0;
  const newest = (): Buffer => Buffer.from(String(value));
  const subscription = new ConflatedSubscription(valve, { newest, gap: (range) => range, counted });
  const change = (): void => subscription.deliver(messages(String(++value)));
  change();
  valve.isFull = true;
  change();
  change();
  assert.deepEqual(valve.written, ['1']);
  await valve.open();
  assert.deepEqual(valve.written, ['1', '3']);
  change();
  assert.deepEqual(valve.written, ['1', '3', '4']);
});

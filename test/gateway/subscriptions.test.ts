import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Policy } from '../../src/gateway/stream/client-messages.ts';
import type { Outlet } from '../../src/gateway/stream/connection.ts';
import type { Ready } from '../../src/gateway/stream/ready.ts';
import { type Selection, selections } from '../../src/gateway/stream/shared-messages.ts';
import type { StreamBatch } from '../../src/gateway/stream/stream-batch.ts';
import { type Source, Subscription } from '../../src/gateway/stream/subscription.ts';
import { TextFrames } from '../../src/gateway/stream/text-frames.ts';
import { Watchers } from '../../src/gateway/stream/watchers.ts';
import type { ReadResult } from '../../src/log/log.ts';

/** A client whose network is open or shut as the test says. */
class Valve implements Outlet {
  readonly written: string[] = [];
  isOpen = true;
  isFull = false;
  #drained = Promise.withResolvers<void>();

  write({ frames }: Ready): void {
    // A short text frame has two bytes before its payload.
    for (let at = 0; at < frames.length; at += 2 + frames[at + 1]) {
      this.written.push(frames.toString('utf8', at + 2, at + 2 + frames[at + 1]));
    }
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
  dropped: () => undefined,
  missed: () => undefined,
};

/** A batch of one row, whose message is its offset. */
function numberAt(offset: number, symbol = 'A'): StreamBatch {
  return {
    stream: 'trades',
    offset,
    end: offset + 1,
    count: 1,
    receiveTime: 0,
    groups: [{ symbol, key: 0 }],
    groupOf: [0],
    write: (frames) => frames.message([offset]),
  };
}

const frames = new TextFrames();

function selectionOf(batch: StreamBatch): Selection {
  const watchers = new Watchers<string>();
  watchers.add(null, [0], 'somebody');
  const [[, selection]] = selections(batch, watchers, frames);
  return selection;
}

/** A log whose batch at each offset is that number, of which the tail has told some. */
class Numbers {
  told = 0;
  durable = 0;
  reads = 0;
  newest = 0;
  read = async (from: number): Promise<ReadResult> => {
    this.reads++;
    const offsets = Array.from({ length: this.durable - from }, (_, index) => from + index);
    const batches = offsets.map((offset) => ({ offset, count: 1, bytes: new Uint8Array() }));
    return { batches, lost: [], next: this.durable };
  };

  source(policy: Policy): Source {
    return {
      id: null,
      policy,
      position: () => this.told,
      read: (from) => this.read(from),
      inTurn: async (work) => (await work()) ?? undefined,
      encode: ({ offset }) => selectionOf(numberAt(offset)),
      newest: ({ symbol }) => ({ newest: `${symbol}${this.newest}` }),
      gap: (range) => range,
      skip: (skipped) => skipped,
      counted,
    };
  }

  /** The tail tells the next one. */
  tell(subscription: Subscription, symbol = 'A'): void {
    const offset = this.told++;
    this.durable = Math.max(this.durable, this.told);
    subscription.deliver(selectionOf(numberAt(offset, symbol)));
  }
}

suite('a lossless subscription', () => {
  test('reads from the log no further than the tail has told, and is told the rest', async () => {
    const [valve, log] = [new Valve(), new Numbers()];
    const subscription = new Subscription(valve, log.source('lossless'), 0);
    valve.isFull = true;
    log.durable = 6;
    for (let index = 0; index < 3; index++) log.tell(subscription);
    assert.deepEqual(valve.written, []);
    await valve.open();
    assert.deepEqual(valve.written, ['[0]', '[1]', '[2]']);
    log.tell(subscription);
    assert.deepEqual(valve.written.slice(3), ['[3]']);
    assert.equal(log.reads, 1);
  });

  test('that falls behind again while it catches up waits again', async () => {
    const [valve, log] = [new Valve(), new Numbers()];
    const subscription = new Subscription(valve, log.source('lossless'), 0);
    valve.isFull = true;
    log.tell(subscription);
    log.tell(subscription);
    await valve.open();
    valve.isFull = true;
    log.tell(subscription);
    log.tell(subscription);
    await new Promise(setImmediate);
    assert.deepEqual(valve.written, ['[0]', '[1]']);
    await valve.open();
    assert.deepEqual(valve.written.slice(2), ['[2]', '[3]']);
  });

  test('begins in the past, or where the tail has yet to come', async () => {
    const [valve, log] = [new Valve(), new Numbers()];
    log.durable = 9;
    log.told = 4;
    const early = new Subscription(valve, log.source('lossless'), 2);
    await new Promise(setImmediate);
    assert.deepEqual(valve.written, ['[2]', '[3]']);
    early.end();
    const late = new Subscription(valve, log.source('lossless'), 6);
    for (let index = 0; index < 3; index++) log.tell(late);
    assert.deepEqual(valve.written.slice(2), ['[6]']);
  });

  test('ends its connection when the log cannot be read', async () => {
    const [valve, log] = [new Valve(), new Numbers()];
    log.read = () => Promise.reject(new Error('no disk'));
    const subscription = new Subscription(valve, log.source('lossless'), 0);
    valve.isFull = true;
    log.tell(subscription);
    await valve.open();
    assert.equal(valve.isOpen, false);
  });
});

test('a conflated subscription tells the newest of what changed, once', async () => {
  const [valve, log] = [new Valve(), new Numbers()];
  const subscription = new Subscription(valve, log.source('conflate'), 0);
  log.tell(subscription);
  valve.isFull = true;
  log.tell(subscription, 'A');
  log.tell(subscription, 'B');
  log.tell(subscription, 'A');
  log.newest = 3;
  assert.deepEqual(valve.written, ['[0]']);
  await valve.open();
  assert.deepEqual(valve.written.slice(1), ['{"newest":"A3"}', '{"newest":"B3"}']);
  log.tell(subscription);
  assert.deepEqual(valve.written.slice(3), ['[4]']);
});

test('a skipping subscription tells how many it skipped, and which', async () => {
  const [valve, log] = [new Valve(), new Numbers()];
  const subscription = new Subscription(valve, log.source('skip'), 0);
  log.tell(subscription);
  valve.isFull = true;
  for (let index = 0; index < 3; index++) log.tell(subscription);
  await valve.open();
  log.tell(subscription);
  assert.deepEqual(valve.written, ['[0]', '{"count":3,"from":1,"to":3}', '[4]']);
});

test('a closing subscription closes when there is no more room', () => {
  const [valve, log] = [new Valve(), new Numbers()];
  const subscription = new Subscription(valve, log.source('close'), 0);
  log.tell(subscription);
  assert.equal(valve.isOpen, true);
  valve.isFull = true;
  log.tell(subscription);
  assert.equal(valve.isOpen, false);
});

import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import type { Topic } from '../../src/log/log.ts';
import { type MergedLog, openMergedLog } from '../../src/log/log-merged.ts';
import { MemoryLog } from '../gateway/memory-log.ts';

const topic = 'market.trades';
const logger = { warn: () => undefined };

async function append(shard: MemoryLog, count: number, text: string): Promise<void> {
  await shard.commit({ appends: [{ topic, count, bytes: Buffer.from(text) }] });
}

interface Wanted {
  readonly records?: number;
  readonly stored?: (topic: Topic, partition: number) => number;
}

async function merged(shards: readonly MemoryLog[], wanted: Wanted = {}): Promise<MergedLog> {
  const { records = Number.POSITIVE_INFINITY, stored = () => Number.POSITIVE_INFINITY } = wanted;
  const clock = new ManualClock(0);
  return await openMergedLog({ shards, topics: [[topic, records]], stored, clock, logger });
}

/** The batches from an offset on, as `offset+count text`. */
async function told(log: MergedLog, offset = 0, bytesMax = 1): Promise<string[]> {
  const lines: string[] = [];
  for (let next = offset; next < log.range(topic).end; ) {
    const read = await log.read(topic, next, bytesMax);
    for (const { from, to, reason } of read.lost) lines.push(`${from}-${to} ${reason}`);
    for (const batch of read.batches) {
      lines.push(`${batch.offset}+${batch.count} ${Buffer.from(batch.bytes).toString()}`);
    }
    next = read.next;
  }
  return lines;
}

async function growth(log: MergedLog, end: number): Promise<void> {
  let generation = -1;
  while (log.range(topic).end < end) generation = await log.grown(generation);
}

test('batches of all shards are one sequence, those of each in their order', async () => {
  const shards = [new MemoryLog(0), new MemoryLog(1)] as const;
  await append(shards[0], 2, 'a');
  await append(shards[1], 1, 'b');
  const log = await merged(shards);
  assert.deepEqual(await told(log), ['0+2 a', '2+1 b']);
  await append(shards[1], 3, 'c');
  await growth(log, 6);
  await append(shards[0], 1, 'd');
  await growth(log, 7);
  const all = ['0+2 a', '2+1 b', '3+3 c', '6+1 d'];
  assert.deepEqual(await told(log), all);
  assert.deepEqual(await told(log, 0, 1_000), all);
  assert.deepEqual(await told(log, 4), all.slice(2));
  await log.close();
});

test('of what lies far back only the end is told, and all that is not stored', async () => {
  const shards = [new MemoryLog(0), new MemoryLog(1)] as const;
  for (const text of ['a', 'b', 'c']) {
    for (const shard of shards) await append(shard, 1, `${text}${shard.partition}`);
  }
  const stored = (_: Topic, partition: number): number => (partition === 0 ? 3 : 0);
  const log = await merged(shards, { records: 1, stored });
  assert.deepEqual(await told(log), ['0+1 c0', '1+1 a1', '2+1 b1', '3+1 c1']);
  await log.close();
});

test('what a shard has lost is lost, and the rest is told', async () => {
  const shard = new MemoryLog();
  await append(shard, 2, 'a');
  shard.damageNext(topic);
  await append(shard, 3, 'b');
  await append(shard, 1, 'c');
  const log = await merged([shard]);
  assert.deepEqual(await told(log), ['0+2 a', '2-5 damaged', '5+1 c']);
  await log.close();
});

test('all is stored up to the first batch of which a shard says otherwise', async () => {
  const shards = [new MemoryLog(0), new MemoryLog(1)] as const;
  await append(shards[0], 2, 'a');
  await append(shards[1], 2, 'b');
  const log = await merged(shards);
  await append(shards[0], 2, 'c');
  await growth(log, 6);
  const through = (first: number, second: number): number =>
    log.storedThrough(topic, (partition) => (partition === 0 ? first : second));
  assert.equal(through(1, 2), 0);
  assert.equal(through(2, 1), 2);
  assert.equal(through(3, 2), 4);
  assert.equal(through(4, 2), 6);
  await log.close();
});

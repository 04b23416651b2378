import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { committed } from '../../src/log/kafka/messages.ts';

type FetchedPartition = Parameters<typeof committed>[0];
type RecordsBatch = NonNullable<FetchedPartition['records']>[number];

const transactional = 1 << 4;
const control = 1 << 5;

function batch(producer: number, offset: number, attributes: number, key: Buffer): RecordsBatch {
  const record = { length: 0, attributes: 0, timestampDelta: 0n, offsetDelta: 0, key };
  return {
    firstOffset: BigInt(offset),
    lastOffsetDelta: 0,
    attributes,
    producerId: BigInt(producer),
    firstTimestamp: 0n,
    records: [{ ...record, value: Buffer.of(1), headers: [] }],
  } as unknown as RecordsBatch;
}

function data(producer: number, offset: number): RecordsBatch {
  return batch(producer, offset, transactional, Buffer.from('key'));
}

/** The key of a mark is its version and its type: 0 aborts, 1 commits. */
function mark(producer: number, offset: number, type: 'commit' | 'abort'): RecordsBatch {
  const key = Buffer.of(0, 0, 0, type === 'commit' ? 1 : 0);
  return batch(producer, offset, transactional | control, key);
}

function offsetsOf(records: RecordsBatch[], aborted: readonly (readonly [number, number])[]) {
  const abortedTransactions = aborted.map(([producer, offset]) => {
    return { producerId: BigInt(producer), firstOffset: BigInt(offset) };
  });
  const fetched = { records, abortedTransactions } as unknown as FetchedPartition;
  return Array.from(committed(fetched), ({ offset }) => offset);
}

test('what lies between an aborted transaction and the mark of an empty one is kept', () => {
  const records = [
    data(1, 0),
    mark(1, 1, 'commit'),
    data(1, 2),
    mark(1, 3, 'abort'),
    data(1, 4),
    mark(1, 5, 'commit'),
    mark(1, 6, 'abort'),
    data(1, 7),
    mark(1, 8, 'commit'),
  ];
  assert.deepEqual(offsetsOf(records, [[1, 2]]), [0, 4, 7]);
});

test('each of several aborted transactions of one producer is left out', () => {
  const records = [
    data(1, 0),
    mark(1, 1, 'abort'),
    data(1, 2),
    mark(1, 3, 'commit'),
    data(1, 4),
    mark(1, 5, 'abort'),
  ];
  const listed = [
    [1, 4],
    [1, 0],
  ] as const;
  assert.deepEqual(offsetsOf(records, listed), [2]);
});

test('a producer that aborts takes nothing from another between its messages', () => {
  const records = [data(1, 0), data(2, 1), data(1, 2), mark(1, 3, 'abort'), mark(2, 4, 'commit')];
  assert.deepEqual(offsetsOf(records, [[1, 0]]), [1]);
});

test('an aborted transaction that goes on beyond what was fetched is left out', () => {
  assert.deepEqual(offsetsOf([data(1, 0), data(1, 1)], [[1, 0]]), []);
});

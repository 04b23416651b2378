// Closed candles in the log's state, packed: the candles of 16 consecutive buckets share one key,
// so that a checkpoint of a fast replay writes thousands of values and not tens of thousands.
// A value holds candles one after the other: the bucket number, then the stored fields, as doubles.

import { type ClosedCandles, closedFields, type StoredCandle } from '../engine/candles.ts';
import type { Log, StateWrite } from '../log/log.ts';

const bucketsPerBlock = 16;
const memberLength = 1 + closedFields;

/** What to write so that these candles are kept beside those stored before. */
export async function packCandles(
  log: Log,
  closed: readonly ClosedCandles[],
): Promise<StateWrite[]> {
  const blocks = new Map<string, Float64Array>();
  for (const candles of closed) {
    const { prefix, buckets } = candles;
    for (let from = 0, to = 0; from < buckets.length; from = to) {
      const block = blockOf(buckets[from] as number);
      while (to < buckets.length && blockOf(buckets[to] as number) === block) to++;
      const key = blockKey(prefix, block);
      const members = blocks.get(key) ?? (await membersOf(log, key));
      blocks.set(key, merge(members, candles, from, to));
    }
  }
  return Array.from(blocks, ([key, { buffer, byteOffset, byteLength }]) => {
    return { key, value: new Uint8Array(buffer, byteOffset, byteLength) };
  });
}

/** Those of the candles named that are stored. */
export async function loadCandles(log: Log, keys: readonly string[]): Promise<StoredCandle[]> {
  const blocks = new Map<string, Float64Array>();
  const found: StoredCandle[] = [];
  for (const key of keys) {
    // A candle's key ends in its bucket number.
    const at = key.lastIndexOf(' ') + 1;
    const bucket = Number(key.slice(at));
    const block = blockKey(key.slice(0, at), blockOf(bucket));
    const members = blocks.get(block) ?? (await membersOf(log, block));
    blocks.set(block, members);
    const member = memberAt(members, members.length, bucket);
    if (member < members.length) {
      found.push({ key, fields: members.slice(member + 1, member + memberLength) });
    }
  }
  return found;
}

function blockOf(bucket: number): number {
  return Math.floor(bucket / bucketsPerBlock);
}

function blockKey(prefix: string, block: number): string {
  return `candles ${prefix}${block}`;
}

async function membersOf(log: Log, key: string): Promise<Float64Array> {
  const stored = await log.state(key);
  return stored ? new Float64Array(Uint8Array.from(stored).buffer) : new Float64Array();
}

/** The members with the candles [from, to) in place of, or behind, those held before. */
function merge(
  members: Float64Array,
  { buckets, fields }: ClosedCandles,
  from: number,
  to: number,
): Float64Array {
  const merged = new Float64Array(members.length + (to - from) * memberLength);
  merged.set(members);
  let length = members.length;
  for (let at = from; at < to; at++) {
    const bucket = buckets[at] as number;
    const member = memberAt(merged, length, bucket);
    merged[member] = bucket;
    merged.set(fields.subarray(at * closedFields, (at + 1) * closedFields), member + 1);
    if (member === length) length += memberLength;
  }
  return merged.subarray(0, length);
}

/** Where the candle of a bucket is, or would go: behind the first `length` doubles. */
function memberAt(members: Float64Array, length: number, bucket: number): number {
  let at = 0;
  while (at < length && members[at] !== bucket) at += memberLength;
  return at;
}

// Closed candles in the log's state, packed: the candles of 16 consecutive buckets share one key,
// so that a checkpoint of a fast replay writes thousands of values and not tens of thousands.
// A value holds candles one after the other: the bucket number, then the stored fields, as doubles.

import type { PriceKind } from '../contracts/candle.ts';
import { intervalMicros } from '../contracts/interval.ts';
import { keyPrefix } from '../engine/candle-book.ts';
import type { StoredCandle } from '../engine/candle-refolds.ts';
import { closedFields, type TakeClosed } from '../engine/candle-snapshot.ts';
import type { Log, StateWrite } from '../log/log.ts';
import { ordered } from './ordered.ts';

const bucketsPerBlock = 16;
const memberLength = 1 + closedFields;

/** Candles of one block, the first `length` doubles; of a bucket there is at most one. */
interface Block {
  readonly key: string;
  readonly number: number;
  readonly members: Float64Array;
  length: number;
}

/** Gathers closed candles, and writes them beside those stored before. */
export class ClosedCandles {
  readonly #blocks = new Map<string, Block>();
  /** By prefix, the block used last: candles close in order, nearly always. */
  readonly #recent = new Map<string, Block>();

  readonly take: TakeClosed = (prefix, bucket, data, from) => {
    const block = this.#blockOf(prefix, bucket);
    const { members } = block;
    const at = memberAt(members, block.length, bucket);
    if (at === block.length) block.length += memberLength;
    members[at] = bucket;
    for (let field = 0; field < closedFields; field++) {
      members[at + 1 + field] = data[from + field] as number;
    }
  };

  /** What to write so that the candles taken are kept beside those stored before. */
  async writes(log: Log): Promise<StateWrite[]> {
    const writes: StateWrite[] = [];
    for (const block of this.#blocks.values()) {
      const { key, members } = block;
      const stored = await membersOf(log, key);
      for (let from = 0; from < stored.length; from += memberLength) {
        if (memberAt(members, block.length, stored[from] as number) < block.length) continue;
        members.set(stored.subarray(from, from + memberLength), block.length);
        block.length += memberLength;
      }
      const { buffer, byteOffset } = members;
      const value = new Uint8Array(buffer, byteOffset, block.length * members.BYTES_PER_ELEMENT);
      writes.push({ key, value });
    }
    return writes;
  }

  #blockOf(prefix: string, bucket: number): Block {
    const number = blockNumber(bucket);
    const recent = this.#recent.get(prefix);
    if (recent?.number === number) return recent;
    const key = blockKey(prefix, number);
    let block = this.#blocks.get(key);
    if (!block) {
      const members = new Float64Array(bucketsPerBlock * memberLength);
      block = { key, number, members, length: 0 };
      this.#blocks.set(key, block);
    }
    this.#recent.set(prefix, block);
    return block;
  }
}

/** Those of the candles named that are stored. */
export async function loadCandles(log: Log, keys: readonly string[]): Promise<StoredCandle[]> {
  const blocks = new Map<string, Float64Array>();
  const found: StoredCandle[] = [];
  for (const key of keys) {
    // A candle's key ends in its bucket number.
    const at = key.lastIndexOf(' ') + 1;
    const bucket = Number(key.slice(at));
    const block = blockKey(key.slice(0, at), blockNumber(bucket));
    const members = blocks.get(block) ?? (await membersOf(log, block));
    blocks.set(block, members);
    const member = memberAt(members, members.length, bucket);
    if (member < members.length) {
      found.push({ key, fields: members.slice(member + 1, member + memberLength) });
    }
  }
  return found;
}

/** Keys from `from` to before `to`. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** By interval, the keys of the blocks whose candles all start between two times, microseconds. */
export function closedKeys(symbol: string, price: PriceKind, from: number, to: number) {
  return intervalMicros.map((length, interval): KeyRange => {
    const prefix = keyPrefix(symbol, price, interval);
    const blockLength = bucketsPerBlock * length;
    return {
      from: blockKey(prefix, Math.ceil(from / blockLength)),
      to: blockKey(prefix, Math.floor(to / blockLength)),
    };
  });
}

function blockNumber(bucket: number): number {
  return Math.floor(bucket / bucketsPerBlock);
}

function blockKey(prefix: string, block: number): string {
  return `candles ${prefix}${ordered(block)}`;
}

async function membersOf(log: Log, key: string): Promise<Float64Array> {
  const stored = await log.state(key);
  return stored ? new Float64Array(Uint8Array.from(stored).buffer) : new Float64Array();
}

/** Where the candle of a bucket is, or would go: behind the first `length` doubles. */
function memberAt(members: Float64Array, length: number, bucket: number): number {
  let at = 0;
  while (at < length && members[at] !== bucket) at += memberLength;
  return at;
}

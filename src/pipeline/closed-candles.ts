// Closed candles in the log's state, packed: the candles of 16 consecutive buckets share one key,
// so that a checkpoint of a fast replay writes thousands of values and not tens of thousands.

import type { StoredCandle } from '../engine/candles.ts';
import type { Log, StateWrite } from '../log/log.ts';

const bucketsPerBlock = 16;

interface Place {
  readonly block: string;
  readonly bucket: number;
}

/** What to write so that these candles are kept beside those stored before. */
export async function packCandles(log: Log, candles: readonly StoredCandle[]) {
  const blocks = new Map<string, Map<number, Uint8Array>>();
  for (const { key, value } of candles) {
    const { block, bucket } = placeOf(key);
    let members = blocks.get(block);
    if (!members) {
      members = unpack(await log.state(block), value.length);
      blocks.set(block, members);
    }
    members.set(bucket, value);
  }
  return Array.from(blocks, ([key, members]): StateWrite => ({ key, value: pack(members) }));
}

/** Those of the candles named that are stored. */
export async function loadCandles(
  log: Log,
  keys: readonly string[],
  bytesEach: number,
): Promise<StoredCandle[]> {
  const blocks = new Map<string, Map<number, Uint8Array>>();
  const found: StoredCandle[] = [];
  for (const key of keys) {
    const { block, bucket } = placeOf(key);
    let members = blocks.get(block);
    if (!members) {
      members = unpack(await log.state(block), bytesEach);
      blocks.set(block, members);
    }
    const value = members.get(bucket);
    if (value) found.push({ key, value });
  }
  return found;
}

/** A candle's key ends in its bucket number. */
function placeOf(key: string): Place {
  const at = key.lastIndexOf(' ') + 1;
  const bucket = Number(key.slice(at));
  return { block: `candles ${key.slice(0, at)}${Math.floor(bucket / bucketsPerBlock)}`, bucket };
}

/** One after the other: the bucket number as a double, then the candle's fields. */
function pack(members: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const parts = [...members].flatMap(([bucket, value]) => [
    new Uint8Array(Float64Array.of(bucket).buffer),
    value,
  ]);
  return Buffer.concat(parts);
}

function unpack(stored: Uint8Array | null, bytesEach: number): Map<number, Uint8Array> {
  const members = new Map<number, Uint8Array>();
  if (!stored) return members;
  const bytes = Uint8Array.from(stored);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 8 + bytesEach) {
    members.set(view.getFloat64(at, true), bytes.subarray(at + 8, at + 8 + bytesEach));
  }
  return members;
}

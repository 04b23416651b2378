// What the embedded log stores under a key: batches of records, and sealed values for state and for
// the log's own facts. Everything carries a checksum over itself and its key, so that whatever LMDB
// or the disk hands back is either what was written or known to be damaged.

import { crc32 } from 'node:zlib';
import type { Append, StoredBatch } from '../log.ts';

/**
 * A batch is stored under the offset after its last record, 8 bytes, big-endian. So one seek finds
 * the batch that holds an offset, and the extent of a batch is known even when it is damaged.
 */
export function keyOf(end: number): Buffer {
  const key = Buffer.allocUnsafe(keyBytes);
  key.writeUInt32BE(Math.floor(end / 2 ** 32), 0);
  key.writeUInt32BE(end % 2 ** 32, 4);
  return key;
}

export function endOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}

export const keyBytes = 8;

/**
 * The head of a batch: u32 checksum of all that follows, u32 count, f64 first offset, f64 appended
 * at. Its size keeps the frame behind it aligned to 8 bytes.
 */
export const recordHeadBytes = 24;

/** Writes the batch to `target`, which has exactly its size: head and frame. */
export function writeRecord(target: Buffer, batch: Append, offset: number, time: number): void {
  target.writeUInt32LE(batch.count, 4);
  target.writeDoubleLE(offset, 8);
  target.writeDoubleLE(time, 16);
  target.set(batch.bytes, recordHeadBytes);
  target.writeUInt32LE(crc32(target.subarray(4)), 0);
}

/** The batch stored under a key, its bytes a view of `value`; null when it is damaged. */
export function readRecord(end: number, value: Uint8Array): StoredBatch | null {
  if (!isRecordOf(end, value)) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0, true) !== crc32(value.subarray(4))) return null;
  return {
    offset: view.getFloat64(8, true),
    count: view.getUint32(4, true),
    bytes: frameOf(value),
  };
}

/** What an intact record holds behind its head. */
export function frameOf(value: Uint8Array): Uint8Array {
  return viewAfter(value, recordHeadBytes);
}

/** Microseconds; when an intact batch was appended. */
export function appendedAt(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getFloat64(16, true);
}

/** Whether the head, which is all that needs to be there of the value, agrees with its key. */
export function isRecordOf(end: number, value: Uint8Array): boolean {
  if (value.length < recordHeadBytes) return false;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const count = view.getUint32(4, true);
  return count > 0 && view.getFloat64(8, true) + count === end;
}

/** A sealed value begins with u32 checksum of key and value, and 4 bytes that keep it aligned. */
export const sealBytes = 8;

/** Writes the value to `target`, which has exactly its size and the seal's. */
export function writeSealed(target: Buffer, key: Uint8Array, value: Uint8Array): void {
  target.writeUInt32LE(crc32(value, crc32(key)), 0);
  target.writeUInt32LE(0, 4);
  target.set(value, sealBytes);
}

export function seal(key: Uint8Array, value: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafeSlow(sealBytes + value.length);
  writeSealed(sealed, key, value);
  return sealed;
}

/** The value as a view of what is stored; null when it is damaged. */
export function readSealed(key: Uint8Array, stored: Uint8Array): Uint8Array | null {
  if (stored.length < sealBytes) return null;
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const value = viewAfter(stored, sealBytes);
  return view.getUint32(0, true) === crc32(value, crc32(key)) ? value : null;
}

/** A plain Uint8Array: `slice` of a Buffer would not copy. */
function viewAfter(bytes: Uint8Array, head: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + head, bytes.byteLength - head);
}

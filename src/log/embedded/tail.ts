// The newest batches of each topic as they were written, for readers in the writer's thread:
// the engine follows so closely that it never has to ask LMDB, nor check what it gets.

import type { ReadResult, StoredBatch } from '../log.ts';
import { slots } from './signal.ts';

/** Of each topic: the memory that its batches keep from being freed. */
const bytesMax = 8 * 2 ** 20;
const batchesMax = 1_024;

export class Tail {
  readonly #parts = Array.from({ length: slots }, () => ({
    batches: [] as StoredBatch[],
    bytes: 0,
  }));

  /** To be called in order, once the batch is durable. */
  add(slot: number, batch: StoredBatch): void {
    const part = this.#parts[slot]!;
    const bytes = onItsOwn(batch.bytes);
    part.batches.push({ ...batch, bytes });
    part.bytes += bytes.buffer.byteLength;
    if (part.bytes <= bytesMax && part.batches.length <= batchesMax) return;
    // Half at once, so that what is moved is moved rarely.
    for (const gone of part.batches.splice(0, Math.ceil(part.batches.length / 2))) {
      part.bytes -= gone.bytes.buffer.byteLength;
    }
  }

  /** What a read from `offset` to the end finds; null when the tail does not reach back so far. */
  read(slot: number, offset: number, limit: number): ReadResult | null {
    const { batches } = this.#parts[slot]!;
    let first = batches.length;
    while (first > 0 && endOf(batches[first - 1]!) > offset) first--;
    if (first === batches.length || batches[first]!.offset > offset) return null;
    let last = first;
    for (let bytes = 0; last < batches.length; last++) {
      if (bytes >= limit && last > first) break;
      bytes += batches[last]!.bytes.length;
    }
    return { batches: batches.slice(first, last), lost: [], next: endOf(batches[last - 1]!) };
  }
}

/**
 * A batch comes as a part of all that its group wrote, state too. It is copied out unless it is
 * most of that: what is kept is at most twice the batches, and no two of them share it.
 */
function onItsOwn(bytes: Uint8Array): Uint8Array {
  return bytes.length * 2 > bytes.buffer.byteLength ? bytes : bytes.slice();
}

function endOf({ offset, count }: StoredBatch): number {
  return offset + count;
}

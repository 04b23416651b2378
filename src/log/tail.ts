// The newest batches of a topic as they came, for readers in this thread: the engine follows so
// closely that it never has to ask LMDB or Kafka, nor check what it gets.

import type { ReadResult, StoredBatch } from './log.ts';

/** The memory that the batches keep from being freed. */
const bytesMax = 8 * 2 ** 20;
const batchesMax = 1_024;

export class Tail {
  readonly #batches: StoredBatch[] = [];
  #bytes = 0;

  /** To be called in order, once the batch is durable. */
  add(batch: StoredBatch): void {
    const bytes = onItsOwn(batch.bytes);
    this.#batches.push({ ...batch, bytes });
    this.#bytes += bytes.buffer.byteLength;
    if (this.#bytes <= bytesMax && this.#batches.length <= batchesMax) return;
    // Half at once, so that what is moved is moved rarely.
    for (const gone of this.#batches.splice(0, Math.ceil(this.#batches.length / 2))) {
      this.#bytes -= gone.bytes.buffer.byteLength;
    }
  }

  /** What a read from `offset` to the end finds; null when the tail does not reach back so far. */
  read(offset: number, limit: number): ReadResult | null {
    const batches = this.#batches;
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

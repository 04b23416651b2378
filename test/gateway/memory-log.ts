// A log in memory that keeps the contract of log.ts, for tests that must cut it where they please:
// hide what is not durable yet, lose a range, or hold reads back.

import type {
  Log,
  LogStats,
  LostRange,
  ReadResult,
  StoredBatch,
  Topic,
  Transaction,
} from '../../src/log/log.ts';

interface Partition {
  readonly batches: StoredBatch[];
  start: number;
  end: number;
  /** Offsets of the batches that cannot be read. */
  readonly damaged: Set<number>;
}

export class MemoryLog implements Log {
  readonly epoch = 'e1';
  readonly partition: number;
  readonly warnings: readonly string[] = [];
  readonly #topics = new Map<Topic, Partition>();
  #generation = 0;
  #growth = Promise.withResolvers<void>();

  constructor(partition = 0) {
    this.partition = partition;
  }

  async commit({ appends = [] }: Transaction): Promise<readonly number[]> {
    const offsets = appends.map(({ topic, count, bytes }) => {
      const partition = this.#partition(topic);
      const offset = partition.end;
      partition.batches.push({ offset, count, bytes });
      partition.end += count;
      return offset;
    });
    this.#generation++;
    this.#growth.resolve();
    this.#growth = Promise.withResolvers();
    return offsets;
  }

  async read(topic: Topic, offset: number, bytesMax: number): Promise<ReadResult> {
    const { batches, start, end, damaged } = this.#partition(topic);
    const lost: LostRange[] = [];
    if (offset < start) lost.push({ from: offset, to: start, reason: 'retention' });
    const found: StoredBatch[] = [];
    let next = Math.max(offset, start);
    let bytes = 0;
    for (const batch of batches) {
      if (batch.offset + batch.count <= next) continue;
      if (found.length > 0 && bytes + batch.bytes.length > bytesMax)
        return { batches: found, lost, next };
      const to = batch.offset + batch.count;
      if (damaged.has(batch.offset)) lost.push({ from: batch.offset, to, reason: 'damaged' });
      else found.push({ ...batch, bytes: Uint8Array.from(batch.bytes) });
      bytes += batch.bytes.length;
      next = batch.offset + batch.count;
    }
    return { batches: found, lost, next: Math.max(next, Math.min(offset, end)) };
  }

  range(topic: Topic): { start: number; end: number } {
    const { start, end } = this.#partition(topic);
    return { start, end };
  }

  async grown(generation: number, signal?: AbortSignal): Promise<number> {
    if (generation < this.#generation || signal?.aborted) return this.#generation;
    const aborted = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => aborted.resolve(), { once: true });
    await Promise.race([this.#growth.promise, aborted.promise]);
    return this.#generation;
  }

  /** As retention would: what lies before `offset` is gone. */
  forgetBefore(topic: Topic, offset: number): void {
    const partition = this.#partition(topic);
    partition.batches.splice(
      0,
      partition.batches.findIndex((batch) => batch.offset >= offset),
    );
    partition.start = offset;
  }

  /** As retention would, which drops whole batches: those that end before `offset`. */
  forgetTo(topic: Topic, offset: number): void {
    const { batches } = this.#partition(topic);
    const first = batches.find((batch) => batch.offset + batch.count > offset);
    if (first) this.forgetBefore(topic, first.offset);
  }

  /** As a torn disk would: the batch that is written next cannot be read. */
  damageNext(topic: Topic): void {
    const { damaged, end } = this.#partition(topic);
    damaged.add(end);
  }

  async state(): Promise<null> {
    return null;
  }

  async *states(): AsyncGenerator<readonly [string, Uint8Array]> {}

  async stateKeys(): Promise<readonly string[]> {
    return [];
  }

  async trim(): Promise<number> {
    return 0;
  }

  stats(): LogStats {
    return { commits: 0, commitMs: [], bytesOnDisk: 0, damagedBatches: 0, trouble: null };
  }

  async close(): Promise<void> {}

  #partition(topic: Topic): Partition {
    return this.#topics.getOrInsertComputed(topic, () => ({
      batches: [],
      start: 0,
      end: 0,
      damaged: new Set(),
    }));
  }
}

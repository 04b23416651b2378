// The reading half of the log, for any thread. Invariant: nothing is returned that the writer has
// not published as durable, and nothing between `offset` and `next` is missing without being lost.

import { Found } from '../found.ts';
import type { ReadResult, Topic } from '../log.ts';
import type { Tail } from '../tail.ts';
import type { Environment } from './environment.ts';
import { closedFailure, readingFailure } from './failures.ts';
import type { Quarantine } from './quarantine.ts';
import { endOf, keyOf, readRecord, readSealed } from './record.ts';
import { type Signal, slotOf } from './signal.ts';

export class LogReader {
  readonly #environment: Environment;
  readonly #signal: Signal;
  readonly #quarantine: Quarantine;
  /** Absent where another thread writes. */
  readonly #tails: readonly Tail[] | undefined;
  /** The generation that our snapshot of the state is not older than. */
  #generation = 0;
  #isClosed = false;

  constructor(
    environment: Environment,
    signal: Signal,
    quarantine: Quarantine,
    tails?: readonly Tail[],
  ) {
    this.#environment = environment;
    this.#signal = signal;
    this.#quarantine = quarantine;
    this.#tails = tails;
  }

  range(topic: Topic): { readonly start: number; readonly end: number } {
    const slot = slotOf(topic);
    return { start: this.#signal.start(slot), end: this.#signal.end(slot) };
  }

  read(topic: Topic, offset: number, bytesMax: number): ReadResult {
    const slot = slotOf(topic);
    return this.#guarded(() => {
      const isHeld = offset >= this.#signal.start(slot);
      const recent = isHeld ? this.#tails?.[slot]?.read(offset, bytesMax) : null;
      return recent ?? this.#read(slot, offset, bytesMax);
    });
  }

  #read(slot: number, offset: number, bytesMax: number): ReadResult {
    // The end before the snapshot, which must reach it; the start after, since it moves before
    // batches go. So a gap in what we read is damage, and not the writer being quicker.
    const end = this.#signal.end(slot);
    const { root, records } = this.#environment;
    root.resetReadTxn();
    const snapshot = root.useReadTransaction();
    try {
      const start = this.#signal.start(slot);
      const found = new Found(offset);
      found.lose(Math.min(start, end), 'retention');
      const range = { start: keyOf(found.next + 1), end: keyOf(end + 1), transaction: snapshot };
      for (const { key, value } of records[slot]!.getRange(range)) {
        const batchEnd = endOf(key);
        const batch = readRecord(batchEnd, value);
        if (!batch) this.#quarantine.keep(slot, batchEnd, value);
        found.add(batch, batchEnd);
        found.bytes += value.length;
        if (found.bytes >= bytesMax) return found.result;
      }
      found.lose(end, 'damaged');
      return found.result;
    } finally {
      snapshot.done();
    }
  }

  async grown(generation: number, abort?: AbortSignal): Promise<number> {
    const wake = (): void => this.#signal.wake();
    abort?.addEventListener('abort', wake, { once: true });
    const isOver = (): boolean => this.#isClosed || abort?.aborted === true;
    return await this.#signal
      .changed(generation, isOver)
      .finally(() => abort?.removeEventListener('abort', wake));
  }

  state(key: string): Uint8Array | null {
    return this.#guarded(() => {
      this.#renew();
      const bytes = Buffer.from(key);
      const stored = this.#environment.state.getBinary(bytes);
      return stored ? this.#unsealed(bytes, stored) : null;
    });
  }

  /** All at once, so that it is one snapshot and no slow caller keeps old pages in use. */
  states(prefix: string): readonly (readonly [string, Uint8Array])[] {
    return this.#guarded(() => {
      this.#renew();
      const found: [string, Uint8Array][] = [];
      const begin = Buffer.from(prefix);
      const range = begin.length > 0 ? { start: begin } : {};
      for (const { key, value } of this.#environment.state.getRange(range)) {
        if (!begin.equals(key.subarray(0, begin.length))) break;
        found.push([key.toString(), this.#unsealed(key, value)]);
      }
      return found;
    });
  }

  stateKeys(from: string, to: string, max: number): readonly string[] {
    return this.#guarded(() => {
      this.#renew();
      const range = { start: Buffer.from(from), end: Buffer.from(to), limit: max };
      return Array.from(this.#environment.state.getKeys(range), String);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#signal.wake();
  }

  #renew(): void {
    const { generation } = this.#signal;
    if (generation === this.#generation) return;
    this.#environment.root.resetReadTxn();
    this.#generation = generation;
  }

  #unsealed(key: Buffer, stored: Uint8Array): Uint8Array {
    const value = readSealed(key, stored);
    if (!value) throw new Error(`the state ${key.toString()} is damaged`);
    return value;
  }

  /** Damage that shows only now is found and mended by the next opening. */
  #guarded<T>(read: () => T): T {
    if (this.#isClosed) throw closedFailure();
    try {
      return read();
    } catch (error) {
      this.#signal.suspect();
      throw readingFailure(error);
    }
  }
}

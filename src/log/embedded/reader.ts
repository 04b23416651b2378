// The reading half of the log, for any thread. Invariant: nothing is returned that the writer has
// not published as durable, and nothing between `offset` and `next` is missing without being lost.

import { Failure, messageOf } from '../../base/failure.ts';
import type { LostRange, ReadResult, StoredBatch, Topic } from '../log.ts';
import type { Environment } from './environment.ts';
import type { Quarantine } from './quarantine.ts';
import { endOf, keyOf, readRecord, readSealed } from './record.ts';
import { type Signal, slotOf } from './signal.ts';

export class LogReader {
  readonly #environment: Environment;
  readonly #signal: Signal;
  readonly #quarantine: Quarantine;
  /** The generation that our snapshot of the state is not older than. */
  #generation = 0;
  #isClosed = false;

  constructor(environment: Environment, signal: Signal, quarantine: Quarantine) {
    this.#environment = environment;
    this.#signal = signal;
    this.#quarantine = quarantine;
  }

  range(topic: Topic, partition: number): { readonly start: number; readonly end: number } {
    const slot = slotOf(topic, partition);
    return { start: this.#signal.start(slot), end: this.#signal.end(slot) };
  }

  read(topic: Topic, partition: number, offset: number, bytesMax: number): ReadResult {
    const slot = slotOf(topic, partition);
    return this.#guarded(() => this.#read(slot, offset, bytesMax));
  }

  #read(slot: number, offset: number, bytesMax: number): ReadResult {
    const batches: StoredBatch[] = [];
    const lost: LostRange[] = [];
    let next = offset;
    const lose = (to: number, reason: LostRange['reason']): void => {
      if (to <= next) return;
      const before = lost.at(-1);
      const isSame = before?.to === next && before.reason === reason;
      if (isSame) lost[lost.length - 1] = { ...before, to };
      else lost.push({ from: next, to, reason });
      next = to;
    };
    // The end before the snapshot, which must reach it; the start after, since it moves before
    // batches go. So a gap in what we read is damage, and not the writer being quicker.
    const end = this.#signal.end(slot);
    this.#environment.root.resetReadTxn();
    lose(Math.min(this.#signal.start(slot), end), 'retention');
    let bytes = 0;
    const range = { start: keyOf(next + 1), end: keyOf(end + 1) };
    for (const { key, value } of this.#environment.records[slot]!.getRange(range)) {
      const batchEnd = endOf(key);
      const batch = readRecord(batchEnd, value);
      if (batch) {
        lose(batch.offset, 'damaged');
        batches.push(batch);
        next = batchEnd;
      } else {
        this.#quarantine.keep(slot, batchEnd, value);
        lose(batchEnd, 'damaged');
      }
      bytes += value.length;
      if (bytes >= bytesMax) return { batches, lost, next };
    }
    lose(end, 'damaged');
    return { batches, lost, next };
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
      const range = begin.length > 0 ? { start: begin } : { start: Buffer.of(0) };
      for (const { key, value } of this.#environment.state.getRange(range)) {
        if (begin.compare(key, 0, begin.length) !== 0) break;
        found.push([key.toString(), this.#unsealed(key, value)]);
      }
      return found;
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
    if (this.#isClosed) {
      throw new Failure('log-unavailable', 'the log is closed', 'Open the log again.');
    }
    try {
      return read();
    } catch (error) {
      this.#signal.suspect();
      const cure = 'Restart Tapeline: it checks and mends its log when it starts.';
      const message = `the log cannot be read: ${messageOf(error)}`;
      throw new Failure('log-unavailable', message, cure, { cause: error });
    }
  }
}

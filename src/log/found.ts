// What a read puts together, for every implementation: batches in order, and what is missing
// between them, so that nothing between `offset` and `next` is left out without being lost.

import type { LostRange, ReadResult, StoredBatch } from './log.ts';

/** What a read has found so far. */
export class Found {
  readonly #batches: StoredBatch[] = [];
  readonly #lost: LostRange[] = [];
  next: number;
  bytes = 0;

  constructor(offset: number) {
    this.next = offset;
  }

  get result(): ReadResult {
    return { batches: this.#batches, lost: this.#lost, next: this.next };
  }

  /** null is a batch that is damaged. */
  add(batch: StoredBatch | null, end: number): void {
    this.lose(batch ? batch.offset : end, 'damaged');
    if (batch) this.#batches.push(batch);
    this.next = end;
  }

  /** Nothing is to be had from `next` to here. */
  lose(to: number, reason: LostRange['reason']): void {
    if (to <= this.next) return;
    const last = this.#lost.at(-1);
    const isSame = last?.to === this.next && last.reason === reason;
    if (isSame) this.#lost[this.#lost.length - 1] = { ...last, to };
    else this.#lost.push({ from: this.next, to, reason });
    this.next = to;
  }
}

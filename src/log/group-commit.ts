// Commits that arrive while a group is on its way wait and then share the next: one fsync, or one
// Kafka transaction, for all of them, in the order of the calls. Patient ones wait for others even
// when nothing is on its way, so that they do not keep it from those that hurry.

import type { Clock } from '../base/clock.ts';

const groupBytesMax = 32 * 2 ** 20;

export class GroupCommit<P extends { readonly patienceMs: number }> {
  readonly #clock: Clock;
  readonly #bytesOf: (pending: P) => number;
  readonly #write: (group: readonly P[]) => Promise<void>;
  #waiting: P[] = [];
  /** Aborted when the patient ones among those waiting need wait no longer. */
  #patience: AbortController | null = null;
  #writing: Promise<void> | null = null;
  #isHurried = false;

  /** `write` settles what is in the group, and never rejects. */
  constructor(
    clock: Clock,
    bytesOf: (pending: P) => number,
    write: (group: readonly P[]) => Promise<void>,
  ) {
    this.#clock = clock;
    this.#bytesOf = bytesOf;
    this.#write = write;
  }

  add(pending: P): void {
    this.#waiting.push(pending);
    if (pending.patienceMs === 0) this.#patience?.abort();
    this.#writing ??= this.#writeAll();
  }

  /** From now on nobody waits for company. */
  hurry(): void {
    this.#isHurried = true;
    this.#patience?.abort();
  }

  /** Resolves when all that was added is settled. */
  async done(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    await Promise.resolve(); // What else is committed in this turn shares the first group.
    while (this.#waiting.length > 0) {
      await this.#company();
      await this.#write(this.#takeGroup());
    }
    this.#writing = null;
  }

  /** While all that wait are patient: resolves when one comes that is not, or time is up. */
  async #company(): Promise<void> {
    const patienceMs = Math.min(...this.#waiting.map((pending) => pending.patienceMs));
    if (patienceMs === 0 || this.#isHurried) return;
    this.#patience = new AbortController();
    await this.#clock.wait(patienceMs, this.#patience.signal);
    this.#patience = null;
  }

  #takeGroup(): readonly P[] {
    let bytes = 0;
    const beyond = this.#waiting.findIndex((pending, index) => {
      bytes += this.#bytesOf(pending);
      return index > 0 && bytes > groupBytesMax;
    });
    return this.#waiting.splice(0, beyond < 0 ? this.#waiting.length : beyond);
  }
}

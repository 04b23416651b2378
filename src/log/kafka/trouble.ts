// What keeps a log from the cluster now: told once when it begins, whoever meets it, and once when
// it is over for all.

import type { Failure } from '../../base/failure.ts';

export class Trouble {
  readonly #logger: { warn(fields: object, message: string): void };
  readonly #partition: number;
  readonly #failures = new Map<string, Failure>();

  constructor(partition: number, logger: { warn(fields: object, message: string): void }) {
    this.#partition = partition;
    this.#logger = logger;
  }

  /** What began first of all that is not over. */
  get now(): Failure | null {
    const [first = null] = this.#failures.values();
    return first;
  }

  begin(who: string, failure: Failure): void {
    const isFirst = this.#failures.size === 0;
    if (!this.#failures.has(who)) this.#failures.set(who, failure);
    if (!isFirst) return;
    const { message, cure } = failure;
    this.#logger.warn({ partition: this.#partition, cure }, message);
  }

  end(who: string): void {
    if (!this.#failures.delete(who) || this.#failures.size > 0) return;
    this.#logger.warn({ partition: this.#partition }, 'Kafka can be used again: the log goes on');
  }
}

// A real log whose writing can be made to fail, or to take its time, when a test says so.

import { Failure } from '../src/base/failure.ts';
import type { Log, LogStats, ReadResult, Retention, Topic, Transaction } from '../src/log/log.ts';

export class FaultyLog implements Log {
  readonly #log: Log;
  isDiskFull = false;
  /** Commits that a full disk has kept from being written. */
  refused = 0;
  /** Bytes of state in each commit, keys included. */
  readonly stateBytes: number[] = [];
  /** Keys of the state that the newest commit deleted. */
  deletions = 0;
  /** Awaited before retention works. */
  beforeTrim = async (): Promise<void> => undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  get epoch(): string {
    return this.#log.epoch;
  }

  get partition(): number {
    return this.#log.partition;
  }

  get warnings(): readonly string[] {
    return this.#log.warnings;
  }

  async commit(transaction: Transaction): Promise<readonly number[]> {
    if (this.isDiskFull) {
      this.refused += 1;
      throw diskFull();
    }
    const { state = [] } = transaction;
    const sizes = state.map(({ key, value }) => key.length + (value?.length ?? 0));
    this.deletions = state.filter(({ value }) => value === null).length;
    this.stateBytes.push(sizes.reduce((sum, size) => sum + size, 0));
    return await this.#log.commit(transaction);
  }

  async trim(retention: Retention): Promise<number> {
    await this.beforeTrim();
    if (this.isDiskFull) throw diskFull();
    return await this.#log.trim(retention);
  }

  async read(topic: Topic, offset: number, max: number): Promise<ReadResult> {
    return await this.#log.read(topic, offset, max);
  }

  range(topic: Topic): { readonly start: number; readonly end: number } {
    return this.#log.range(topic);
  }

  async grown(generation: number, signal?: AbortSignal): Promise<number> {
    return await this.#log.grown(generation, signal);
  }

  async state(key: string): Promise<Uint8Array | null> {
    return await this.#log.state(key);
  }

  async *states(prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
    yield* this.#log.states(prefix);
  }

  async stateKeys(from: string, to: string, max: number): Promise<readonly string[]> {
    return await this.#log.stateKeys(from, to, max);
  }

  stats(): LogStats {
    return this.#log.stats();
  }

  async close(): Promise<void> {
    await this.#log.close();
  }
}

function diskFull(): Failure {
  return new Failure('disk-full', 'no space for the log', 'Free space on that disk.');
}

// A log as a gateway sees it that hears of everything later than others: it shows what the log held
// when it was last told to look.

import { Growth } from '../../src/log/growth.ts';
import type { Log, ReadResult, Topic } from '../../src/log/log.ts';
import { topics } from '../../src/log/log.ts';

export class LateLog implements Log {
  readonly epoch: string;
  readonly partition: number;
  readonly warnings: readonly string[] = [];
  readonly #log: Log;
  readonly #ends = new Map<Topic, number>();
  readonly #growth = new Growth();

  constructor(log: Log) {
    this.epoch = log.epoch;
    this.partition = log.partition;
    this.#log = log;
    this.look();
  }

  look(): void {
    for (const topic of topics) this.#ends.set(topic, this.#log.range(topic).end);
    this.#growth.grow();
  }

  range(topic: Topic): { readonly start: number; readonly end: number } {
    const { start } = this.#log.range(topic);
    return { start, end: this.#ends.get(topic) ?? 0 };
  }

  async read(topic: Topic, offset: number, bytesMax: number): Promise<ReadResult> {
    const { end } = this.range(topic);
    const { batches, lost, next } = await this.#log.read(topic, offset, bytesMax);
    const seen = batches.filter((batch) => batch.offset < end);
    return { batches: seen, lost, next: Math.min(next, Math.max(end, offset)) };
  }

  async grown(generation: number, signal?: AbortSignal): Promise<number> {
    return await this.#growth.since(generation, signal);
  }

  async commit(): Promise<never> {
    throw new TypeError('this is for reading');
  }

  async trim(): Promise<number> {
    return 0;
  }

  async state(): Promise<null> {
    return null;
  }

  async *states(): AsyncGenerator<never> {}

  async stateKeys(): Promise<readonly string[]> {
    return [];
  }

  stats() {
    return this.#log.stats();
  }

  async close(): Promise<void> {
    this.#growth.end();
  }
}

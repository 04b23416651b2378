// The one reader of the log's end: it hands on every batch of the topics, in the order of each, and
// says what the log lost. It sleeps until the log has grown and never asks a clock for news.

import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import type { Log, LostRange, StoredBatch, Topic } from '../../log/log.ts';
import type { GatewayLogger } from '../logger.ts';

const readBytesMax = 1 << 20;
const retryMs = 1_000;

export interface TailReader {
  batch(topic: Topic, stored: StoredBatch): void;
  lost(topic: Topic, range: LostRange): void;
}

export class Tail {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #logger: GatewayLogger;
  readonly #reader: TailReader;
  readonly #positions = new Map<Topic, number>();
  /** Where each topic ended at the beginning. */
  readonly #ends = new Map<Topic, number>();
  readonly #filled = Promise.withResolvers<void>();

  /** `topics` and how many records of the end of each are read first. */
  constructor(
    log: Log,
    topics: readonly (readonly [Topic, number])[],
    reader: TailReader,
    clock: Clock,
    logger: GatewayLogger,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#logger = logger;
    this.#reader = reader;
    for (const [topic, records] of topics) {
      const { start, end } = log.range(topic);
      this.#positions.set(topic, Math.max(start, end - records));
      this.#ends.set(topic, end);
    }
  }

  /** The offset that comes next: everything before it has been handed on. */
  position(topic: Topic): number {
    return this.#positions.get(topic) ?? 0;
  }

  /** Records that the log holds and this has not handed on. */
  lag(topic: Topic): number {
    return Math.max(0, this.#log.range(topic).end - this.position(topic));
  }

  lags(): [Topic, number][] {
    return this.#topics().map((topic) => [topic, this.lag(topic)]);
  }

  /** Resolves once it has handed on what the log held at the beginning, or is stopped. */
  get filled(): Promise<void> {
    return this.#filled.promise;
  }

  /** Reads on until the signal aborts, whatever happens to the log meanwhile. */
  async run(signal: AbortSignal): Promise<void> {
    let generation = -1;
    while (!signal.aborted) {
      try {
        const found = await this.#readAll();
        if (this.#topics().every((topic) => this.position(topic) >= (this.#ends.get(topic) ?? 0))) {
          this.#filled.resolve();
        }
        if (found) await new Promise(setImmediate);
        else generation = await this.#log.grown(generation, signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof Failure)) throw error;
        this.#logger.warn({ error: error.message, cure: error.cure }, 'cannot read the log');
        await this.#clock.wait(retryMs, signal);
      }
    }
    this.#filled.resolve();
  }

  #topics(): Topic[] {
    return [...this.#positions.keys()];
  }

  /** One read of each topic that has grown; false when none has. */
  async #readAll(): Promise<boolean> {
    let found = false;
    for (const topic of this.#topics()) {
      if (this.lag(topic) === 0) continue;
      found = true;
      await this.#read(topic);
    }
    return found;
  }

  async #read(topic: Topic): Promise<void> {
    const offset = this.position(topic);
    const { batches, lost, next } = await this.#log.read(topic, offset, readBytesMax);
    const ranges = [...lost];
    for (const stored of batches) {
      while (ranges.length > 0 && ranges[0].from < stored.offset) this.#lose(topic, ranges.shift());
      this.#positions.set(topic, stored.offset + stored.count);
      this.#reader.batch(topic, stored);
    }
    for (const range of ranges) this.#lose(topic, range);
    this.#positions.set(topic, next);
  }

  #lose(topic: Topic, range: LostRange | undefined): void {
    if (!range) return;
    this.#positions.set(topic, range.to);
    this.#logger.warn({ topic, ...range }, 'the log lost records');
    this.#reader.lost(topic, range);
  }
}

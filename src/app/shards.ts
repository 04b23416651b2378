// The jobs of a process, one to a partition that is ours: each is begun when its partition comes,
// begun again when it fails, and stopped in order when the partition goes. The others never notice.

import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { PlantLogger } from './plant.ts';

export interface Job {
  /** Resolves when it has nothing more to do; rejects when it cannot go on. */
  readonly done: Promise<void>;
  /** Ends it, and closes what it holds. */
  stop(): Promise<void>;
}

export type StartJob = (partition: number) => Promise<Job>;

const retryMs = 2_000;

interface Running {
  readonly stopped: AbortController;
  readonly ended: Promise<void>;
}

export class Shards {
  readonly #start: StartJob;
  readonly #clock: Clock;
  readonly #logger: PlantLogger;
  readonly #running = new Map<number, Running>();
  /** Those that still end, by partition. */
  readonly #ending = new Map<number, Promise<void>>();
  readonly #failed = Promise.withResolvers<never>();

  constructor(start: StartJob, clock: Clock, logger: PlantLogger) {
    this.#start = start;
    this.#clock = clock;
    this.#logger = logger;
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects with what is not a Failure, which is a bug; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  get partitions(): readonly number[] {
    return [...this.#running.keys()].sort((a, b) => a - b);
  }

  /** From now on these partitions are ours, and no others. */
  assign(partitions: ReadonlySet<number>): void {
    for (const [partition, { stopped, ended }] of this.#running) {
      if (partitions.has(partition)) continue;
      stopped.abort();
      this.#running.delete(partition);
      this.#ending.set(partition, ended);
    }
    for (const partition of partitions) {
      if (this.#running.has(partition)) continue;
      const stopped = new AbortController();
      const before = this.#ending.get(partition);
      const ended = this.#run(partition, before, stopped.signal);
      ended.catch((error: unknown) => this.#failed.reject(error));
      this.#running.set(partition, { stopped, ended });
    }
    this.#logger.info({ partitions: this.partitions }, 'partitions given');
  }

  async stop(): Promise<void> {
    this.assign(new Set());
    await Promise.allSettled(this.#ending.values());
  }

  async #run(
    partition: number,
    before: Promise<void> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    await before?.catch(() => undefined);
    while (!signal.aborted) {
      try {
        await this.#runOnce(partition, signal);
        return;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        const { message, cure } = error;
        this.#logger.warn({ partition, cure }, `partition ${partition} stands: ${message}`);
      }
      if (!signal.aborted) await this.#clock.wait(retryMs, signal);
    }
  }

  async #runOnce(partition: number, signal: AbortSignal): Promise<void> {
    const job = await this.#start(partition);
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => stopped.resolve(), { once: true });
    if (signal.aborted) stopped.resolve();
    try {
      await Promise.race([job.done, stopped.promise]);
    } finally {
      await job.stop();
    }
  }
}

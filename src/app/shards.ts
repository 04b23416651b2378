// The jobs of a process, one to a partition that is ours: each is begun when its partition comes,
// begun again when it fails, and stopped in order when the partition goes. The others never notice.

import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { PartHealth } from '../gateway/health.ts';
import type { PlantLogger } from './plant.ts';

export interface Job {
  /** Resolves when it has nothing more to do; rejects when it cannot go on. */
  readonly done: Promise<void>;
  /** Ends it, and closes what it holds. */
  stop(): Promise<void>;
  /** To be asked now and then: it goes by what has moved in between. */
  health(): PartHealth;
  /** Brings its figures to the meters. */
  measure(): void;
}

export type StartJob = (partition: number) => Promise<Job>;

const retryMs = 2_000;

interface Running {
  readonly stopped: AbortController;
  ended: Promise<void>;
  /** Null while the partition waits for what `health` says. */
  job: Job | null;
  health: PartHealth;
}

export class Shards {
  readonly #start: StartJob;
  readonly #clock: Clock;
  readonly #logger: PlantLogger;
  readonly #running = new Map<number, Running>();
  /** Those that still end, by partition. */
  readonly #ending = new Map<number, Promise<void>>();
  readonly #failed = Promise.withResolvers<never>();
  #isStopped = false;

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

  /** How each of them is, by number. */
  report(): Record<string, PartHealth> {
    return Object.fromEntries(
      this.partitions.map((partition) => {
        const { job, health } = this.#running.get(partition)!;
        return [partition, job ? job.health() : health];
      }),
    );
  }

  measure(): void {
    for (const { job } of this.#running.values()) job?.measure();
  }

  /** From now on these partitions are ours, and no others. */
  assign(partitions: ReadonlySet<number>): void {
    if (this.#isStopped) return;
    for (const [partition, { stopped, ended }] of this.#running) {
      if (partitions.has(partition)) continue;
      stopped.abort();
      this.#running.delete(partition);
      this.#ending.set(partition, ended);
    }
    for (const partition of partitions) {
      if (this.#running.has(partition)) continue;
      const running: Running = {
        stopped: new AbortController(),
        ended: Promise.resolve(),
        job: null,
        health: { state: 'starting', detail: 'is being opened' },
      };
      this.#running.set(partition, running);
      running.ended = this.#run(partition, this.#ending.get(partition), running);
      running.ended.catch((error: unknown) => this.#failed.reject(error));
    }
    this.#logger.info({ partitions: this.partitions }, 'partitions given');
  }

  async stop(): Promise<void> {
    this.assign(new Set());
    this.#isStopped = true;
    await Promise.allSettled(this.#ending.values());
  }

  async #run(
    partition: number,
    before: Promise<void> | undefined,
    running: Running,
  ): Promise<void> {
    const { signal } = running.stopped;
    await before?.catch(() => undefined);
    while (!signal.aborted) {
      try {
        await this.#runOnce(partition, running, signal);
        return;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        const { message, cure } = error;
        running.health = { state: 'down', detail: `${message} ${cure}` };
        this.#logger.warn({ partition, cure }, `partition ${partition} stands: ${message}`);
      }
      if (!signal.aborted) await this.#clock.wait(retryMs, signal);
    }
  }

  async #runOnce(partition: number, running: Running, signal: AbortSignal): Promise<void> {
    const job = await this.#start(partition);
    running.job = job;
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => stopped.resolve(), { once: true });
    if (signal.aborted) stopped.resolve();
    try {
      await Promise.race([job.done, stopped.promise]);
    } finally {
      running.job = null;
      await job.stop();
    }
  }
}

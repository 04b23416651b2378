// The threads of the process, as the thread that started them sees them.

import type { PersistOptions } from '../pipeline/persist.ts';
import type { Config } from './config.ts';
import type { PipelineHealth, Question, ThreadData } from './pipeline-thread.ts';
import { Positions } from './positions.ts';
import { Remote } from './remote.ts';
import type { StoreData, StoreQuestion } from './store-thread.ts';
import type { DatabaseConnection } from './wire.ts';

/** A thread's metrics, for `Registry.aggregate`. */
export type ThreadMetrics = readonly object[];

/** Ingest and the engine. */
export class PipelineThread {
  readonly #remote: Remote;

  constructor(data: ThreadData) {
    this.#remote = new Remote('./pipeline-thread.ts', data);
  }

  /** Rejects when the thread dies; never resolves. */
  get died(): Promise<never> {
    return this.#remote.died;
  }

  /** Starts the pipeline; resolves once the log is open and it runs. */
  async run(): Promise<void> {
    await this.#ask({ ask: 'run' });
  }

  async metrics(): Promise<ThreadMetrics> {
    return (await this.#ask({ ask: 'metrics' })) as ThreadMetrics;
  }

  async health(): Promise<PipelineHealth> {
    return (await this.#ask({ ask: 'health' })) as PipelineHealth;
  }

  /** Stops the feeds; resolves once all that they gave is derived. The log stays open. */
  async drain(): Promise<void> {
    await this.#ask({ ask: 'drain' });
  }

  /** Closes the log, after its readers have, and ends the thread. */
  async end(): Promise<void> {
    await this.#ask({ ask: 'close' });
    await this.#remote.end();
  }

  async #ask(question: Question): Promise<unknown> {
    return await this.#remote.ask(question);
  }
}

/** The database and the store's writers. */
export class StoreThread {
  readonly positions = new Positions();
  readonly #remote: Remote;
  readonly #failed = Promise.withResolvers<never>();
  #running: Promise<unknown> | null = null;

  constructor(
    config: Config,
    growth: SharedArrayBuffer,
    logTo: StoreData['logTo'],
    options: PersistOptions,
  ) {
    const positions = this.positions.memory;
    const data: StoreData = { config, growth, positions, logTo, options };
    this.#remote = new Remote('./store-thread.ts', data);
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects when storing fails for good; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Starts and migrates the database. */
  async open(): Promise<DatabaseConnection> {
    return (await this.#ask({ ask: 'open' })) as DatabaseConnection;
  }

  /** Stores once the database is open. The log must be open for writing in this process. */
  run(): void {
    this.#running = this.#ask({ ask: 'run' });
    this.#running.catch((error: unknown) => this.#failed.reject(error));
  }

  async metrics(): Promise<ThreadMetrics> {
    return (await this.#ask({ ask: 'metrics' })) as ThreadMetrics;
  }

  /** What keeps it from storing now, if anything. */
  async troubles(): Promise<readonly string[]> {
    return (await this.#ask({ ask: 'troubles' })) as readonly string[];
  }

  /** Stores what the log holds now, and closes it. Rejects with why that could not be done. */
  async stop(): Promise<void> {
    await this.#ask({ ask: 'stop' });
    await this.#running;
  }

  /** Stops the database and ends. `wait: false` lets it write its last pages while we go on. */
  async close({ wait }: { readonly wait: boolean }): Promise<void> {
    try {
      await this.#ask({ ask: 'close', wait });
    } finally {
      await this.#remote.end();
    }
  }

  async #ask(question: StoreQuestion): Promise<unknown> {
    return await this.#remote.ask(question);
  }
}

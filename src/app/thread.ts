// The gateway's end of the pipeline thread.

import type { PipelineHealth, Question, ThreadData } from './pipeline-thread.ts';
import { Remote } from './remote.ts';
import type { DatabaseConnection } from './wire.ts';

export class PipelineThread {
  readonly #remote: Remote;

  constructor(data: ThreadData) {
    this.#remote = new Remote('./pipeline-thread.ts', data);
  }

  /** Rejects when the thread dies; never resolves. */
  get died(): Promise<never> {
    return this.#remote.died;
  }

  /** Starts the pipeline; resolves to the log's epoch once it runs. */
  async run(database: DatabaseConnection): Promise<string> {
    return (await this.#ask({ ask: 'run', database })) as string;
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    return (await this.#ask({ ask: 'metrics' })) as string;
  }

  async health(): Promise<PipelineHealth> {
    return (await this.#ask({ ask: 'health' })) as PipelineHealth;
  }

  /** Resolves once all that was taken in is derived and stored. */
  async stop(): Promise<void> {
    await this.#ask({ ask: 'stop' });
    await this.#remote.end();
  }

  async #ask(question: Question): Promise<unknown> {
    return await this.#remote.ask(question);
  }
}

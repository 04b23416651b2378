// The gateway's end of the pipeline thread: questions go over, answers come back, in any order.

import { Worker } from 'node:worker_threads';
import { Failure } from '../base/failure.ts';
import type { Answer, PipelineHealth, Question, ThreadData } from './pipeline-thread.ts';
import type { DatabaseConnection } from './wire.ts';

type Reply = PromiseWithResolvers<unknown>;

export class PipelineThread {
  readonly #worker: Worker;
  readonly #replies = new Map<number, Reply>();
  readonly #died = Promise.withResolvers<never>();
  #asked = 0;

  constructor(data: ThreadData) {
    this.#worker = new Worker(new URL('./pipeline-thread.ts', import.meta.url), {
      workerData: data,
    });
    this.#died.promise.catch(() => undefined);
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`the pipeline thread ended (${code})`)));
  }

  /** Rejects when the thread dies; never resolves. */
  get died(): Promise<never> {
    return this.#died.promise;
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
    await this.#worker.terminate();
  }

  async #ask(question: Question): Promise<unknown> {
    const id = this.#asked++;
    const reply = Promise.withResolvers<unknown>();
    this.#replies.set(id, reply);
    this.#worker.postMessage({ id, ...question });
    return await Promise.race([reply.promise, this.died]);
  }

  #settle(answer: Answer): void {
    const reply = this.#replies.get(answer.id);
    this.#replies.delete(answer.id);
    if (!('failure' in answer)) {
      reply?.resolve(answer.value);
      return;
    }
    const { code, message, cure } = answer.failure;
    reply?.reject(code ? new Failure(code, message, cure) : new Error(message));
  }

  #fail(error: unknown): void {
    this.#died.reject(error);
    this.#replies.clear();
  }
}

// Questions to a worker thread and its answers, in any order. A Failure crosses as its code,
// message and cure and is a Failure again on the other side; anything else that is thrown is a bug
// there.

import { flushCompileCache } from 'node:module';
import { parentPort, Worker } from 'node:worker_threads';
import { Failure, type FailureCode, messageOf } from '../base/failure.ts';

interface Call {
  readonly id: number;
  readonly question: unknown;
}

type Reply =
  | { readonly id: number; readonly value: unknown }
  | {
      readonly id: number;
      readonly code: FailureCode | null;
      readonly message: string;
      readonly cure: string;
    };

/** The asking end: starts the thread, and knows when it has died. */
export class Remote {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #died = Promise.withResolvers<never>();
  #asked = 0;

  /** `script` is a file beside this one. */
  constructor(script: string, workerData: unknown) {
    this.#worker = new Worker(new URL(script, import.meta.url), { workerData });
    this.#died.promise.catch(() => undefined);
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#died.reject(error));
    this.#worker.on('exit', (code) => {
      this.#died.reject(new Error(`the thread of ${script} ended (${code})`));
    });
  }

  /** Rejects when the thread dies; never resolves. */
  get died(): Promise<never> {
    return this.#died.promise;
  }

  async ask(question: unknown): Promise<unknown> {
    const id = this.#asked++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ id, question } satisfies Call);
    return await Promise.race([waiting.promise, this.died]);
  }

  /** Only once the thread has nothing open: ending it inside LMDB would end the process. */
  async end(): Promise<void> {
    await this.ask(lastQuestion);
    await this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('value' in reply) {
      waiting?.resolve(reply.value);
      return;
    }
    const { code, message, cure } = reply;
    waiting?.reject(code ? new Failure(code, message, cure) : new Error(message));
  }
}

const lastQuestion = 'end';

/** A thread that is terminated would not keep what it has compiled for the next start. */
async function lastAnswer(): Promise<void> {
  flushCompileCache();
}

/** The answering end, in the thread. */
export function answer<Q>(handle: (question: Q) => Promise<unknown>): void {
  const port = parentPort;
  if (!port) throw new Error('this runs in a worker thread');
  port.on('message', ({ id, question }: Call) => {
    const answered = question === lastQuestion ? lastAnswer() : handle(question as Q);
    void answered.then(
      (value) => port.postMessage({ id, value } satisfies Reply),
      (error: unknown) => {
        const { code, cure } = error instanceof Failure ? error : { code: null, cure: '' };
        port.postMessage({ id, code, message: messageOf(error), cure } satisfies Reply);
      },
    );
  });
}

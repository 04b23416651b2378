// Questions to a worker thread and its answers, in any order. A Failure crosses as its code,
// message and cure and is a Failure again on the other side, also one that ends the thread;
// anything else that is thrown is a bug there.

import { flushCompileCache } from 'node:module';
import { parentPort, Worker } from 'node:worker_threads';
import { Failure, type FailureCode, failureKinds, messageOf } from '../base/failure.ts';

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
  /** Why no answer comes any more. */
  #death: Error | null = null;
  #asked = 0;

  /** `script` is a file beside this one. */
  constructor(script: string, workerData: unknown) {
    this.#worker = new Worker(new URL(script, import.meta.url), { workerData });
    this.#died.promise.catch(() => undefined);
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#die(asThrown(error)));
    this.#worker.on('exit', (code) => {
      this.#die(new Error(`the thread of ${script} ended (${code})`));
    });
  }

  /** Rejects when the thread dies; never resolves. */
  get died(): Promise<never> {
    return this.#died.promise;
  }

  async ask(question: unknown): Promise<unknown> {
    if (this.#death) throw this.#death;
    const id = this.#asked++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ id, question } satisfies Call);
    return await waiting.promise;
  }

  /** Only once the thread has nothing open: ending it inside LMDB would end the process. */
  async end(): Promise<void> {
    await this.ask(lastQuestion);
    await this.#worker.terminate();
  }

  #die(reason: Error): void {
    // The first reason: an error is followed by the exit that it caused.
    this.#death ??= reason;
    this.#died.reject(this.#death);
    for (const { reject } of this.#waiting.values()) reject(this.#death);
    this.#waiting.clear();
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

/** A Failure that was thrown in a thread arrives with its fields, but not as a Failure. */
function asThrown(thrown: unknown): Error {
  const { code, message, cure } = thrown as Failure;
  const isFailure = Object.hasOwn(failureKinds, code) && typeof cure === 'string';
  return isFailure ? new Failure(code, message, cure, { cause: thrown }) : (thrown as Error);
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

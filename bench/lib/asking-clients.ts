// HTTP clients in a process of their own that ask at a rate, whatever the server does: an answer's
// time counts from when its question was due, so that one slow answer shows in all that it holds
// up. The parent sends a `Task` and is sent the `Asked`.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface AskingTask {
  readonly host: string;
  readonly port: number;
  /** Asked one after the other, again from the first after the last. */
  readonly paths: readonly string[];
  readonly headers: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** What is asked before anything counts. */
  readonly warmUpSeconds: number;
  readonly connections: number;
}

export interface Asked {
  readonly failures: number;
  readonly bytes: number;
  /** Milliseconds, ascending. */
  readonly latencies: readonly number[];
}

const endOfHead = Buffer.from('\r\n\r\n');

/** One connection that is kept, with one question at a time. */
class Asker {
  readonly #socket: Socket;
  readonly #host: string;
  #parts: Buffer[] = [];
  #missing = 0;
  #status = 0;
  #answered: ((status: number) => void) | null = null;
  bytes = 0;

  constructor(host: string, port: number) {
    this.#host = `${host}:${port}`;
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  async open(): Promise<void> {
    await once(this.#socket, 'connect');
  }

  ask(path: string, headers: string, answered: (status: number) => void): void {
    this.#answered = answered;
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}\r\n`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.#status > 0) this.#missing -= chunk.length;
    else this.#readHead(chunk);
    if (this.#status === 0 || this.#missing > 0) return;
    const status = this.#status;
    this.#status = 0;
    this.#answered?.(status);
  }

  #readHead(chunk: Buffer): void {
    this.#parts.push(chunk);
    const whole = Buffer.concat(this.#parts);
    const end = whole.indexOf(endOfHead);
    if (end < 0) return;
    this.#parts = [];
    const head = whole.toString('latin1', 0, end);
    this.#status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    this.#missing = end + endOfHead.length + length - whole.length;
  }
}

async function ask(task: AskingTask): Promise<Asked> {
  const { host, port, paths, headers, perSecond, connections } = task;
  const askers = Array.from({ length: connections }, () => new Asker(host, port));
  await Promise.all(askers.map((asker) => asker.open()));
  const idle = [...askers];
  const count = Math.round((task.warmUpSeconds + task.seconds) * perSecond);
  const warmUp = Math.round(task.warmUpSeconds * perSecond);
  const latencies: number[] = [];
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const begin = performance.now() + 100;
  let [asked, answers, failures] = [0, 0, 0];
  const askDue = (): void => {
    const due = Math.min(count, Math.floor(((performance.now() - begin) * perSecond) / 1000));
    while (asked < due) {
      const asker = idle.pop();
      if (!asker) return;
      const number = asked++;
      asker.ask(paths[number % paths.length], headers, (status) => {
        const dueAt = begin + (number * 1000) / perSecond;
        if (number >= warmUp) latencies.push(performance.now() - dueAt);
        if (status !== 200) failures++;
        idle.push(asker);
        if (++answers === count) resolve();
        else askDue();
      });
    }
  };
  const timer = setInterval(askDue, 1);
  await over;
  clearInterval(timer);
  for (const asker of askers) asker.close();
  const bytes = askers.reduce((sum, asker) => sum + asker.bytes, 0) / count;
  return { failures, bytes, latencies: latencies.sort((a, b) => a - b) };
}

if (process.send) {
  const [task] = (await once(process, 'message')) as [AskingTask];
  process.send?.(await ask(task), () => process.disconnect?.());
}

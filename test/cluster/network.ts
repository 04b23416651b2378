// The network before a server, as a TCP proxy: it can be slow, and it can stand still.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TransformCallback } from 'node:stream';
import { Transform } from 'node:stream';
import { systemClock } from '../../src/base/clock.ts';

export class Network {
  readonly #server = createServer((client) => this.#join(client));
  readonly #sockets = new Set<Socket>();
  #target = 0;
  #passes: Promise<void> = Promise.resolve();
  #go: () => void = () => undefined;
  /** Of whatever is sent, either way, milliseconds. */
  delayMs = 0;

  static async open(): Promise<Network> {
    const network = new Network();
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    return network;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  leadTo(port: number): void {
    this.#target = port;
  }

  /** Nothing comes through any more, and nobody is told. */
  stall(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#passes = promise;
    this.#go = resolve;
  }

  resume(): void {
    this.#go();
  }

  async close(): Promise<void> {
    this.#go();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(this.#hold()).pipe(to);
    }
  }

  #hold(): Transform {
    const pass = async (chunk: Buffer, done: TransformCallback): Promise<void> => {
      if (this.delayMs > 0) await systemClock.wait(this.delayMs);
      await this.#passes;
      done(null, chunk);
    };
    return new Transform({ transform: (chunk, _encoding, done) => void pass(chunk, done) });
  }
}

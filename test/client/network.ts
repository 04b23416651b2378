// The network between a client and a gateway, as a TCP proxy: it can be cut at any byte, stalled,
// answer a handshake by itself, and lead to another gateway.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export class Network {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, gateway: Socket]>();
  #target: URL;
  /** Answers to handshakes that do not reach the gateway, the next one first. */
  #refusals: string[] = [];
  /** How many bytes of the gateway's are let through before the cut. */
  #bytesLeft = Number.POSITIVE_INFINITY;
  #isStalled = false;
  handshakes = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#join(client));
  }

  static async to(test: TestContext, target: string): Promise<Network> {
    const network = new Network(target);
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    test.after(() => {
      network.cut();
      network.#server.close();
    });
    return network;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  leadTo(target: string): void {
    this.#target = new URL(target);
  }

  cut(): void {
    this.#bytesLeft = Number.POSITIVE_INFINITY;
    this.#isStalled = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Cuts after so many more bytes from the gateway, wherever in a message that is. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /** Nothing comes through any more, and nobody is told. */
  stall(): void {
    this.#isStalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  refuseNext(...statuses: readonly string[]): void {
    this.#refusals.push(...statuses);
  }

  #join(client: Socket): void {
    this.handshakes++;
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) {
      client.end(`HTTP/1.1 ${refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      client.on('error', () => client.destroy());
      return;
    }
    const gateway = connect(Number(this.#target.port), this.#target.hostname);
    const pair = [client, gateway] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, pair.toReversed()]) {
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    client.on('data', (bytes) => gateway.write(bytes));
    gateway.on('data', (bytes: Buffer) => this.#forward(client, bytes));
    if (this.#isStalled) this.stall();
  }

  #forward(client: Socket, bytes: Buffer): void {
    client.write(bytes.subarray(0, this.#bytesLeft));
    this.#bytesLeft -= bytes.length;
    if (this.#bytesLeft > 0) return;
    this.#bytesLeft = Number.POSITIVE_INFINITY;
    const [pair] = [...this.#pairs].filter(([one]) => one === client);
    client.end(() => client.destroy());
    pair?.[1].destroy();
  }
}

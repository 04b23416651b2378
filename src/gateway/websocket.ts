// The ready-made streams, one subscription for each WebSocket: /ws/trades/{symbol},
// /ws/quotes/{symbol}, /ws/candles/{symbol} and /ws/alerts. First a `hello` with the current value
// and the cursor at which the stream begins, then a JSON message for each change, with its cursor.
// What is refused is refused before the upgrade, as an HTTP problem.

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, WebSocketServer } from 'ws';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Log } from '../log/log.ts';
import { isLoopback, plainAddress } from './address.ts';
import { cursorHead } from './cursor.ts';
import type { GatewayLimits } from './limits.ts';
import type { Live } from './live.ts';
import type { GatewayMetrics } from './metrics.ts';
import { refuseUpgrade, unknownSymbol } from './problem.ts';
import { Connection } from './stream/connection.ts';
import { Hub } from './stream/hub.ts';
import { Subscriber } from './stream/subscribe.ts';
import { parseWanted, type Stream, type Wanted } from './stream/wanted.ts';

const checkMs = 1_000;
/** How long a client has to answer a close frame. */
const closeMsMax = 2_000;

export interface WebSocketOptions {
  readonly log: Log;
  readonly live: Live;
  readonly metrics: GatewayMetrics;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
}

export class WebSockets {
  readonly #options: WebSocketOptions;
  readonly #hub: Hub;
  readonly #subscriber: Subscriber;
  readonly #handshakes: WebSocketServer;
  readonly #connections = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
  #isClosing = false;

  constructor(options: WebSocketOptions) {
    const { log, live, metrics, limits, clock } = options;
    const head = cursorHead(log.epoch);
    this.#options = options;
    this.#hub = new Hub(head, clock, metrics);
    this.#subscriber = new Subscriber(log, live, this.#hub, metrics, head);
    const handshake: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      maxPayload: limits.messageBytesMax,
      closeTimeout: closeMsMax, // `ws` has it, its types do not
    };
    this.#handshakes = new WebSocketServer(handshake);
    this.#handshakes.on('wsClientError', (error, socket) => {
      const cure = 'Connect with a WebSocket client (RFC 6455, version 13).';
      this.#refuse(socket, '/ws', new Failure('bad-request', `${error.message}.`, cure));
    });
    live.listen(this.#hub);
  }

  get count(): number {
    return this.#connections.size;
  }

  subscriptions(): [Stream, number][] {
    return this.#hub.counts();
  }

  /** Takes the upgrades of a server. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Pings clients and ends slow ones until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.wait(checkMs, signal);
      for (const connection of this.#connections) connection.check();
    }
  }

  /** Tells every client that the server goes away, and resolves once they are gone. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.#connections) connection.goAway();
    await Promise.all([...this.#connections].map((connection) => connection.ended));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until `ws` listens: a client that goes away in between is no error of ours.
    socket.on('error', () => socket.destroy());
    const url = request.url ?? '';
    try {
      const address = plainAddress(request.socket.remoteAddress);
      const wanted = this.#admit(url, address);
      this.#handshakes.handleUpgrade(request, socket, head, (webSocket) => {
        const { limits, clock } = this.#options;
        // A server that listens on TCP upgrades a net.Socket.
        const connection = new Connection(webSocket, socket as Socket, limits, clock);
        this.#join(connection, address, wanted);
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#refuse(socket, url, error);
    }
  }

  /** What the client may have; throws the Failure that says why not. */
  #admit(url: string, address: string): Wanted {
    const { live, limits } = this.#options;
    if (url.length > limits.urlLengthMax) {
      const detail = `The URL has ${url.length} characters.`;
      throw new Failure('bad-request', detail, `Use at most ${limits.urlLengthMax}.`);
    }
    const wanted = parseWanted(url);
    const waitsFor = this.#isClosing ? 'the server stops' : live.waitsFor;
    if (waitsFor !== null) {
      throw new Failure('not-ready', `Not ready: ${waitsFor}.`, 'Connect again in a moment.');
    }
    const { stream, symbol } = wanted;
    if (stream !== 'alerts' && !live.has(symbol ?? '')) throw unknownSymbol(symbol ?? '');
    const ofAddress = this.#perAddress.get(address) ?? 0;
    const isTooMany = ofAddress >= limits.webSocketsPerAddressMax && !isLoopback(address);
    if (isTooMany || this.#connections.size >= limits.webSocketsMax) {
      const whose = isTooMany ? `from ${address}` : 'at this server';
      const detail = `Too many WebSockets ${whose}.`;
      throw new Failure('limit-exceeded', detail, 'Close some, then connect again.');
    }
    return wanted;
  }

  #join(connection: Connection, address: string, wanted: Wanted): void {
    this.#connections.add(connection);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    const leave = this.#subscriber.subscribe(connection, wanted);
    void connection.ended.then((reason) => {
      leave();
      this.#connections.delete(connection);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
      this.#options.metrics.closed.inc({ reason });
    });
  }

  #refuse(socket: Duplex, url: string, failure: Failure): void {
    this.#options.metrics.refused.inc({ reason: failure.code });
    refuseUpgrade(socket, url, failure);
  }
}

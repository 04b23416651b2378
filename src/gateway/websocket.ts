// The ready-made streams, one subscription for each WebSocket: /ws/trades/{symbol},
// /ws/quotes/{symbol}, /ws/candles/{symbol} and /ws/alerts. First a `hello` with the current value
// and the cursor at which the stream begins, then a JSON message for each change, with its cursor.
// What is refused is refused before the upgrade, as an HTTP problem; where candles are wanted with
// indicators, the upgrade waits for the history that those need.

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, WebSocketServer } from 'ws';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { isLoopback, plainAddress } from './address.ts';
import { cursorHead } from './cursor.ts';
import type { GatewayLimits } from './limits.ts';
import type { Live } from './live.ts';
import type { GatewayMetrics } from './metrics.ts';
import { refuseUpgrade, unknownSymbol } from './problem.ts';
import type { SeamSources } from './seam/unstored.ts';
import { Connection, failureForClient } from './stream/connection.ts';
import { Hub } from './stream/hub.ts';
import type { IndicatedSeries } from './stream/indicated-series.ts';
import { SeriesPool } from './stream/series-pool.ts';
import { Subscriber } from './stream/subscribe.ts';
import { parseWanted, type Stream, type Wanted } from './stream/wanted.ts';

const checkMs = 1_000;
/** How long a client has to answer a close frame. */
const closeMsMax = 2_000;

export interface WebSocketOptions {
  readonly sources: SeamSources;
  readonly live: Live;
  readonly metrics: GatewayMetrics;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
}

export class WebSockets {
  readonly #options: WebSocketOptions;
  readonly #hub: Hub;
  readonly #subscriber: Subscriber;
  readonly #series: SeriesPool;
  readonly #handshakes: WebSocketServer;
  readonly #connections = new Set<Connection>();
  /** Clients that were let in, those among them that still wait for history too. */
  #admitted = 0;
  readonly #perAddress = new Map<string, number>();
  #isClosing = false;

  constructor(options: WebSocketOptions) {
    const { sources, live, metrics, limits, clock } = options;
    const { log } = sources;
    const head = cursorHead(log.epoch);
    this.#options = options;
    this.#hub = new Hub(head, clock, metrics);
    this.#subscriber = new Subscriber(log, live, this.#hub, metrics, head);
    const { indicatedCandlesMax: rowsMax } = limits;
    this.#series = new SeriesPool(live, sources, this.#hub, rowsMax, clock);
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
    const join = (wanted: Wanted, series: IndicatedSeries | null): void => {
      this.#handshakes.handleUpgrade(request, socket, head, (webSocket) => {
        const { limits, clock } = this.#options;
        // A server that listens on TCP upgrades a net.Socket.
        this.#join(new Connection(webSocket, socket as Socket, limits, clock), wanted, series);
      });
    };
    try {
      const address = plainAddress(request.socket.remoteAddress);
      const wanted = this.#admit(url, address);
      this.#count(socket, address);
      if (wanted.indicators.length === 0) {
        join(wanted, null);
        return;
      }
      const { series, filled, leave } = this.#series.join(wanted);
      socket.once('close', leave);
      void filled
        .then(() => this.#requireReady())
        .then(
          () => join(wanted, series),
          (error: unknown) => this.#refuse(socket, url, failureForClient(error)),
        );
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
    this.#requireReady();
    const { stream, symbol } = wanted;
    if (stream !== 'alerts' && !live.has(symbol ?? '')) throw unknownSymbol(symbol ?? '');
    const ofAddress = this.#perAddress.get(address) ?? 0;
    const isTooMany = ofAddress >= limits.webSocketsPerAddressMax && !isLoopback(address);
    if (isTooMany || this.#admitted >= limits.webSocketsMax) {
      const whose = isTooMany ? `from ${address}` : 'at this server';
      const detail = `Too many WebSockets ${whose}.`;
      throw new Failure('limit-exceeded', detail, 'Close some, then connect again.');
    }
    return wanted;
  }

  #requireReady(): void {
    const waitsFor = this.#isClosing ? 'the server stops' : this.#options.live.waitsFor;
    if (waitsFor === null) return;
    throw new Failure('not-ready', `Not ready: ${waitsFor}.`, 'Connect again in a moment.');
  }

  /** Counts a client until its socket has closed. */
  #count(socket: Duplex, address: string): void {
    this.#admitted++;
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    socket.once('close', () => {
      this.#admitted--;
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    });
  }

  #join(connection: Connection, wanted: Wanted, series: IndicatedSeries | null): void {
    this.#connections.add(connection);
    const leave = this.#subscriber.subscribe(connection, wanted, series);
    void connection.ended.then((reason) => {
      leave();
      this.#connections.delete(connection);
      this.#options.metrics.closed.inc({ reason });
    });
  }

  #refuse(socket: Duplex, url: string, failure: Failure): void {
    this.#options.metrics.refused.inc({ reason: failure.code });
    refuseUpgrade(socket, url, failure);
  }
}

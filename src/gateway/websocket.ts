// WebSockets: /ws with any number of subscriptions, and the ready-made streams with one that their
// URL fixes (docs/WEBSOCKET.md). Here they are let in, counted, and ended. What is refused is
// refused before the upgrade, as an HTTP problem; where candles are wanted with indicators, the
// upgrade waits for the history that those need.

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
import type { GatewayLogger } from './logger.ts';
import type { GatewayMetrics } from './metrics.ts';
import { mayConnect } from './origin.ts';
import { refuseUpgrade } from './problem.ts';
import type { SeamSources } from './seam/unstored.ts';
import type { Stream } from './stream/client-messages.ts';
import { Connection, failureForClient, WriteTurn } from './stream/connection.ts';
import { Hub } from './stream/hub.ts';
import { SeriesPool } from './stream/series-pool.ts';
import { Session } from './stream/session.ts';
import { Subscriber } from './stream/subscriber.ts';
import { type Wanted, wantedByUrl } from './stream/wanted.ts';

const checkMs = 1_000;
/** How long a client has to answer a close frame. */
const closeMsMax = 2_000;

export interface WebSocketOptions {
  readonly sources: SeamSources;
  readonly live: Live;
  readonly metrics: GatewayMetrics;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
  /** Origins whose pages may connect, beside our own. */
  readonly allowedOrigins: readonly string[];
}

export class WebSockets {
  readonly #options: WebSocketOptions;
  readonly #hub: Hub;
  readonly #subscriber: Subscriber;
  readonly #turn = new WriteTurn();
  readonly #handshakes: WebSocketServer;
  readonly #sessions = new Set<Session>();
  /** Clients that were let in, those among them that still wait for history too. */
  #admitted = 0;
  readonly #perAddress = new Map<string, number>();
  #isClosing = false;

  constructor(options: WebSocketOptions) {
    const { sources, live, metrics, limits, clock } = options;
    this.#options = options;
    const series = new SeriesPool(live, sources, limits.indicatedCandlesMax, clock);
    this.#hub = new Hub(live, series, cursorHead(sources.log), clock, metrics);
    this.#subscriber = new Subscriber(sources, live, this.#hub, series, limits, metrics);
    const handshake: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
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
    return this.#sessions.size;
  }

  subscriptions(): [Stream, number][] {
    return this.#hub.counts();
  }

  /** Takes the upgrades of a server. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Pings clients, ends slow ones and tells summaries until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options;
    const every = async (ms: number, work: () => void): Promise<void> => {
      while (!signal.aborted) {
        await clock.wait(ms, signal);
        work();
      }
    };
    await Promise.all([
      every(checkMs, () => {
        for (const session of this.#sessions) session.check();
      }),
      every(limits.summaryMs, () => this.#hub.tellSummaries()),
    ]);
  }

  /** Tells every client that the server goes away, and resolves once they are gone. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const connections = [...this.#sessions].map(({ connection }) => connection);
    for (const connection of connections) connection.goAway();
    await Promise.all(connections.map(({ ended }) => ended));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until `ws` listens: a client that goes away in between is no error of ours.
    socket.on('error', () => socket.destroy());
    const url = request.url ?? '';
    const join = (greet: (session: Session) => void): void => {
      this.#handshakes.handleUpgrade(request, socket, head, (webSocket) => {
        const { limits, clock } = this.#options;
        // A server that listens on TCP upgrades a net.Socket.
        const tcp = socket as Socket;
        greet(this.#join(new Connection(webSocket, tcp, this.#turn, limits, clock)));
      });
    };
    try {
      const address = plainAddress(request.socket.remoteAddress);
      const wanted = this.#admit(request, address);
      const joined = wanted && this.#subscriber.prepare(wanted);
      this.#count(socket, address);
      if (!wanted || !joined) {
        join((session) => session.greet(this.#options.sources.log.epoch));
        return;
      }
      socket.once('close', joined.leave);
      const greet = (): void => join((session) => session.fix(wanted));
      if (wanted.indicators.length === 0) {
        greet();
        return;
      }
      void joined.filled
        .then(() => this.#requireReady())
        .then(greet, (error: unknown) => this.#refuse(socket, url, failureForClient(error)));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#refuse(socket, url, error);
    }
  }

  /**
   * The subscription of a ready-made stream, or null for /ws; throws the Failure that says why the
   * client may not have it.
   */
  #admit({ url = '', headers }: IncomingMessage, address: string): Wanted | null {
    const { limits, allowedOrigins } = this.#options;
    if (url.length > limits.urlLengthMax) {
      const detail = `The URL has ${url.length} characters.`;
      throw new Failure('bad-request', detail, `Use at most ${limits.urlLengthMax}.`);
    }
    if (!mayConnect(headers.origin, headers.host, address, allowedOrigins)) {
      const detail = `Pages of ${headers.origin} may not connect.`;
      throw new Failure('forbidden', detail, 'Name their origin in ALLOWED_ORIGINS.');
    }
    const parsed = URL.parse(url, 'ws://host') ?? new URL('ws://host');
    const wanted = isMany(parsed) ? null : wantedByUrl(parsed);
    this.#requireReady();
    if (wanted) this.#subscriber.check(wanted);
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

  #join(connection: Connection): Session {
    const { limits, metrics, clock, logger } = this.#options;
    const parts = { limits, metrics, clock, logger };
    const session = new Session(connection, { subscriber: this.#subscriber, ...parts });
    this.#sessions.add(session);
    void connection.ended.then((reason) => {
      this.#sessions.delete(session);
      metrics.closed.inc({ reason });
    });
    return session;
  }

  #refuse(socket: Duplex, url: string, failure: Failure): void {
    this.#options.metrics.refused.inc({ reason: failure.code });
    refuseUpgrade(socket, url, failure);
  }
}

/** Whether it is /ws, where subscriptions are asked for by messages. */
function isMany({ pathname, search }: URL): boolean {
  if (pathname !== '/ws') return false;
  if (search === '') return true;
  const cure = 'Leave the parameters out, and subscribe by messages; see docs/WEBSOCKET.md.';
  throw new Failure('bad-request', '/ws has no parameters.', cure);
}

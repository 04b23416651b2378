// WebSockets: /ws with any number of subscriptions, and the ready-made streams with one that their
// URL fixes (docs/WEBSOCKET.md). What is refused is refused before the upgrade, as an HTTP problem;
// the upgrade waits for what the subscription needs before it can begin.

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type PerMessageDeflateOptions, type ServerOptions, WebSocketServer } from 'ws';
import { Failure } from '../base/failure.ts';
import type { GatewayLimits } from './limits.ts';
import type { GatewayMetrics } from './metrics.ts';
import { refuseUpgrade } from './problem.ts';
import { failureForClient } from './stream/connection.ts';
import type { Session } from './stream/session.ts';
import { closeMsMax } from './stream/transport.ts';
import { WebSocketTransport } from './stream/transport-websocket.ts';
import { type Wanted, wantedByUrl } from './stream/wanted.ts';
import type { Streams } from './streams.ts';

/** Every message by itself, so that what is shared suits every client. */
const compression: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
};

export class WebSockets {
  readonly #streams: Streams;
  readonly #limits: GatewayLimits;
  readonly #metrics: GatewayMetrics;
  readonly #handshakes: WebSocketServer;

  constructor(
    streams: Streams,
    limits: GatewayLimits,
    metrics: GatewayMetrics,
    isCompressing: boolean,
  ) {
    this.#streams = streams;
    this.#limits = limits;
    this.#metrics = metrics;
    const handshake: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: isCompressing && compression,
      maxPayload: limits.messageBytesMax, // of what is compressed, when it is decompressed
      closeTimeout: closeMsMax, // `ws` has it, its types do not
    };
    this.#handshakes = new WebSocketServer(handshake);
    this.#handshakes.on('wsClientError', (error, socket) => {
      const cure = 'Connect with a WebSocket client (RFC 6455, version 13).';
      this.#refuse(socket, '/ws', new Failure('bad-request', `${error.message}.`, cure));
    });
  }

  /** Takes the upgrades of a server. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until `ws` listens: a client that goes away in between is no error of ours.
    socket.on('error', () => socket.destroy());
    const url = request.url ?? '';
    const join = (greet: (session: Session) => void): void => {
      this.#handshakes.handleUpgrade(request, socket, head, (webSocket) => {
        const takesDeflated =
          webSocket.extensions.includes('permessage-deflate') && !hasNarrowWindow(request);
        // A server that listens on TCP upgrades a net.Socket.
        const transport = new WebSocketTransport(webSocket, socket as Socket, takesDeflated);
        greet(this.#streams.join(transport));
      });
    };
    try {
      const wanted = this.#wantedBy(request);
      const prepared = wanted && this.#streams.subscriber.prepare(wanted);
      this.#streams.admit(request, socket);
      if (!wanted || !prepared) {
        join((session) => session.greet(this.#streams.epoch));
        return;
      }
      socket.once('close', prepared.leave);
      const greet = (): void => join((session) => session.fix(wanted));
      if (prepared.ready === null) {
        greet();
        return;
      }
      void prepared.ready
        .then(() => this.#streams.requireReady())
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
  #wantedBy(request: IncomingMessage): Wanted | null {
    const { url = '' } = request;
    if (url.length > this.#limits.urlLengthMax) {
      const detail = `The URL has ${url.length} characters.`;
      throw new Failure('bad-request', detail, `Use at most ${this.#limits.urlLengthMax}.`);
    }
    this.#streams.requireOrigin(request);
    const parsed = URL.parse(url, 'ws://host') ?? new URL('ws://host');
    const wanted = isMany(parsed) ? null : wantedByUrl(parsed);
    this.#streams.requireReady();
    if (wanted) this.#streams.subscriber.check(wanted);
    this.#streams.requireRoom(request);
    return wanted;
  }

  #refuse(socket: Duplex, url: string, failure: Failure): void {
    this.#metrics.refused.inc({ reason: failure.code });
    refuseUpgrade(socket, url, failure);
  }
}

/** Whether it may ask for a smaller window than what is shared has; it is told plain messages. */
function hasNarrowWindow({ headers }: IncomingMessage): boolean {
  return headers['sec-websocket-extensions']?.includes('server_max_window_bits') ?? false;
}

/** Whether it is /ws, where subscriptions are asked for by messages. */
function isMany({ pathname, search }: URL): boolean {
  if (pathname !== '/ws') return false;
  if (search === '') return true;
  const cure = 'Leave the parameters out, and subscribe by messages; see docs/WEBSOCKET.md.';
  throw new Failure('bad-request', '/ws has no parameters.', cure);
}

// The port, taken before anything is started that would have to be stopped if it were in use. Until
// the gateway takes over, whoever asks is told what it waits for.

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Failure, messageOf } from '../base/failure.ts';
import { type Health, healthOf, unknownFigures } from './health.ts';
import { defaultLimits, type GatewayLimits } from './limits.ts';
import { sharing } from './origin.ts';
import { problemOf, problemType, refuseUpgrade } from './problem.ts';
import { answerLater, wantsEvents } from './stream/transport-sse.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The setting that says so; PORT unless given. */
  readonly portName?: string;
  /** What the gateway waits for before it takes over, such as `the database starts`. */
  readonly waitsFor?: () => string;
  readonly limits?: Partial<GatewayLimits>;
}

/** The page loads nothing from elsewhere, runs no inline script and is in nobody's frame. */
export const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

const checkConnectionsMs = 1_000;

/** Rejects with Failure `port-in-use` or `bad-configuration`. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const server = createHttpServer({ ...defaultLimits, ...options.limits });
  const listener = new Listener(server, options.waitsFor ?? (() => 'the gateway starts'));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: options.host, port: options.port }, resolve);
  try {
    await promise;
  } catch (error) {
    throw listenFailure(error, options);
  }
  server.off('error', reject);
  return listener;
}

function createHttpServer(limits: GatewayLimits): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersMsMax,
    requestTimeout: limits.requestMsMax,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: checkConnectionsMs,
    // Clients that offer HTTP/2 (`Upgrade: h2c`) are answered in HTTP/1.1, as they may be.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = limits.connectionsMax;
  return server;
}

export class Listener {
  readonly server: Server;
  #handle: RequestListener | null = null;

  constructor(server: Server, waitsFor: () => string) {
    this.server = server;
    server.on('request', (request, response) => {
      if (this.#handle) this.#handle(request, response);
      else answerStarting(request, response, waitsFor());
    });
    server.on('upgrade', (request, socket) => {
      if (this.#handle) return;
      socket.on('error', () => socket.destroy());
      refuseUpgrade(socket, request.url ?? '', notReady(waitsFor()));
    });
  }

  get url(): string {
    const { address, family, port } = this.server.address() as AddressInfo;
    if (address === '0.0.0.0' || address === '::') return `http://localhost:${port}`;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** From now on `handle` answers requests, and others who listen for upgrades take those. */
  serve(handle: RequestListener): void {
    this.#handle = handle;
  }

  /** Ends every connection; may be called twice. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.server.close(() => resolve());
    this.server.closeAllConnections();
    await promise;
  }
}

function answerStarting(request: IncomingMessage, response: ServerResponse, waitsFor: string) {
  const url = request.url ?? '';
  const path = url.split('?', 1)[0] ?? '';
  if (wantsEvents(request) && /^\/api(\/v1)?\/stream$/.test(path)) {
    // It says nothing, so any page may have it: one that may not connect hears that later.
    answerLater(response, { ...securityHeaders, ...sharing(request) });
    return;
  }
  const isHealth = path === '/health';
  const body = isHealth ? healthStarting(waitsFor) : problemOf(notReady(waitsFor), url);
  response.writeHead(isHealth ? 200 : 503, {
    ...securityHeaders,
    'content-type': isHealth ? 'application/json; charset=utf-8' : problemType,
    'cache-control': 'no-store',
    ...(isHealth ? {} : { 'retry-after': '1' }),
  });
  response.end(JSON.stringify(body));
}

function healthStarting(detail: string): Health {
  const part = { state: 'starting' as const, detail };
  const report = { log: part, engine: part, store: part, feeds: {}, ...unknownFigures };
  return healthOf(report, { gateway: part });
}

function notReady(waitsFor: string): Failure {
  const cure = 'Ask again in a moment; /health shows the state of each part.';
  return new Failure('not-ready', `Not ready: ${waitsFor}.`, cure);
}

function listenFailure(cause: unknown, options: ListenerOptions): Failure {
  const { host, port, portName = 'PORT' } = options;
  if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE') {
    return new Failure(
      'port-in-use',
      `Port ${port} on ${host} is in use by another program.`,
      `Stop that program, or choose another port: ${portName}=${port + 1}.`,
      { cause },
    );
  }
  return new Failure(
    'bad-configuration',
    `Cannot listen on ${host}, port ${port}: ${messageOf(cause)}.`,
    `Set HOST to an address of this machine and ${portName} to a port that you may use.`,
    { cause },
  );
}

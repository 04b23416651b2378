// A gateway on a port of its own, over a log and a store that the test fills, and clients for it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { Compile } from 'typebox/compile';
import { WebSocket } from 'ws';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import {
  type Gateway,
  type GatewayOptions,
  type ShardToServe,
  startGateway,
} from '../../src/gateway/gateway.ts';
import type { HealthReport } from '../../src/gateway/health.ts';
import type { GatewayLimits } from '../../src/gateway/limits.ts';
import { listen } from '../../src/gateway/listener.ts';
import { serverMessages, streamHello } from '../../src/gateway/stream/server-messages.ts';
import type { Log } from '../../src/log/log.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { eventually } from '../eventually.ts';
import { MemoryHistory, noExports } from './memory-history.ts';
import { Tape } from './tape.ts';

export const healthy: HealthReport = {
  log: { state: 'ok', detail: '' },
  engine: { state: 'ok', detail: '' },
  store: { state: 'ok', detail: '' },
  feeds: { test: { state: 'ok', detail: 'live' } },
  uptimeSeconds: 93_784,
  logBytes: 123_000_000,
  databaseBytes: 4_560_000_000,
};

const silent = pino({ level: 'silent' });

/** A gateway, and what asks it. */
export interface Served {
  readonly gateway: Gateway;
  readonly registry: Registry;
  /** A JSON answer and its status. */
  get(path: string, init?: RequestInit): Promise<Answer>;
  /** A client of a stream, past its hello. */
  connect(path: string): Promise<StreamClient>;
  /** Resolves when the gateway is ready. */
  ready(): Promise<void>;
  /** Resolves when the gateway's metrics are so. */
  measures(pattern: RegExp): Promise<void>;
  /** Resolves when the gateway has read all that its logs hold. */
  settled(): Promise<void>;
}

export interface Rig extends Served {
  readonly log: Log;
  readonly history: MemoryHistory;
  readonly tape: Tape;
}

/** Each test looks into what it expects. */
type Json = ReturnType<typeof JSON.parse>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export interface ServeOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly clock?: Clock;
  readonly health?: () => Promise<HealthReport>;
  readonly allowedOrigins?: readonly string[];
  readonly compression?: boolean;
  /** The gateway is not going to be ready: do not wait for it. */
  readonly isUnready?: boolean;
  readonly pageFolder?: string;
}

export interface RigOptions extends ServeOptions {
  /** A MemoryLog where the test cuts it; otherwise the embedded log in a folder of its own. */
  readonly log?: Log;
  /** What the store reads, where that is not the same. */
  readonly storeLog?: Log;
  /** A real store, in place of the one in memory. */
  readonly store?: (log: Log) => Promise<Store & Omit<ShardToServe, 'log'>>;
  /** Fills log and store before the gateway starts. */
  readonly before?: (tape: Tape, history: MemoryHistory) => Promise<void>;
}

type Store = Pick<GatewayOptions, 'history' | 'exports'>;

export async function rig(test: TestContext, options: RigOptions = {}): Promise<Rig> {
  const log = options.log ?? (await embeddedLog());
  const history = new MemoryHistory(options.storeLog ?? log);
  const tape = new Tape(log);
  await tape.introduce('AAPL', 'MSFT');
  await history.persistAll();
  await options.before?.(tape, history);
  const inMemory = { history, exports: noExports, ...history.of(0) };
  const { stored, storeLost, ...store } = (await options.store?.(log)) ?? inMemory;
  const served = await serve(test, [{ log, stored, storeLost }], store, options);
  test.after(() => log.close());
  return { ...served, log, history, tape };
}

/** A gateway over logs that are the test's to close. */
export async function serve(
  test: TestContext,
  shards: readonly ShardToServe[],
  store: Store,
  options: ServeOptions = {},
): Promise<Served> {
  const registry = new Registry();
  const limits = options.limits ? { limits: options.limits } : {};
  const gateway = await startGateway({
    listener: await listen({ host: '127.0.0.1', port: 0, ...limits }),
    shards,
    ...store,
    ...(options.allowedOrigins ? { allowedOrigins: options.allowedOrigins } : {}),
    compression: options.compression ?? false,
    registry,
    metricsText: () => registry.metrics(),
    health: options.health ?? (async () => healthy),
    clock: options.clock ?? systemClock,
    logger: silent,
    ...limits,
    ...(options.pageFolder === undefined ? {} : { pageFolder: options.pageFolder }),
  });
  const clients: StreamClient[] = [];
  test.after(async () => {
    for (const client of clients) client.socket.terminate();
    await gateway.close();
  });
  const get = (path: string, init?: RequestInit): Promise<Answer> =>
    fetchJson(`${gateway.url}${path}`, init);
  const metrics = async (): Promise<string> => await (await fetch(`${gateway.url}/metrics`)).text();
  const ready = async (): Promise<void> =>
    await eventually(async () => (await get('/ready')).status === 200, 'the gateway is ready');
  if (!options.isUnready) await ready();
  return {
    gateway,
    registry,
    get,
    async connect(path) {
      const client = await StreamClient.open(`${gateway.url.replace('http', 'ws')}${path}`);
      clients.push(client);
      return client;
    },
    ready,
    async measures(pattern) {
      await eventually(
        async () => pattern.test(await metrics()),
        async () => `${pattern} in\n${await metrics()}`,
      );
    },
    async settled() {
      const hasRead = async (): Promise<boolean> => {
        const lags = [
          ...(await metrics()).matchAll(/^tapeline_gateway_lag_records\{.*\} (\d+)$/gm),
        ];
        return lags.length > 0 && lags.every(([, lag]) => lag === '0');
      };
      await eventually(hasRead, metrics);
    },
  };
}

/** The logs of this process go with it. */
const folders = mkdtempSync(join(tmpdir(), 'tapeline-gateway-'));
process.once('exit', () => rmSync(folders, { recursive: true, force: true }));

async function embeddedLog(): Promise<Log> {
  const folder = mkdtempSync(join(folders, 'log-'));
  return await openEmbeddedLog({ folder, logger: silent, clock: systemClock });
}

export async function fetchJson(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : text,
  };
}

/** The status and problem of a handshake that is refused. */
export async function refusal(one: Served, path: string, headers: Record<string, string> = {}) {
  const { hostname, port } = new URL(one.gateway.url);
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const asked = request({ hostname, port, path, headers: { ...handshake, ...headers } });
  asked.end();
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  assert.match(response.headers['content-type'], /problem\+json/);
  return { status: response.statusCode, ...JSON.parse(text) };
}

export type Message = Json;

const checks = new Map(
  Object.entries(serverMessages).map(([type, schema]) => [type, Compile(schema)]),
);
const helloOfStream = Compile(streamHello);

/** Every message is what /asyncapi.json says of its type. */
export function complaintOf(message: Message): string | null {
  const isOfStream = message.type === 'hello' && 'stream' in message;
  const check = isOfStream ? helloOfStream : checks.get(message.type);
  if (check?.Check(message)) return null;
  return `${JSON.stringify(message)}: ${JSON.stringify(check?.Errors(message))}`;
}

/** A WebSocket client that keeps what it hears until it is asked for. */
export class StreamClient {
  readonly socket: WebSocket;
  #messages: Message[] = [];
  #taken = 0;
  /** What the first message that broke its schema was, and how. */
  #complaint: string | null = null;
  #news = Promise.withResolvers<void>();
  hello: Message;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString());
      this.#complaint ??= complaintOf(message);
      this.#messages.push(message);
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    });
  }

  static async open(url: string): Promise<StreamClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const client = new StreamClient(socket);
    await once(socket, 'open');
    client.hello = await client.next();
    return client;
  }

  async next(): Promise<Message> {
    while (this.#taken === this.#messages.length) {
      this.#messages = [];
      this.#taken = 0;
      await this.#news.promise;
    }
    assert.equal(this.#complaint, null);
    return this.#messages[this.#taken++];
  }

  /** Says something; objects as JSON. */
  say(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Subscribes, and answers what it is told then. */
  async subscribe(message: object): Promise<Message> {
    this.say({ op: 'subscribe', id: 'w', ...message });
    return await this.next();
  }

  async take(count: number): Promise<Message[]> {
    const taken: Message[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** What it has heard and nobody has taken. */
  heard(): Message[] {
    return this.#messages.slice(this.#taken);
  }

  /** Stops reading from the network, and starts again. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async closed(): Promise<{ code: number; reason: string }> {
    const [code, reason] = await once(this.socket, 'close');
    return { code, reason: String(reason) };
  }
}

/** From now on history has its answers ready, and gives them when told to. */
export function holdHistory({ history }: Rig) {
  const asked = Promise.withResolvers<void>();
  const answers = Promise.withResolvers<void>();
  const candles = history.candles.bind(history);
  history.candles = async (symbol, query) => {
    const found = await candles(symbol, query);
    asked.resolve();
    await answers.promise;
    return found;
  };
  return { asked, answers };
}

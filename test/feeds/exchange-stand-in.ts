// Exchanges on loopback for the tests of live feeds: a real WebSocket and HTTP server each, on a
// port of its own. They trade what was recorded, whether anybody listens or not, and misbehave on
// command: cut, mute, drop, repeat, truncate, poison, refuse.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';

/** A recorded trade, as the exchange wrote it. */
export interface TapeTrade {
  /** The exchange's name for the instrument. */
  readonly pair: string;
  readonly id: number;
  readonly price: string;
  readonly size: string;
  /** ISO 8601, microseconds. */
  readonly time: string;
  readonly side: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

/** What both exchanges have: connections, REST, and every way to misbehave. */
export abstract class ExchangeStandIn {
  /** Messages that clients sent, in order. */
  readonly received: string[] = [];
  /** Paths that were asked for over HTTP, those of upgrades left out. */
  readonly requests: string[] = [];
  /** WebSocket connections that were accepted. */
  accepted = 0;
  /** Asked before each upgrade; an answer refuses it, and `never` leaves it without one. */
  refuse: () => Answer | 'never' | null = () => null;
  readonly #hanging: Duplex[] = [];
  /** With which code the last connection was closed. */
  closeCode = 0;
  /** Asked before each REST answer; an answer other than null takes its place. */
  refuseRest: (path: string) => Answer | null = () => null;
  /** Whether a connection is accepted and closed at once. */
  closeAtOnce = false;
  /** Open but mute: takes everything and says nothing. */
  mute = false;
  readonly #http = createServer((request, response) => this.#answer(request, response));
  readonly #sockets = new WebSocketServer({ noServer: true });
  /** What the subscriber asked for. */
  protected wanted: readonly string[] = [];
  #subscribed: WebSocket | null = null;
  /** How many trades of the tape have happened. */
  #happened = 0;
  protected readonly tape: readonly TapeTrade[];

  constructor(tape: readonly TapeTrade[]) {
    this.tape = tape;
    this.#http.on('upgrade', (...upgrade) => this.#upgrade(...upgrade));
  }

  /** The frames that answer a client's message. */
  protected abstract reply(message: string): readonly string[];
  protected abstract frameOf(trade: TapeTrade): string;
  protected abstract restAnswer(url: URL): string | null;

  async listen(): Promise<this> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#http.listen(0, '127.0.0.1', resolve);
    await promise;
    return this;
  }

  async close(): Promise<void> {
    if (!this.#http.listening) return;
    for (const socket of this.#sockets.clients) socket.terminate();
    for (const socket of this.#hanging) socket.destroy();
    this.#http.closeAllConnections();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#http.close(() => resolve());
    await promise;
  }

  get urls() {
    const { port } = this.#http.address() as AddressInfo;
    return { socket: `ws://127.0.0.1:${port}`, rest: `http://127.0.0.1:${port}` };
  }

  get open(): number {
    return this.#sockets.clients.size;
  }

  /** Upgrades that were left without an answer. */
  get hanging(): number {
    return this.#hanging.length;
  }

  get hasSubscriber(): boolean {
    return this.#subscribed?.readyState === WebSocket.OPEN;
  }

  /** Bytes that the subscriber has not taken off the wire. */
  get backlog(): number {
    return this.#subscribed?.bufferedAmount ?? 0;
  }

  get isOver(): boolean {
    return this.#happened === this.tape.length;
  }

  /** What has been traded so far. */
  get trades(): readonly TapeTrade[] {
    return this.tape.slice(0, this.#happened);
  }

  /** Lets `count` more trades happen, and sends what `change` makes of each; null is nothing. */
  trade(count: number, change: (frame: string) => string | null = (frame) => frame): void {
    for (const trade of this.tape.slice(this.#happened, this.#happened + count)) {
      this.#happened++;
      const frame = change(this.frameOf(trade));
      if (frame !== null && this.wanted.includes(trade.pair)) this.send(frame);
    }
  }

  repeat(count: number): void {
    const last = this.trades.filter(({ pair }) => this.wanted.includes(pair)).slice(-count);
    for (const trade of last) this.send(this.frameOf(trade));
  }

  send(frame: string | Uint8Array): void {
    if (this.#subscribed && !this.mute) this.#subscribed.send(frame);
  }

  /** Ends the connection as it should be. */
  bye(): void {
    this.#subscribed?.close(1001);
    this.#subscribed = null;
  }

  /** Ends the connection without a goodbye. */
  cut(): void {
    this.#subscribed?.terminate();
    this.#subscribed = null;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refused = this.refuse();
    if (refused === 'never') this.#hanging.push(socket);
    else if (refused) {
      const headers = Object.entries(refused.headers ?? {}).map(([name, value]) => [name, value]);
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      socket.end(`HTTP/1.1 ${refused.status} Refused\r\ncontent-length: 0\r\n${lines}\r\n`);
    }
    if (refused) return;
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      this.accepted++;
      client.on('error', () => undefined);
      client.on('close', (code) => {
        this.closeCode = code;
      });
      client.on('message', (data: Buffer) => this.#hear(client, data.toString()));
      if (this.closeAtOnce) client.close(1013);
    });
  }

  #hear(client: WebSocket, message: string): void {
    this.received.push(message);
    if (this.mute) return;
    if (message.includes('subscribe')) this.#subscribed = client;
    for (const frame of this.reply(message)) client.send(frame);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/';
    this.requests.push(path);
    const refused = this.refuseRest(path);
    const body = refused ? refused.body : this.restAnswer(new URL(path, 'http://127.0.0.1'));
    response.writeHead(refused?.status ?? (body === null ? 404 : 200), refused?.headers);
    response.end(body ?? '{"message":"NotFound"}');
  }
}

/** The wire of 2021 as recorded; `products` is the recorded answer of GET /products. */
export class CoinbaseStandIn extends ExchangeStandIn {
  readonly #products: string;
  /** What the exchange says besides, before each trade: tickers and books. */
  readonly #between: ReadonlyMap<string, readonly string[]>;
  #clock = Date.parse('2021-04-17T16:43:37Z');

  constructor(recording: CoinbaseRecording) {
    super(recording.trades);
    this.#products = recording.products;
    this.#between = recording.between;
  }

  get products(): readonly string[] {
    return [...new Set(this.tape.map(({ pair }) => pair))];
  }

  /** A second passes: each product tells its last trade. */
  beat(): void {
    this.#clock += 1_000;
    for (const product of this.wanted) {
      const last = this.#last(product)?.id ?? 0;
      const heartbeat = {
        type: 'heartbeat',
        sequence: 1,
        last_trade_id: last,
        product_id: product,
      };
      this.send(JSON.stringify({ ...heartbeat, time: new Date(this.#clock).toISOString() }));
    }
  }

  protected override reply(message: string): readonly string[] {
    const { product_ids: products, channels } = JSON.parse(message) as {
      product_ids: string[];
      channels: string[];
    };
    const wrong = products.find((product) => !this.products.includes(product));
    if (wrong !== undefined) {
      const reason = `${wrong} is not a valid product`;
      return [JSON.stringify({ type: 'error', message: 'Failed to subscribe', reason })];
    }
    this.wanted = products;
    const given = channels.map((name) => ({ name, product_ids: products }));
    const lasts = products.flatMap((product) => this.#last(product) ?? []);
    return [
      JSON.stringify({ type: 'subscriptions', channels: given }),
      ...lasts.map((trade) => this.frameOf(trade).replace('"match"', '"last_match"')),
    ];
  }

  protected override frameOf({ pair, id, price, size, time, side }: TapeTrade): string {
    const frame = { type: 'match', trade_id: id, side, size, price, product_id: pair, time };
    return JSON.stringify(frame);
  }

  override trade(count: number, change?: (frame: string) => string | null): void {
    for (let left = count; left > 0 && !this.isOver; left--) {
      super.trade(1, change);
      const { pair, id } = this.trades.at(-1) as TapeTrade;
      if (!this.wanted.includes(pair)) continue;
      for (const frame of this.#between.get(`${pair} ${id}`) ?? []) this.send(frame);
    }
  }

  protected override restAnswer({ pathname, searchParams }: URL): string | null {
    if (pathname === '/products') return this.#products;
    const product = /^\/products\/([^/]+)\/trades$/.exec(pathname)?.[1];
    if (product === undefined) return null;
    const after = Number(searchParams.get('after') ?? Number.POSITIVE_INFINITY);
    const limit = Number(searchParams.get('limit') ?? 1_000);
    const older = this.trades.filter(({ pair, id }) => pair === product && id < after);
    const rows = older.toReversed().slice(0, limit);
    return JSON.stringify(
      rows.map(({ id, side, size, price, time }) => ({ trade_id: id, side, size, price, time })),
    );
  }

  #last(product: string): TapeTrade | undefined {
    return this.trades.findLast(({ pair }) => pair === product);
  }
}

export interface CoinbaseRecording {
  readonly trades: readonly TapeTrade[];
  /** By `product id`: the tickers and a few book updates that followed that trade. */
  readonly between: ReadonlyMap<string, readonly string[]>;
  readonly products: string;
}

/** Reads the recorded frames: the socket's and the REST answer that came before it. */
export function readCoinbaseRecording(framesPath: string, productsPath: string): CoinbaseRecording {
  const lines = readFileSync(framesPath, 'utf8').split('\n');
  const frames = lines.flatMap((line) => /^[\d.]+: (.*)$/.exec(line)?.[1] ?? []);
  const trades: TapeTrade[] = [];
  const between = new Map<string, string[]>();
  for (const frame of frames) {
    const message = JSON.parse(frame) as Record<string, string> & { trade_id: number };
    const { type, product_id: pair = '', trade_id: id, price = '', size = '' } = message;
    if (type === 'match' || type === 'last_match') {
      trades.push({ pair, id, price, size, time: message.time ?? '', side: message.side ?? '' });
    } else if (type === 'ticker') {
      between.set(`${pair} ${id}`, [...(between.get(`${pair} ${id}`) ?? []), frame]);
    }
  }
  const [first = ''] = readFileSync(productsPath, 'utf8').split('\n');
  return { trades, between, products: first.slice(first.indexOf(': ') + 2) };
}

/** Few enough that the recorded trades fill several answers; Kraken's own is 1,000. */
const pageMax = 150;

/** The wire of v2, made from recorded REST trades: real ids and the numbers' own text. */
export class KrakenStandIn extends ExchangeStandIn {
  readonly #pairs: string;
  #clock = Date.parse('2025-11-10T17:23:00Z');

  constructor(trades: readonly TapeTrade[], pairs: string) {
    super(trades);
    this.#pairs = pairs;
  }

  beat(): void {
    this.send('{"channel":"heartbeat"}');
  }

  frameOf(...trades: readonly TapeTrade[]): string {
    return this.#frame('update', trades);
  }

  #frame(type: 'snapshot' | 'update', trades: readonly TapeTrade[]): string {
    const rows = trades.map(
      ({ pair, id, price, size, time, side }) =>
        `{"symbol":"${pair}","side":"${side}","price":${price},"qty":${size},` +
        `"ord_type":"limit","trade_id":${id},"timestamp":"${time}"}`,
    );
    return `{"channel":"trade","type":"${type}","data":[${rows.join(',')}]}`;
  }

  protected override reply(message: string): readonly string[] {
    const { method, params } = JSON.parse(message) as {
      method: string;
      params?: { channel: string; symbol: string[] };
    };
    this.#clock += 1_000;
    const time = new Date(this.#clock).toISOString();
    if (method === 'ping')
      return [JSON.stringify({ method: 'pong', time_in: time, time_out: time })];
    this.wanted = params?.symbol ?? [];
    return this.wanted.flatMap((symbol) => {
      const ack = { method, time_in: time, time_out: time };
      if (!this.tape.some(({ pair }) => pair === symbol)) {
        const error = `Currency pair not supported ${symbol}`;
        return [JSON.stringify({ ...ack, error, success: false, symbol })];
      }
      const result = { channel: params?.channel, symbol, snapshot: true };
      return [
        JSON.stringify({ ...ack, result, success: true }),
        params?.channel === 'trade' ? this.#snapshot(symbol) : this.#ticker(symbol),
      ];
    });
  }

  #snapshot(symbol: string): string {
    const last = this.trades.filter(({ pair }) => pair === symbol).slice(-50);
    // Newest first, since no order is promised.
    return this.#frame('snapshot', last.toReversed());
  }

  #ticker(symbol: string): string {
    return (
      `{"channel":"ticker","type":"snapshot","data":[{"symbol":"${symbol}","bid":105899.3,` +
      '"bid_qty":0.10000000,"ask":105899.40000,"ask_qty":1.2345678901,"last":105899.4,' +
      '"timestamp":"2025-11-10T17:23:00.123456Z"}]}'
    );
  }

  protected override restAnswer({ pathname, searchParams }: URL): string | null {
    if (pathname === '/0/public/AssetPairs') return this.#pairs;
    if (pathname !== '/0/public/Trades') return null;
    const since = BigInt(searchParams.get('since') ?? 0);
    const nanoseconds = ({ time }: TapeTrade): bigint =>
      BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1_000_000n +
      BigInt(time.slice(20, 26)) * 1_000n;
    const newer = this.trades.filter((trade) => nanoseconds(trade) > since).slice(0, pageMax);
    const rows = newer.map(({ price, size, time, side, id }) => {
      const seconds = `${Date.parse(`${time.slice(0, 19)}Z`) / 1000}.${time.slice(20, 26)}`;
      return `["${price}","${size}",${seconds},"${side[0]}","l","",${id}]`;
    });
    return `{"error":[],"result":{"XBTUSDT":[${rows.join(',')}],"last":"0"}}`;
  }
}

/** Reads recorded REST trades of one pair, which v2 calls `pair`. */
export function readKrakenRecording(path: string, pair: string): readonly TapeTrade[] {
  const text = readFileSync(path, 'utf8');
  const row = /\[\s*"([\d.]+)",\s*"([\d.]+)",\s*(\d+)\.(\d+),\s*"([bs])",\s*"\w",\s*"",\s*(\d+)/g;
  return text
    .matchAll(row)
    .map(([, price = '', size = '', seconds, fraction = '', side, id]) => ({
      pair,
      id: Number(id),
      price,
      size,
      time: `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${micros(fraction)}Z`,
      side: side === 'b' ? 'buy' : 'sell',
    }))
    .toArray();
}

function micros(fraction: string): string {
  return fraction.padEnd(6, '0').slice(0, 6);
}

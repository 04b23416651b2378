// Everybody who is told what happens, on a WebSocket or by server-sent events: they are let in,
// counted, looked after and ended here, whatever carries their messages.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { History } from '../store/history.ts';
import { isLoopback, plainAddress } from './address.ts';
import { cursorHead } from './cursor.ts';
import type { GatewayLimits } from './limits.ts';
import type { GatewayLogger } from './logger.ts';
import type { GatewayMetrics } from './metrics.ts';
import { mayConnect, requireHost } from './origin.ts';
import { RowBudget } from './recent/row-budget.ts';
import type { ServedShards } from './served-shards.ts';
import type { Stream } from './stream/client-messages.ts';
import { Connection, WriteTurn } from './stream/connection.ts';
import { Gate } from './stream/gate.ts';
import { Hub } from './stream/hub.ts';
import { SeriesPool } from './stream/series-pool.ts';
import { Session } from './stream/session.ts';
import { Subscriber } from './stream/subscriber.ts';
import { Teller } from './stream/teller.ts';
import type { Transport } from './stream/transport.ts';

const checkMs = 1_000;

export interface StreamOptions {
  readonly shards: ServedShards;
  readonly history: Pick<History, 'signals'>;
  readonly metrics: GatewayMetrics;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
  /** Origins whose pages may connect, beside our own. */
  readonly allowedOrigins: readonly string[];
}

export class Streams {
  readonly subscriber: Subscriber;
  readonly epoch: string;
  readonly #options: StreamOptions;
  /** By partition. */
  readonly #hubs: readonly Hub[];
  readonly #turn = new WriteTurn();
  readonly #sessions = new Set<Session>();
  /** Clients that were let in, those among them that still wait for history too. */
  #admitted = 0;
  readonly #perAddress = new Map<string, number>();
  #isClosing = false;

  constructor(options: StreamOptions) {
    const { shards, history, metrics, limits, clock } = options;
    this.#options = options;
    this.epoch = shards.all[0].sources.log.epoch;
    const indicatedRows = new RowBudget(limits.indicatedCandlesMax);
    const reads = new Gate(limits.readsPerTurnMax);
    const told = shards.all.map((shard) => {
      const { live, sources } = shard;
      const series = new SeriesPool(live, sources, indicatedRows, clock);
      const hub = new Hub(live, series, cursorHead(sources.log), clock, metrics);
      live.listen(hub);
      return { hub, teller: new Teller({ shard, hub, series, reads, metrics }) };
    });
    this.#hubs = told.map(({ hub }) => hub);
    const tellers = told.map(({ teller }) => teller);
    this.subscriber = new Subscriber({ shards, tellers, history, indicatedRows, limits, clock });
  }

  get count(): number {
    return this.#sessions.size;
  }

  subscriptions(): ReadonlyMap<Stream, number> {
    return this.subscriber.counts;
  }

  /** Looks after clients and tells summaries until the signal aborts. */
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
      every(limits.summaryMs, () => {
        for (const hub of this.#hubs) hub.tellSummaries();
      }),
    ]);
  }

  /** Tells every client that the server goes away, and resolves once they are gone. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const connections = [...this.#sessions].map(({ connection }) => connection);
    for (const connection of connections) connection.goAway();
    await Promise.all(connections.map(({ ended }) => ended));
  }

  /** Throws Failure `forbidden` to a page of an origin that may not connect. */
  requireOrigin(request: IncomingMessage): void {
    const { headers, socket } = request;
    const { allowedOrigins } = this.#options;
    requireHost(request, allowedOrigins);
    const address = plainAddress(socket.remoteAddress);
    if (mayConnect(headers.origin, headers.host, address, allowedOrigins)) return;
    const detail = `Pages of ${headers.origin} may not connect.`;
    throw new Failure('forbidden', detail, 'Name their origin in ALLOWED_ORIGINS.');
  }

  requireReady(): void {
    const waitsFor = this.#isClosing ? 'the server stops' : this.#options.shards.waitsFor;
    if (waitsFor === null) return;
    throw new Failure('not-ready', `Not ready: ${waitsFor}.`, 'Connect again in a moment.');
  }

  /** Throws Failure `limit-exceeded` when there are too many already. */
  requireRoom({ socket }: IncomingMessage): void {
    const { limits } = this.#options;
    const address = plainAddress(socket.remoteAddress);
    const ofAddress = this.#perAddress.get(address) ?? 0;
    const isTooMany = ofAddress >= limits.streamsPerAddressMax && !isLoopback(address);
    if (!isTooMany && this.#admitted < limits.streamsMax) return;
    const detail = `Too many streams ${isTooMany ? `from ${address}` : 'at this server'}.`;
    throw new Failure('limit-exceeded', detail, 'Close some, then connect again.');
  }

  /** Counts a client until what carries its stream has closed. */
  admit({ socket }: IncomingMessage, carrier: EventEmitter): void {
    const address = plainAddress(socket.remoteAddress);
    this.#admitted++;
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    carrier.once('close', () => {
      this.#admitted--;
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    });
  }

  join(transport: Transport): Session {
    const { limits, metrics, clock, logger } = this.#options;
    const connection = new Connection(transport, this.#turn, limits, clock);
    const { subscriber } = this;
    const session = new Session(connection, { subscriber, limits, metrics, clock, logger });
    this.#sessions.add(session);
    void connection.ended.then((reason) => {
      this.#sessions.delete(session);
      metrics.closed.inc({ reason });
    });
    return session;
  }
}

// The gateway: what people and programs meet. It reads the log's end and the store, and serves them
// as REST, WebSocket streams and the page on one port. It decides nothing about the data.

import assert from 'node:assert/strict';
import type { Registry } from '@prometheus-io/client';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../log/log.ts';
import type { Exports } from '../store/exports.ts';
import type { History } from '../store/history.ts';
import type { GatewayHealth, HealthReport } from './health.ts';
import { HistoryFiles } from './history-files.ts';
import { defaultLimits, type GatewayLimits } from './limits.ts';
import type { Listener } from './listener.ts';
import { Live } from './live.ts';
import type { GatewayLogger } from './logger.ts';
import { type GatewayMetrics, gatewayGauges, gatewayMetrics } from './metrics.ts';
import { requireHost } from './origin.ts';
import { pageFiles } from './page-files.ts';
import { SharedMemory } from './recent/shared-memory.ts';
import { type SharedCounts, sharedStore } from './request-counts.ts';
import { limitRequests } from './request-rate.ts';
import { revalidate } from './revalidation.ts';
import { alertRoutes } from './routes/alerts.ts';
import { candleRoutes } from './routes/candles.ts';
import { closeRoutes } from './routes/closes.ts';
import type { RouteContext } from './routes/context.ts';
import { explainRoutes } from './routes/explain.ts';
import { marketRoutes } from './routes/market.ts';
import { gatewayOperations } from './routes/operations.ts';
import { pageRoutes } from './routes/page.ts';
import { statisticsRoutes } from './routes/statistics.ts';
import { streamRoutes } from './routes/stream.ts';
import { tradeRoutes } from './routes/trades.ts';
import type { StoredThrough } from './seam/unstored.ts';
import { ServedShards } from './served-shards.ts';
import { type HttpServer, httpApp } from './server.ts';
import { Streams } from './streams.ts';
import { WebSockets } from './websocket.ts';

/** A partition of the log, and how far the store is in it. */
export interface ShardToServe {
  readonly log: Log;
  /** What the store lacks is read from the log. */
  readonly stored: StoredThrough;
  /** Where the newest range ends that the log had lost before the store read it; 0 for none. */
  readonly storeLost: StoredThrough;
}

export interface GatewayOptions {
  /** Closed with the gateway. */
  readonly listener: Listener;
  /** All partitions, in their order. */
  readonly shards: readonly ShardToServe[];
  readonly history: History;
  readonly exports: Exports;
  readonly registry: Registry;
  readonly metricsText: () => Promise<string>;
  readonly health: () => Promise<HealthReport>;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
  readonly limits?: Partial<GatewayLimits>;
  /** Where the built dashboard is; in this checkout unless given. */
  readonly pageFolder?: string;
  /** Origins whose pages may have streams, beside our own. */
  readonly allowedOrigins?: readonly string[];
  /** Whether WebSockets that can are told compressed messages. */
  readonly compression: boolean;
  /** Where several gateways count requests together; each counts for itself without. */
  readonly sharedCounts?: SharedCounts;
}

export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Takes over the listener's requests; until memory is filled, those for data are answered
 * `not-ready`.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { listener, history, registry, clock, logger } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const metrics = gatewayMetrics(registry);
  const shards = servedShards(options, limits, metrics);
  const { allowedOrigins = [] } = options;
  const common = { metrics, limits, clock, logger };
  const streams = new Streams({ shards, history, ...common, allowedOrigins });
  const webSockets = new WebSockets(streams, limits, metrics, options.compression);
  const { app, handle } = await httpApp(listener.server, limits, metrics, logger);
  app.addHook('onRequest', async ({ raw, url }) => {
    if (!isForAnybody(url)) requireHost(raw, allowedOrigins);
  });
  const { sharedCounts } = options;
  await limitRequests(app, limits, sharedCounts && sharedStore(sharedCounts, clock));
  const files = new HistoryFiles(options.exports, shards, limits, clock);
  const context = { shards, history, limits, clock, files };
  addRoutes(app, context, options, (api) => streamRoutes(api, streams, metrics));
  pageRoutes(app, await pageFiles(options.pageFolder));
  gatewayGauges(registry, {
    lag: () => shards.lags(),
    connections: () => streams.count,
    subscriptions: () => streams.subscriptions(),
  });
  await app.ready();
  webSockets.attach(listener.server);
  listener.serve(handle);
  const stopped = new AbortController();
  const running = Promise.all([shards.run(stopped.signal), streams.run(stopped.signal)]);
  return {
    url: listener.url,
    async close() {
      await streams.close();
      await listener.close();
      await app.close();
      stopped.abort();
      await running;
    },
  };
}

/** Who looks after the process asks by names of all kinds, and is told nothing of the market. */
function isForAnybody(url: string): boolean {
  return url === '/health' || url === '/ready' || url === '/metrics';
}

function servedShards(
  { shards, history, clock, logger }: GatewayOptions,
  limits: GatewayLimits,
  metrics: GatewayMetrics,
): ServedShards {
  assert(
    shards.every(({ log }, index) => log.partition === index),
    'shards are in the order of their partitions',
  );
  const memory = new SharedMemory(limits);
  const { unstoredRecordsMax } = limits;
  const all = shards.map(({ log, stored, storeLost }) => {
    const of = { log, shards: shards.length, memory };
    const live = new Live({ ...of, history, limits, metrics, clock, logger });
    return { live, sources: { log, history, stored, storeLost, unstoredRecordsMax } };
  });
  return new ServedShards(all, memory);
}

function addRoutes(
  app: HttpServer,
  context: RouteContext,
  options: GatewayOptions,
  addStreams: (api: HttpServer) => void,
): void {
  const { shards } = context;
  const own = (): GatewayHealth => ({
    gateway:
      shards.waitsFor === null
        ? { state: 'ok', detail: 'serves' }
        : { state: 'starting', detail: shards.waitsFor },
    ...(options.sharedCounts ? { limits: options.sharedCounts.health() } : {}),
  });
  gatewayOperations(app, { ...options, own });
  for (const prefix of ['/api/v1', '/api']) {
    void app.register(async (api: HttpServer) => addStreams(api), { prefix });
    void app.register(
      async (api: HttpServer) => {
        revalidate(api);
        alertRoutes(api, context);
        marketRoutes(api, context);
        statisticsRoutes(api, context);
        tradeRoutes(api, context);
        candleRoutes(api, context);
        closeRoutes(api, context);
        explainRoutes(api, context);
      },
      { prefix },
    );
  }
}

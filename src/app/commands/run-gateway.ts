// `tapeline run gateway`: serves all partitions of the log, and the store, as one. Any number of
// them may run: a client that comes back to another one goes on where it was.

import { collectDefaultMetrics, Registry } from '@prometheus-io/client';
import { systemClock } from '../../base/clock.ts';
import { Failure, messageOf } from '../../base/failure.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { type HealthReport, unknownFigures } from '../../gateway/health.ts';
import { listen } from '../../gateway/listener.ts';
import type { Log } from '../../log/log.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import { notStored } from '../positions.ts';
import { stopSignal } from '../signals.ts';
import {
  isStored,
  type OpenPositions,
  openDatabase,
  openExports,
  openHistory,
  openPositions,
  openShardLogs,
  openSharedCounts,
  prepareCluster,
  sharedDatabase,
} from '../wire.ts';

const refreshMs = 500;
/** What their log had lost when they came to it, processes that persist count and do not tell. */
const nobodySays = (): number => 0;

export async function runGateway(config: Config): Promise<void> {
  const logger = openLogger(config.logLevel, 'stdout');
  await using ends = new AsyncDisposableStack();
  let waitsFor = 'the database and Kafka are asked';
  const listener = await listen({ ...config, waitsFor: () => waitsFor });
  ends.defer(() => listener.close());
  await prepareCluster(config, 'gateway');
  const database = await openDatabase(sharedDatabase(config), logger);
  ends.defer(() => database.stop());
  waitsFor = 'the end of the log is read';
  const logs = await openShardLogs(config, logger);
  ends.defer(async () => await Promise.all(logs.map((log) => log.close())).then(() => undefined));
  const { epoch } = logs[0] as Log;
  const positions = await openPositions(database.connection, epoch);
  ends.defer(() => positions.close());
  const history = await openHistory(database.connection);
  ends.defer(() => history.close());
  const sharedCounts = await openSharedCounts(config, logger);
  if (sharedCounts) ends.defer(() => sharedCounts.close());
  const watch = new StoreWatch(epoch, positions);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gateway = await startGateway({
    listener,
    shards: logs.map((log) => ({
      log,
      stored: (topic) => (isStored(topic) ? positions.of(topic, log.partition) : notStored),
      storeLost: nobodySays,
    })),
    history,
    exports: await openExports(database.connection),
    registry,
    metricsText: async () => await registry.metrics(),
    health: async () => watch.report(),
    clock: systemClock,
    logger,
    allowedOrigins: config.allowedOrigins,
    compression: config.webSocketCompression,
    ...(sharedCounts ? { sharedCounts } : {}),
  });
  ends.defer(() => gateway.close());
  logger.info({ url: gateway.url, kafka: config.kafka?.servers }, 'ready');
  const stopped = new AbortController();
  const stopping = stopSignal().finally(() => stopped.abort());
  await Promise.race([stopping, watch.run(stopped.signal)]);
}

/** Keeps asking how far the store is. */
class StoreWatch {
  readonly #epoch: string;
  readonly #positions: OpenPositions;
  #trouble: string | null = null;

  constructor(epoch: string, positions: OpenPositions) {
    this.#epoch = epoch;
    this.#positions = positions;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#positions.refresh();
        this.#trouble = null;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        this.#trouble = `${messageOf(error)} ${error.cure}`;
      }
      await systemClock.wait(refreshMs, signal);
    }
  }

  /** Of other processes nothing is known here but what they leave in log and store. */
  report(): HealthReport {
    const elsewhere = { state: 'ok', detail: 'processes of their own' } as const;
    return {
      log: { state: 'ok', detail: `epoch ${this.#epoch}` },
      engine: elsewhere,
      store: this.#trouble ? { state: 'degraded', detail: this.#trouble } : elsewhere,
      feeds: {},
      ...unknownFigures,
      uptimeSeconds: Math.floor(process.uptime()),
    };
  }
}

// `tapeline run gateway`: serves all partitions of the log, and the store, as one. Any number of
// them may run: a client that comes back to another one goes on where it was.

import { systemClock } from '../../base/clock.ts';
import { Failure, messageOf } from '../../base/failure.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { type HealthReport, unknownFigures } from '../../gateway/health.ts';
import { listen } from '../../gateway/listener.ts';
import type { Log } from '../../log/log.ts';
import type { Config } from '../config.ts';
import { logHealth } from '../log-health.ts';
import { openLogger } from '../logger.ts';
import { ownRegistry } from '../own-metrics.ts';
import { notStored } from '../positions.ts';
import { stopSignal } from '../signals.ts';
import { onceReachable } from '../waiting.ts';
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
  const wait = { clock: systemClock, logger, onWait: (why: string) => (waitsFor = why) };
  const shared = sharedDatabase(config);
  await onceReachable(async () => await prepareCluster(config, 'gateway'), wait);
  const database = await onceReachable(async () => await openDatabase(shared, logger), wait);
  ends.defer(() => database.stop());
  waitsFor = 'the end of the log is read';
  const open = async () => await openShardLogs(config, logger);
  const logs = await onceReachable(open, wait);
  ends.defer(async () => await Promise.all(logs.map((log) => log.close())).then(() => undefined));
  const { epoch } = logs[0] as Log;
  const positions = await onceReachable(
    async () => await openPositions(database.connection, epoch),
    wait,
  );
  ends.defer(() => positions.close());
  const history = await openHistory(database.connection);
  ends.defer(() => history.close());
  const sharedCounts = await openSharedCounts(config, logger);
  if (sharedCounts) ends.defer(() => sharedCounts.close());
  const watch = new StoreWatch(logs, positions);
  const registry = ownRegistry('gateway', config.kafka?.instance);
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
  readonly #logs: readonly Log[];
  readonly #positions: OpenPositions;
  #trouble: string | null = null;

  constructor(logs: readonly Log[], positions: OpenPositions) {
    this.#logs = logs;
    this.#positions = positions;
  }

  /** Rejects when the log has ended: what is in memory is no longer what the log holds. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const log of this.#logs) {
        const { trouble } = log.stats();
        if (trouble?.kind.retryable === false) throw trouble;
      }
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
      log: logHealth(this.#logs),
      engine: elsewhere,
      store: this.#trouble ? { state: 'degraded', detail: this.#trouble } : elsewhere,
      feeds: {},
      ...unknownFigures,
      uptimeSeconds: Math.floor(process.uptime()),
    };
  }
}

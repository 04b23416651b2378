// `tapeline start`: the whole plant. The pipeline and the store's writers run in threads of their
// own, the gateway here; they meet in the log. Start-up and crash recovery are the same path.

import { Gauge, Registry } from '@prometheus-io/client';
import { systemClock } from '../../base/clock.ts';
import { startGateway } from '../../gateway/gateway.ts';
import type { HealthReport } from '../../gateway/health.ts';
import { type Listener, listen } from '../../gateway/listener.ts';
import type { Log } from '../../log/log.ts';
import type { History } from '../../store/history.ts';
import type { Config } from '../config.ts';
import { logHealth } from '../log-health.ts';
import { openLogger } from '../logger.ts';
import { ownRegistry } from '../own-metrics.ts';
import type { PipelineHealth } from '../pipeline-thread.ts';
import { stopSignal } from '../signals.ts';
import { PipelineThread, StoreThread, type ThreadMetrics } from '../threads.ts';
import {
  type DatabaseConnection,
  growthSignal,
  lockFolder,
  openExports,
  openHistory,
  openLog,
  openSharedCounts,
} from '../wire.ts';

const healthMs = 1_000;
/** PostgreSQL looks at each of its files. */
const databaseSizeMs = 15_000;
/** Rows may reach the database this much later; the gateway has them from the log. */
const storeLingerMs = 100;

export async function start(config: Config): Promise<void> {
  const logger = openLogger(config.logLevel, 'stdout');
  await using ends = new AsyncDisposableStack();
  const lock = await lockFolder(config, 'start', config.port);
  ends.defer(() => lock.release());
  let waitsFor = 'the log is being opened';
  const listener = await listen({ ...config, waitsFor: () => waitsFor });
  ends.defer(() => listener.close());
  const growth = growthSignal();
  const storing = { lingerMs: storeLingerMs, keepTrying: true };
  const store = new StoreThread(config, growth, 'stdout', storing);
  ends.defer(() => store.close({ wait: true }));
  const pipeline = new PipelineThread({ config, growth, positions: store.positions.memory });
  ends.defer(() => pipeline.end());
  ends.defer(() => store.stop());
  ends.defer(() => pipeline.drain());
  const opening = store.open();
  opening.catch(() => undefined);
  await pipeline.run();
  store.run();
  waitsFor = 'the database is being started';
  const database = await opening;
  await serve({ config, logger, listener, growth, pipeline, store, database });
  logger.info('stopping: what was taken in is derived and stored first');
}

interface Parts {
  readonly config: Config;
  readonly logger: ReturnType<typeof openLogger>;
  readonly listener: Listener;
  readonly growth: SharedArrayBuffer;
  readonly pipeline: PipelineThread;
  readonly store: StoreThread;
  readonly database: DatabaseConnection;
}

/** Serves until a signal, or until a part dies, which is thrown. */
async function serve(parts: Parts): Promise<void> {
  const { config, logger, listener, growth, pipeline, store, database } = parts;
  await using ends = new AsyncDisposableStack();
  const log = await openLog(config, logger, growth, true);
  ends.defer(() => log.close());
  const history = await openHistory(database);
  ends.defer(() => history.close());
  const sharedCounts = await openSharedCounts(config, logger);
  if (sharedCounts) ends.defer(() => sharedCounts.close());
  const watch = new HealthWatch(parts, log, history);
  const registry = ownRegistry('start');
  logGauge(registry, log);
  const gateway = await startGateway({
    listener,
    shards: [
      {
        log,
        stored: (topic) => store.positions.of(topic),
        storeLost: (topic) => store.positions.lostBy(topic),
      },
    ],
    history,
    exports: await openExports(database),
    registry,
    metricsText: async () => await metricsOf(registry, [pipeline, store]),
    health: async () => watch.report(),
    clock: systemClock,
    logger,
    allowedOrigins: config.allowedOrigins,
    compression: config.webSocketCompression,
    ...(sharedCounts ? { sharedCounts } : {}),
  });
  ends.defer(() => gateway.close());
  logger.info({ url: gateway.url, data: config.dataDir, feeds: config.feeds }, 'ready');
  ends.defer(() => watch.stop());
  await Promise.race([stopSignal(), pipeline.died, store.failed, watch.run()]);
}

function logGauge(registry: Registry, log: Log): void {
  const registers = [registry];
  new Gauge({
    name: 'tapeline_log_bytes',
    help: 'Size of the log on disk.',
    registers,
    collect() {
      this.set(log.stats().bytesOnDisk);
    },
  });
}

/** The figures of this thread and of the others, added up, in Prometheus's text format. */
async function metricsOf(
  registry: Registry,
  threads: readonly { metrics(): Promise<ThreadMetrics> }[],
): Promise<string> {
  const others = await Promise.all(threads.map((thread) => thread.metrics()));
  return await Registry.aggregate([await registry.getMetricsAsJSON(), ...others]).metrics();
}

/** Asks the pipeline each second how it is, so that answering /health waits for nobody. */
export class HealthWatch {
  readonly #parts: Parts;
  readonly #log: Log;
  readonly #history: Pick<History, 'bytes'>;
  readonly #stopped = new AbortController();
  #pipeline: PipelineHealth = { engine: { state: 'starting', detail: 'not asked yet' }, feeds: [] };
  #troubles: readonly string[] = [];

  #databaseBytes: number | null = null;

  constructor(parts: Parts, log: Log, history: Pick<History, 'bytes'>) {
    this.#parts = parts;
    this.#log = log;
    this.#history = history;
  }

  async run(): Promise<void> {
    await Promise.all([this.#watchParts(), this.#watchDatabase()]);
  }

  async #watchParts(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.#pipeline = await this.#parts.pipeline.health();
      this.#troubles = await this.#parts.store.troubles();
      await systemClock.wait(healthMs, this.#stopped.signal);
    }
  }

  /** A database that is away is told of by the store. */
  async #watchDatabase(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.#databaseBytes = await this.#history.bytes().catch(() => null);
      await systemClock.wait(databaseSizeMs, this.#stopped.signal);
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  report(): HealthReport {
    const trouble = this.#troubles.join('; ');
    const { engine, feeds } = this.#pipeline;
    return {
      log: logHealth([this.#log]),
      engine,
      store: trouble ? { state: 'degraded', detail: trouble } : { state: 'ok', detail: 'storing' },
      feeds: Object.fromEntries(
        feeds.map(({ name, state, detail }) => [
          name,
          { state: state === 'live' || state === 'ended' ? 'ok' : 'degraded', detail },
        ]),
      ),
      uptimeSeconds: Math.floor(process.uptime()),
      logBytes: this.#log.stats().bytesOnDisk,
      databaseBytes: this.#databaseBytes,
    };
  }
}

// `tapeline start`: the whole plant. The pipeline runs in a thread of its own, the gateway here;
// they meet in the log. Start-up and crash recovery are the same path.

import { collectDefaultMetrics, Registry } from '@prometheus-io/client';
import { systemClock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { type Gateway, startGateway } from '../../gateway/gateway.ts';
import type { HealthReport } from '../../gateway/health.ts';
import type { Log } from '../../log/log.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import type { PipelineHealth } from '../pipeline-thread.ts';
import { PipelineThread } from '../thread.ts';
import {
  growthSignal,
  lockFolder,
  type OpenDatabase,
  openDatabase,
  openHistory,
  openLog,
} from '../wire.ts';

const healthMs = 1_000;

export async function start(config: Config): Promise<void> {
  const logger = openLogger(config.logLevel, 'stdout');
  const lock = await lockFolder(config, 'start', config.port);
  const growth = growthSignal();
  const thread = new PipelineThread({ config, growth });
  let database: OpenDatabase | null = null;
  try {
    database = await openDatabase(config, logger);
    await thread.run(database.connection);
    await serve(config, logger, thread, database, growth);
  } finally {
    await thread.stop().catch(() => undefined);
    await database?.stop();
    lock.release();
  }
}

/** Serves until a signal, or until a part dies, which is thrown. */
async function serve(
  config: Config,
  logger: ReturnType<typeof openLogger>,
  thread: PipelineThread,
  database: OpenDatabase,
  growth: SharedArrayBuffer,
): Promise<void> {
  const log = await openLog(config, logger, growth, true);
  const history = openHistory(database.connection);
  const watch = new HealthWatch(thread, log);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let gateway: Gateway | null = null;
  try {
    gateway = await startGateway({
      host: config.host,
      port: config.port,
      log,
      history,
      stored: (topic) => watch.pipeline.stored[topic] ?? 0,
      registry,
      metricsText: async () => `${await registry.metrics()}\n${await thread.metrics()}`,
      health: async () => watch.report(),
      clock: systemClock,
      logger,
    });
    logger.info({ url: gateway.url, data: config.dataDir, feeds: config.feeds }, 'ready');
    await Promise.race([stopSignal(), thread.died, died(database), watch.run()]);
    logger.info('stopping: what was taken in is derived and stored first');
  } finally {
    watch.stop();
    await gateway?.close();
    await thread.stop().catch((error: unknown) => logger.error({ err: error }, 'stopping'));
    await history.close();
    await log.close();
  }
}

/**
 * Resolves at the first signal; later ones are ignored, since npm and a terminal both send them.
 */
async function stopSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve());
    }
  });
}

async function died(database: OpenDatabase): Promise<void> {
  const failure = await database.ended;
  const cure = 'See its last lines above; start again, which recovers by itself.';
  throw failure ?? new Failure('database-unavailable', 'The database has ended.', cure);
}

/** Asks the pipeline each second how it is, so that answering /health waits for nobody. */
class HealthWatch {
  readonly #thread: PipelineThread;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  #pipeline: PipelineHealth = { troubles: [], stored: {}, feeds: [] };

  constructor(thread: PipelineThread, log: Log) {
    this.#thread = thread;
    this.#log = log;
  }

  get pipeline(): PipelineHealth {
    return this.#pipeline;
  }

  async run(): Promise<never> {
    for (;;) {
      this.#pipeline = await this.#thread.health();
      await systemClock.wait(healthMs, this.#stopped.signal);
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  report(): HealthReport {
    const { troubles, feeds } = this.#pipeline;
    const trouble = troubles.join('; ');
    const { damagedBatches } = this.#log.stats();
    return {
      log:
        damagedBatches > 0
          ? { state: 'degraded', detail: `${damagedBatches} damaged batches are in quarantine` }
          : { state: 'ok', detail: `epoch ${this.#log.epoch}` },
      engine: { state: 'ok', detail: 'deriving' },
      store: trouble ? { state: 'degraded', detail: trouble } : { state: 'ok', detail: 'storing' },
      feeds: Object.fromEntries(
        feeds.map(({ name, state, detail }) => [
          name,
          { state: state === 'live' || state === 'ended' ? 'ok' : 'degraded', detail },
        ]),
      ),
    };
  }
}

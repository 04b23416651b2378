// The thread that the pipeline runs in, so that a thousand clients at the gateway cannot slow what
// makes their data durable. It is told once what to run, answers questions, and ends when told to.

import { workerData } from 'node:worker_threads';
import { Registry } from '@prometheus-io/client';
import { microsPerSecond, systemClock } from '../base/clock.ts';
import { messageOf } from '../base/failure.ts';
import { prng } from '../base/prng.ts';
import type { Feed, FeedStatus } from '../feeds/feed.ts';
import type { PartHealth } from '../gateway/health.ts';
import { knownTrades } from '../pipeline/ingest.ts';
import { pipelineMeters } from '../pipeline/meters.ts';
import type { Config } from './config.ts';
import { FollowHealth } from './follow-health.ts';
import { openLogger } from './logger.ts';
import { Plant } from './plant.ts';
import { Positions } from './positions.ts';
import { answer } from './remote.ts';
import { liveFeed, openLog, openRows } from './wire.ts';

export interface ThreadData {
  readonly config: Config;
  /** What tells the readers of other threads that the log has grown. */
  readonly growth: SharedArrayBuffer;
  /** How far the store is; see positions.ts. */
  readonly positions: SharedArrayBuffer;
}

export type Question =
  | { readonly ask: 'run' }
  | { readonly ask: 'metrics' }
  | { readonly ask: 'health' }
  | { readonly ask: 'drain' }
  | { readonly ask: 'close' };

export interface PipelineHealth {
  readonly engine: PartHealth;
  readonly feeds: readonly ({ readonly name: string } & FeedStatus)[];
}

/** Candles may come this much later than their trades; nobody sees it. */
const deriveLingerMs = 20;
/** What a day's data may still change, unless CORRECTION_HORIZON_HOURS says otherwise. */
const correctionHours = 24;

const { config, growth, positions: memory } = workerData as ThreadData;
const positions = new Positions(memory);
const logger = openLogger(config.logLevel, 'stdout');
const registry = new Registry();
let plant: Plant | null = null;
let engine: FollowHealth | null = null;
let feeds: readonly Feed[] = [];
let closeLog = async (): Promise<void> => undefined;

answer(async (question: Question): Promise<unknown> => {
  switch (question.ask) {
    case 'run':
      return await run();
    case 'metrics':
      return await registry.getMetricsAsJSON();
    case 'health':
      return health();
    case 'drain':
      await plant?.stop();
      return null;
    case 'close':
      await closeLog();
      return null;
  }
});

async function run(): Promise<void> {
  const log = await openLog(config, logger, growth);
  const rows = await openRows(config);
  closeLog = async () => {
    await rows?.close();
    await log.close();
  };
  const random = prng(Number(systemClock.now() % 2 ** 32));
  const running = new Plant({
    log,
    clock: systemClock,
    meters: pipelineMeters(registry),
    logger,
    keepTrying: true,
    lingerMs: deriveLingerMs,
    stored: (topic) => positions.of(topic),
    correctionHorizon: (config.correctionHours ?? correctionHours) * 3_600 * microsPerSecond,
    retentionHours: config.retentionHours,
    retentionGigabytes: config.retentionGigabytes,
    rows,
  });
  plant = running;
  engine = new FollowHealth(running.followers, log, systemClock);
  feeds = await Promise.all(
    config.feeds.map(async (name) => {
      // Each exchange is an id scope of its own name.
      const known = await knownTrades(log, name);
      return await liveFeed(name, config, known, systemClock, random, logger);
    }),
  );
  for (const feed of feeds) {
    running.feed(feed).catch((error: unknown) => {
      logger.error({ feed: feed.name, err: error }, `${feed.name} ended: ${messageOf(error)}`);
    });
  }
  // A part that failed for good is a bug or a state that only a start can mend: crash, and recover.
  running.failed.catch((error: unknown) => {
    setImmediate(() => {
      throw error;
    });
  });
}

function health(): PipelineHealth {
  const waiting: FeedStatus = { state: 'connecting', detail: 'starting', reconnects: 0 };
  return {
    engine: engine?.report() ?? { state: 'starting', detail: 'the log is being opened' },
    feeds: feeds.map((feed) => ({ name: feed.name, ...(feed.status?.() ?? waiting) })),
  };
}

// What each role does with a partition of the log: the same ingest, engine and sinks that run
// together in one process, each on a log of its own.

import { microsPerSecond, systemClock } from '../base/clock.ts';
import { Failure, messageOf } from '../base/failure.ts';
import { prng } from '../base/prng.ts';
import type { Feed } from '../feeds/feed.ts';
import { rowTopics } from '../flink/names.ts';
import type { PartHealth } from '../gateway/health.ts';
import type { Log, Topic } from '../log/log.ts';
import type { Follower } from '../pipeline/follower.ts';
import { Ingest, knownTrades } from '../pipeline/ingest.ts';
import type { Meters } from '../pipeline/meters.ts';
import { Persist } from '../pipeline/persist.ts';
import { publishTrades } from '../pipeline/publish.ts';
import type { Shard } from '../pipeline/shard.ts';
import type { Config } from './config.ts';
import { allowedLateness, Engine } from './engine.ts';
import { FollowHealth } from './follow-health.ts';
import type { PlantLogger } from './plant.ts';
import { needsOf, type RetentionLimits, trimStored } from './retention.ts';
import type { Job } from './shards.ts';
import {
  type DatabaseConnection,
  kafkaOf,
  openShardLog,
  openShardRows,
  openSinks,
  shardFeed,
} from './wire.ts';

export interface JobParts {
  readonly config: Config;
  readonly meters: Meters;
  readonly logger: PlantLogger;
}

/** What a day's data may still change, unless CORRECTION_HORIZON_HOURS says otherwise. */
const correctionHours = 24;
const deriveLingerMs = 20;
const storeLingerMs = 100;
const publishLingerMs = 100;
/** Some 6,000 trades: their rows go in one transaction, which Kafka gives up after 15 s. */
const publishReadBytes = 2 ** 18;
const housekeepingMs = 60_000;
/** How long a job has to finish what it has begun. */
const stopMsMax = 10_000;

/** Runs the live feeds with the symbols that are the partition's. */
export async function startIngest(parts: JobParts, partition: number): Promise<Job> {
  const { config, logger } = parts;
  const shard = { partition, of: kafkaOf(config).partitions };
  const log = await openShardLog(config, 'ingest', partition, logger);
  const random = prng(Number(systemClock.now() % 2 ** 32));
  const feeds: Feed[] = [];
  for (const name of config.feeds) {
    const known = await knownTrades(log, name);
    const feed = await shardFeed(name, config, known, random, logger, shard);
    if (feed) feeds.push(feed);
  }
  const horizon = config.correctionHours ?? correctionHours;
  return feedInto(parts, log, shard, feeds, horizon, true);
}

/** Takes feeds in, of which what is the partition's is kept. `done` once they have ended. */
export function feedInto(
  parts: JobParts,
  log: Log,
  shard: Shard,
  feeds: readonly Feed[],
  horizonHours: number,
  keepTrying: boolean,
): Job {
  const { meters, logger } = parts;
  const correctionHorizon = horizonHours * 3_600 * microsPerSecond;
  const options = { allowedLateness, correctionHorizon, shard };
  const ingest = new Ingest(log, systemClock, options, meters);
  const stopped = new AbortController();
  const feeding = feeds.map(async (feed) => {
    try {
      await ingest.run(feed, stopped.signal, keepTrying);
    } catch (error) {
      logger.error({ feed: feed.name, err: error }, `${feed.name} ended: ${messageOf(error)}`);
      throw error;
    }
  });
  const idle = feeds.length > 0 ? [] : [untilAborted(stopped.signal)];
  const watched = { health: () => feedsHealth(feeds), following: [] };
  return jobOf(parts, log, [...feeding, ...idle], watched, async () => {
    stopped.abort();
    await Promise.allSettled(feeding);
  });
}

function feedsHealth(feeds: readonly Feed[]): PartHealth {
  if (feeds.length === 0) return { state: 'ok', detail: 'no symbol of the feeds is its' };
  const told = feeds.map((feed) => {
    const { state = 'live', detail = '' } = feed.status?.() ?? {};
    const text = `${feed.name} ${state}: ${detail}`;
    return { isFlowing: state === 'live' || state === 'ended', text };
  });
  const state = told.every(({ isFlowing }) => isFlowing) ? 'ok' : 'degraded';
  return { state, detail: told.map(({ text }) => text).join('; ') };
}

/** Quotes, which nobody stores, leave the log once they are derived. */
export async function startEngine(parts: JobParts, partition: number): Promise<Job> {
  const { config, meters, logger } = parts;
  const log = await openShardLog(config, 'engine', partition, logger);
  const engine = new Engine(log, systemClock, meters);
  const running = engine.run({ lingerMs: deriveLingerMs, keepTrying: true, leavesRest: true });
  const stopped = new AbortController();
  const keeping = keepHouse(
    parts,
    async () => {
      const needs = needsOf(engine.followers);
      await log.need(needs);
      const quotes = needs['market.quotes'] ?? 0;
      const keepFrom = (topic: Topic): number => (topic === 'market.quotes' ? quotes : 0);
      await log.trim({ ...limitsOf(config), keepFrom });
    },
    stopped.signal,
  );
  return jobOf(parts, log, [running, keeping], followed(engine.followers, log), async () => {
    stopped.abort();
    await engine.stop();
  });
}

/** What is old and stored leaves the log, once those who follow it have read it too. */
export async function startPersist(
  parts: JobParts,
  database: DatabaseConnection,
  partition: number,
): Promise<Job> {
  const { config, meters, logger } = parts;
  const log = await openShardLog(config, 'persist', partition, logger);
  const sinks = await openSinks(database, log);
  const stored = new Map<Topic, number>();
  const stopped = new AbortController();
  const shared = {
    log,
    clock: systemClock,
    random: prng(Number(systemClock.now() % 2 ** 32)),
    meters,
    logger,
    onStored: (topic: Topic, offset: number) => stored.set(topic, offset),
    onLost: () => undefined,
  };
  const options = { lingerMs: storeLingerMs, keepTrying: true, leavesRest: true };
  const persists = sinks.map((sink) => new Persist({ ...shared, sink }, options));
  const storing = persists.map((persist) => persist.run(stopped.signal));
  const storedOf = (topic: Topic): number => stored.get(topic) ?? 0;
  const trim = async (): Promise<void> => await trimStored(log, storedOf, limitsOf(config));
  const keeping = keepHouse(parts, trim, stopped.signal);
  const { following, ...usual } = followed(persists, log);
  const watched = { following, health: () => storeTrouble(persists) ?? usual.health() };
  return jobOf(parts, log, [...storing, keeping], watched, async () => {
    stopped.abort();
    await Promise.allSettled([...storing, keeping]);
    await Promise.all(sinks.map((sink) => sink.close()));
  });
}

function storeTrouble(persists: readonly Persist[]): PartHealth | null {
  const troubles = persists.flatMap(({ topic, failure }) => {
    return failure ? [`storing ${topic} waits: ${failure.message} ${failure.cure}`] : [];
  });
  return troubles.length > 0 ? { state: 'down', detail: troubles.join('; ') } : null;
}

/** Publishes the partition's trades, in the transactions that hold how far it has come. */
export async function startPublish(parts: JobParts, partition: number): Promise<Job> {
  const { config, meters, logger } = parts;
  const { log, rows } = await openShardRows(config, partition, logger);
  const stopped = new AbortController();
  const { signal } = stopped;
  const to = { rows, topic: rowTopics.trades, keepTrying: true, signal, logger };
  const follower = publishTrades(log, to, systemClock, meters);
  const readBytes = publishReadBytes;
  const options = { lingerMs: publishLingerMs, keepTrying: true, leavesRest: true, readBytes };
  const running = follower.run(options, signal);
  const keeping = keepHouse(parts, async () => await log.need(needsOf([follower])), signal);
  return jobOf(parts, log, [running, keeping], followed([follower], log), async () => {
    stopped.abort();
    await Promise.allSettled([running, keeping]);
    await rows.close();
  });
}

function limitsOf({ retentionHours, retentionGigabytes }: Config): RetentionLimits {
  const before = systemClock.now() - retentionHours * 3_600 * microsPerSecond;
  return { before, bytesMax: retentionGigabytes * 2 ** 30 };
}

/** Does what retention asks of the role, each minute. */
async function keepHouse(
  { logger }: JobParts,
  work: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    // First of all followers recover, and know what they need.
    await systemClock.wait(housekeepingMs, signal);
    if (signal.aborted) return;
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Failure && error.kind.retryable)) throw error;
      logger.warn({ cure: error.cure }, `retention waits: ${error.message}`);
    }
  }
}

interface Watched {
  readonly health: () => PartHealth;
  /** Those of it that follow topics. */
  readonly following: readonly { measure(): void; forget(): void }[];
}

function followed(following: readonly (Follower | Persist)[], log: Log): Watched {
  const health = new FollowHealth(following, log, systemClock);
  return { health: () => health.report(), following };
}

/** A job over a log that is its own, of parts that are stopped together. */
function jobOf(
  { meters }: JobParts,
  log: Log,
  running: readonly Promise<void>[],
  { health, following }: Watched,
  end: () => Promise<void>,
): Job {
  const done = Promise.all(running).then(() => undefined);
  done.catch(() => undefined);
  return {
    done,
    async stop() {
      const ended = end();
      const waiting = new AbortController();
      await Promise.race([ended, systemClock.wait(stopMsMax, waiting.signal)]);
      waiting.abort();
      // What still waits for servers that are away ends with the log.
      await log.close();
      await ended;
      for (const one of following) one.forget();
    },
    health,
    measure() {
      for (const ms of log.stats().commitMs) meters.commit.observe(ms / 1000);
      for (const one of following) one.measure();
    },
  };
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

// `tapeline replay`: takes recorded files through ingest, log, engine and database, and returns
// once every trade and candle is stored. Running it again adds nothing; killed, it is simply run
// again.

import { constants, setPriority } from 'node:os';
import { microsPerSecond, systemClock } from '../../base/clock.ts';
import { cancelTooLate, tooLate, verdictName } from '../../contracts/verdict.ts';
import type { Meters } from '../../pipeline/meters.ts';
import type { Config } from '../config.ts';
import { openProgress } from '../progress.ts';
import type { Job } from '../shards.ts';
import { StoreThread } from '../threads.ts';
import {
  growthSignal,
  kafkaOf,
  lockFolder,
  openLog,
  openReplay,
  openShardLog,
  prepareCluster,
  type ReplayQuery,
  refuseBesideIngest,
} from '../wire.ts';

export interface ReplayOptions extends ReplayQuery {
  readonly quiet?: boolean;
}

export async function replay(
  config: Config,
  files: readonly string[],
  options: ReplayOptions,
): Promise<void> {
  if (config.kafka !== null) return await replayIntoShards(config, files, options);
  const started = systemClock.now();
  const interrupted = onInterrupt();
  const progress = openProgress(options.quiet !== true);
  const feed = await openReplay(files, options, systemClock, (at) => progress.show(at));
  await using ends = new AsyncDisposableStack();
  const lock = await lockFolder(config, 'replay', null);
  ends.defer(() => lock.release());
  const growth = growthSignal();
  const store = new StoreThread(config, growth, 'stderr', { lingerMs: 0, keepTrying: false });
  ends.defer(() => store.close({ wait: false }));
  // The tape does not wait for the database, which is slower to start.
  store.open().catch(() => undefined);
  // Nor does the database wait for what the tape needs to be loaded.
  const [{ openLogger }, { Plant }, { pipelineMeters }, { Registry }] = await Promise.all([
    import('../logger.ts'),
    import('../plant.ts'),
    import('../../pipeline/meters.ts'),
    import('@prometheus-io/client'),
  ]);
  const logger = openLogger(config.logLevel, 'stderr');
  const log = await openLog(config, logger, growth);
  const meters = pipelineMeters(new Registry());
  ends.defer(async () => await tellSummary(meters, started));
  ends.defer(() => log.close());
  ends.defer(() => store.stop());
  // What a replay ends with is the database, so of a machine's few cores it has the first claim.
  setPriority(constants.priority.PRIORITY_LOW);
  const plant = new Plant({
    log,
    clock: systemClock,
    meters,
    logger,
    keepTrying: false,
    lingerMs: 0,
    stored: (topic) => store.positions.of(topic),
    // A replay loads the past on purpose, so it has no horizon unless one was asked for.
    correctionHorizon: (config.correctionHours ?? Infinity) * 3_600 * microsPerSecond,
    retentionHours: config.retentionHours,
    retentionGigabytes: config.retentionGigabytes,
  });
  ends.defer(() => plant.stop());
  interrupted.addEventListener('abort', () => plant.stopFeeds());
  if (interrupted.aborted) plant.stopFeeds();
  ends.defer(() => progress.clear());
  store.run();
  await Promise.race([plant.feed(feed), store.failed]);
}

/**
 * Into the log over Kafka, in the place of `tapeline run ingest`: engine and persist are processes
 * of their own. The files are read once for each partition, at the same time.
 */
async function replayIntoShards(
  config: Config,
  files: readonly string[],
  options: ReplayOptions,
): Promise<void> {
  const started = systemClock.now();
  const interrupted = onInterrupt();
  const [{ openLogger }, { feedInto }, { pipelineMeters }, { Registry }] = await Promise.all([
    import('../logger.ts'),
    import('../jobs.ts'),
    import('../../pipeline/meters.ts'),
    import('@prometheus-io/client'),
  ]);
  const logger = openLogger(config.logLevel, 'stderr');
  const meters = pipelineMeters(new Registry());
  await prepareCluster(config, 'ingest');
  await refuseBesideIngest(config);
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => await tellSummary(meters, started));
  const progress = openProgress(options.quiet !== true);
  ends.defer(() => progress.clear());
  const of = kafkaOf(config).partitions;
  const jobs: Job[] = [];
  for (let partition = 0; partition < of; partition++) {
    const feed = await openReplay(files, options, systemClock, (at) => progress.show(at));
    const log = await openShardLog(config, 'ingest', partition, logger);
    const horizon = config.correctionHours ?? Number.POSITIVE_INFINITY;
    const parts = { config, meters, logger };
    const job = feedInto(parts, log, { partition, of }, [feed], horizon, false);
    ends.defer(() => job.stop());
    jobs.push(job);
  }
  const stop = (): void => void Promise.all(jobs.map((job) => job.stop()));
  interrupted.addEventListener('abort', stop);
  if (interrupted.aborted) stop();
  await Promise.all(jobs.map((job) => job.done));
}

const interruptedCode = 130;

/** Aborts at the first signal, after which what was taken in is stored; the second ends at once. */
function onInterrupt(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(interruptedCode);
      process.exitCode = interruptedCode;
      interrupted.abort();
    });
  }
  return interrupted.signal;
}

async function tellSummary(meters: Meters, started: number): Promise<void> {
  const seconds = (systemClock.now() - started) / 1e6;
  process.stderr.write(`${await summary(meters)} in ${seconds.toFixed(2)} s\n`);
}

/** What was taken in and stored, leaving out what there was none of. */
async function summary(meters: Meters): Promise<string> {
  const [taken, again, judged, made, dead] = await Promise.all([
    meters.records.get(),
    meters.repeats.get(),
    meters.corrections.get(),
    meters.candles.get(),
    meters.deadLetters.get(),
  ]);
  const sum = (values: readonly { value: number }[]): number =>
    values.reduce((total, { value }) => total + value, 0);
  const of = (stream: string) =>
    taken.values.filter(({ labels }) => 'stream' in labels && labels.stream === stream);
  const refusals: unknown[] = [tooLate, cancelTooLate].map(verdictName);
  const refused = judged.values.filter(
    ({ labels }) => 'verdict' in labels && refusals.includes(labels.verdict),
  );
  const parts: [number, string][] = [
    [sum(of('trades')), 'trades'],
    [sum(of('quotes')), 'quotes'],
    [sum(of('bars')), 'bars'],
    [sum(made.values), 'candle versions'],
    [sum(refused), 'too late to change a candle'],
    [sum(again.values), 'repeats passed over'],
    [sum(dead.values), 'dead letters (see tapeline status)'],
  ];
  const told = parts.filter(([count]) => count > 0);
  if (told.length === 0) return 'nothing new';
  return told.map(([count, what]) => `${count.toLocaleString('en')} ${what}`).join(', ');
}

// `tapeline replay`: takes recorded files through ingest, log, engine and database, and returns once
// every trade and candle is stored. Running it again adds nothing; killed, it is simply run again.

import { Registry } from '@prometheus-io/client';
import { systemClock } from '../../base/clock.ts';
import { prng } from '../../base/prng.ts';
import { pipelineMeters } from '../../pipeline/meters.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import { Plant } from '../plant.ts';
import { openProgress } from '../progress.ts';
import { growthSignal, lockFolder, openDatabase, openLog, openReplay, openSinks } from '../wire.ts';

export interface ReplayOptions {
  /** Times real time; Infinity is as fast as possible. */
  readonly speed: number;
  readonly symbol?: string;
  readonly date?: string;
  readonly timeZone?: string;
  readonly quiet?: boolean;
}

export async function replay(
  config: Config,
  files: readonly string[],
  options: ReplayOptions,
): Promise<void> {
  const started = systemClock.now();
  const logger = openLogger(config.logLevel === 'info' ? 'warn' : config.logLevel, 'stderr');
  const lock = await lockFolder(config, 'replay', null);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => interrupted.abort());
  }
  const [database, log] = await Promise.all([
    openDatabase(config, logger),
    openLog(config, logger, growthSignal()),
  ]);
  const before = ends(log);
  const registry = new Registry();
  const plant = new Plant({
    log,
    sinks: openSinks(database.connection, log.epoch),
    clock: systemClock,
    random: prng(1),
    meters: pipelineMeters(registry),
    logger,
    keepTrying: false,
    lingerMs: 0,
    retentionHours: config.retentionHours,
    retentionGigabytes: config.retentionGigabytes,
  });
  const progress = openProgress(options.quiet !== true);
  let failure: unknown;
  try {
    const feed = openReplay(files, options, systemClock, (at) => progress.show(at));
    interrupted.signal.addEventListener('abort', () => plant.stopFeeds());
    await plant.feed(feed);
  } catch (error) {
    failure = error;
  }
  progress.clear();
  await plant.stop();
  const after = ends(log);
  await log.close();
  await database.stop({ wait: false });
  lock.release();
  const seconds = (systemClock.now() - started) / 1e6;
  process.stderr.write(`${summary(before, after, seconds)}\n`);
  if (interrupted.signal.aborted) process.exitCode = 130;
  if (failure) throw failure;
}

type Ends = Readonly<Record<'trades' | 'quotes' | 'candles' | 'deadLetters', number>>;

function ends(log: Awaited<ReturnType<typeof openLog>>): Ends {
  return {
    trades: log.range('market.trades', 0).end,
    quotes: log.range('market.quotes', 0).end,
    candles: log.range('market.candles', 0).end,
    deadLetters: log.range('dead-letter', 0).end,
  };
}

function summary(before: Ends, after: Ends, seconds: number): string {
  const count = (what: keyof Ends): string => (after[what] - before[what]).toLocaleString('en');
  const letters = after.deadLetters - before.deadLetters;
  const dead = letters > 0 ? `, ${count('deadLetters')} dead letters (see tapeline status)` : '';
  const market = `${count('trades')} trade and ${count('quotes')} quote records`;
  return `${market}, ${count('candles')} candles stored in ${seconds.toFixed(2)} s${dead}`;
}

// The only file that names implementations: which log, which database, which feeds. Everything else
// knows the ports alone.

import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Failure } from '../base/failure.ts';
import type { Prng } from '../base/prng.ts';
import type { PriceKind } from '../contracts/candle.ts';
import type { Interval } from '../contracts/interval.ts';
import { formatTime } from '../contracts/time.ts';
import { coinbaseFeed } from '../feeds/coinbase/coinbase.ts';
import type { Feed } from '../feeds/feed.ts';
import { krakenFeed } from '../feeds/kraken/kraken.ts';
import { type ReplayProgress, replayFeed } from '../feeds/replay/replay.ts';
import { simulatorFeed } from '../feeds/simulator/simulator.ts';
import type { Log } from '../log/log.ts';
import { openEmbeddedLog, signalBytes } from '../log/log-embedded.ts';
import type { Database } from '../store/database.ts';
import { runningPostgres, startPostgres } from '../store/embedded-postgres.ts';
import { exportCandles, exportTrades } from '../store/export.ts';
import type { History, Span } from '../store/history.ts';
import { openHistory as openPostgresHistory } from '../store/history-postgres.ts';
import { migrate } from '../store/migrate.ts';
import type { Config, FeedName } from './config.ts';
import { type DataFolderLock, lockDataFolder } from './data-folder.ts';
import type { PlantLogger } from './plant.ts';

export type DatabaseConnection = Database;

export interface OpenDatabase {
  readonly connection: DatabaseConnection;
  /** Resolves with what went wrong when the database ends without being told to. */
  readonly ended: Promise<Failure | null>;
  /** `wait: false` lets it write its last pages while we go on. */
  stop(options?: { readonly wait?: boolean }): Promise<void>;
}

/** The database of the configuration, migrated: DATABASE_URL, else our own in the data folder. */
export async function openDatabase(config: Config, logger: PlantLogger): Promise<OpenDatabase> {
  const database = await locateDatabase(config, logger);
  try {
    await migrate(database.connection);
  } catch (error) {
    await database.stop();
    throw error;
  }
  return database;
}

async function locateDatabase(config: Config, logger: PlantLogger): Promise<OpenDatabase> {
  if (config.databaseUrl === null) {
    return await startPostgres({ folder: postgresFolder(config), logger });
  }
  return notOurs(config.databaseUrl);
}

/** A database that others run: there is nothing to stop. */
function notOurs(connection: DatabaseConnection): OpenDatabase {
  const { promise: ended, resolve } = Promise.withResolvers<null>();
  return { connection, ended, stop: async () => resolve(null) };
}

/** The database for a command that reads: that of the running instance, else opened for a while. */
export async function borrowDatabase(
  config: Config,
  command: string,
  logger: PlantLogger,
): Promise<OpenDatabase> {
  if (config.databaseUrl !== null) return notOurs(config.databaseUrl);
  const running = await runningPostgres(postgresFolder(config));
  if (running) return notOurs(running);
  const lock = await lockFolder(config, command, null);
  const database = await openDatabase(config, logger);
  return {
    ...database,
    async stop(options) {
      await database.stop(options);
      lock.release();
    },
  };
}

/** The exclusive lock on the data folder, in the name of a command; `port` where it serves. */
export async function lockFolder(
  config: Config,
  command: string,
  port: number | null,
): Promise<DataFolderLock> {
  const started = formatTime(systemClock.now());
  return await lockDataFolder(config.dataDir, { started, command: `tapeline ${command}`, port });
}

function postgresFolder(config: Config): string {
  return join(config.dataDir, 'postgres');
}

/** Memory that tells the readers of other threads that the log has grown. */
export function growthSignal(): SharedArrayBuffer {
  return new SharedArrayBuffer(signalBytes);
}

export async function openLog(
  config: Config,
  logger: PlantLogger,
  signal: SharedArrayBuffer,
  readOnly = false,
): Promise<Log> {
  const folder = join(config.dataDir, 'log');
  return await openEmbeddedLog({ folder, logger, clock: systemClock, signal, readOnly });
}

export function openHistory(database: DatabaseConnection): History & { close(): Promise<void> } {
  return openPostgresHistory({ database });
}

export interface ExportQuery extends Span {
  readonly format: 'csv' | 'json' | 'parquet';
  readonly symbol?: string;
  readonly interval?: Interval;
  readonly price?: PriceKind;
}

export function exportStream(
  database: DatabaseConnection,
  what: 'candles' | 'trades',
  query: ExportQuery,
): AsyncIterable<Uint8Array> {
  if (what === 'trades') return exportTrades(database, query);
  const wanted = query.interval === undefined ? {} : { intervals: [query.interval] };
  return exportCandles(database, { ...query, ...wanted });
}

export function liveFeed(
  name: FeedName,
  config: Config,
  clock: Clock,
  random: Prng,
  logger: PlantLogger,
): Feed {
  const symbols = config.symbols.length > 0 ? { symbols: config.symbols } : {};
  const { tradesPerSecond } = config;
  switch (name) {
    case 'simulator':
      return simulatorFeed({ ...symbols, tradesPerSecond, seed: random.integer(2 ** 32), clock });
    case 'coinbase':
      return coinbaseFeed({ ...symbols, clock, random, logger });
    case 'kraken':
      return krakenFeed({ ...symbols, clock, random, logger });
  }
}

export interface ReplayQuery {
  /** Infinity is as fast as possible. */
  readonly speed: number;
  readonly symbol?: string;
  readonly date?: string;
  readonly timeZone?: string;
}

export function openReplay(
  files: readonly string[],
  query: ReplayQuery,
  clock: Clock,
  onProgress: (progress: ReplayProgress) => void,
): Feed {
  const speed = query.speed === Number.POSITIVE_INFINITY ? 'max' : query.speed;
  return replayFeed({ ...query, files, speed, clock, onProgress });
}

// The only file that names implementations: which log, which database, which feeds. Everything else
// knows the ports alone. Each is loaded when it is asked for, so that a command starts with no more
// than it needs.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Prng } from '../base/prng.ts';
import type { Interval } from '../contracts/interval.ts';
import { formatTime } from '../contracts/time.ts';
import type { Tape } from '../contracts/trade.ts';
import type {
  ActionFile,
  ActionFileOptions,
  FileActions,
} from '../corporate-actions/action-files.ts';
import type { Feed } from '../feeds/feed.ts';
import type { KnownTrade } from '../feeds/live-feed.ts';
import type { ReplayProgress } from '../feeds/replay/replay.ts';
import { rowTopics } from '../flink/names.ts';
import type { SharedCounts } from '../gateway/request-counts.ts';
import { signalBytes } from '../log/embedded/signal.ts';
import type { ClusterOptions } from '../log/kafka/cluster.ts';
import type { Log, LogName, Topic } from '../log/log.ts';
import type { Rows } from '../log/rows.ts';
import type { ShardLog } from '../log/shard-log.ts';
import { isOf, type Shard } from '../pipeline/shard.ts';
import type { ImportCounts } from '../store/corporate-actions.ts';
import type { Database } from '../store/database.ts';
import type { Exports } from '../store/exports.ts';
import type { History } from '../store/history.ts';
import type { Rework } from '../store/rework.ts';
import type { Sink } from '../store/sink.ts';
import type { Config, FeedName, KafkaConfig } from './config.ts';
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
    const { migrate } = await import('../store/migrate.ts');
    await migrate(database.connection);
  } catch (error) {
    await database.stop();
    throw error;
  }
  return database;
}

async function locateDatabase(config: Config, logger: PlantLogger): Promise<OpenDatabase> {
  if (config.databaseUrl === null) {
    const { startPostgres } = await import('../store/embedded-postgres.ts');
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
  const { runningPostgres } = await import('../store/embedded-postgres.ts');
  const running = await runningPostgres(postgresFolder(config));
  if (running) return notOurs(running);
  return await ownDatabase(config, command, logger);
}

/** The database for a command that nobody else may run beside. */
export async function ownDatabase(
  config: Config,
  command: string,
  logger: PlantLogger,
): Promise<OpenDatabase> {
  const lock = await lockFolder(config, command, null);
  try {
    const database = await openDatabase(config, logger);
    return {
      ...database,
      async stop(options) {
        await database.stop(options);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
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

/** The log of the configuration: in RabbitMQ with RABBITMQ_URL, else in the data folder. */
export async function openLog(
  config: Config,
  logger: PlantLogger,
  signal: SharedArrayBuffer,
  readOnly = false,
): Promise<Log> {
  if (config.rabbitMqUrl !== null) {
    const { openRabbitMqLog } = await import('../log/log-rabbitmq.ts');
    const where = { url: config.rabbitMqUrl, prefix: 'tapeline', partition: 0 };
    return await openRabbitMqLog({ ...where, clock: systemClock, readOnly });
  }
  const { openEmbeddedLog } = await import('../log/log-embedded.ts');
  const folder = join(config.dataDir, 'log');
  return await openEmbeddedLog({ folder, logger, clock: systemClock, signal, readOnly });
}

/** The cluster of the configuration. Throws Failure `bad-configuration` when there is none. */
export function kafkaOf({ kafka }: Config): KafkaConfig {
  if (kafka) return kafka;
  throw new Failure(
    'bad-configuration',
    'KAFKA_BOOTSTRAP_SERVERS is not set, and several processes meet in Kafka.',
    'Set it to host:port of some servers; or run all in one process: tapeline start.',
  );
}

/** What a role writes, and what of others it reads. */
const topicsOf = {
  ingest: {
    writes: ['market.trades', 'market.quotes', 'instruments', 'dead-letter'],
    follows: [],
  },
  engine: {
    writes: ['market.candles', 'market.signals'],
    follows: ['market.trades', 'market.quotes'],
  },
  persist: {
    writes: [],
    follows: ['instruments', 'market.trades', 'market.candles', 'market.signals', 'dead-letter'],
  },
  gateway: {
    writes: [],
    follows: [
      'instruments',
      'market.trades',
      'market.quotes',
      'market.candles',
      'market.signals',
      'news.articles',
    ],
  },
  publish: {
    writes: [],
    follows: ['market.trades'],
  },
} as const satisfies Record<string, { writes: readonly Topic[]; follows: readonly Topic[] }>;
export type Role = keyof typeof topicsOf;

function clusterOf({ servers, security, prefix }: KafkaConfig, role: Role): ClusterOptions {
  return { bootstrapServers: servers, clientId: `tapeline-${role}`, security, prefix };
}

/** Makes the topics where they are not there yet. */
export async function prepareCluster(config: Config, role: Role): Promise<void> {
  const kafka = kafkaOf(config);
  const { createTopics } = await import('../log/kafka/cluster.ts');
  await createTopics(clusterOf(kafka, role), kafka.partitions);
}

/** A partition of the log over Kafka. Where the role writes it takes over from whoever did. */
export async function openShardLog(
  config: Config,
  role: Role,
  partition: number,
  logger: PlantLogger,
): Promise<ShardLog> {
  const { openKafkaLog } = await import('../log/log-kafka.ts');
  return await openKafkaLog({
    ...clusterOf(kafkaOf(config), role),
    ...topicsOf[role],
    role: role === 'persist' || role === 'gateway' ? null : role,
    partition,
    clock: systemClock,
    logger,
  });
}

/** The partition's log for publishing, and rows that its commits take along. */
export async function openShardRows(
  config: Config,
  partition: number,
  logger: PlantLogger,
): Promise<{ readonly log: ShardLog; readonly rows: Rows }> {
  const log = await openShardLog(config, 'publish', partition, logger);
  try {
    return { log, rows: await openRowTopics(config, log) };
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Whether a sink keeps the topic. */
export function isStored(topic: Topic): boolean {
  return topic !== 'market.quotes' && topic !== 'news.articles';
}

export interface OpenPositions {
  of(topic: string, partition: number): number;
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** The logs of all partitions, in their order, for reading. */
export async function openShardLogs(config: Config, logger: PlantLogger): Promise<readonly Log[]> {
  const { partitions } = kafkaOf(config);
  const opening = Array.from({ length: partitions }, (_, partition) =>
    openShardLog(config, 'gateway', partition, logger),
  );
  const opened = await Promise.allSettled(opening);
  const logs = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = opened.find(({ status }) => status === 'rejected');
  if (!failed) return logs;
  await Promise.all(logs.map((log) => log.close()));
  throw (failed as PromiseRejectedResult).reason;
}

/** How far the writers of other processes are in each partition. */
export async function openPositions(
  database: DatabaseConnection,
  epoch: string,
): Promise<OpenPositions> {
  const { StoredPositions } = await import('../store/stored-positions.ts');
  const positions = new StoredPositions(database, epoch);
  await positions.refresh();
  return positions;
}

/** Throws Failure `bad-configuration`: a database of our own is one process's alone. */
export function sharedDatabase(config: Config): Config {
  if (config.databaseUrl !== null) return config;
  throw new Failure(
    'bad-configuration',
    'DATABASE_URL is not set, and a database of our own could serve this process alone.',
    'Set it to the PostgreSQL that all processes share.',
  );
}

interface OpenGroup {
  /** Null while the partitions are surely ours. */
  readonly waitsFor: string | null;
  join(): Promise<void>;
  leave(): Promise<void>;
}

/** The group that divides the partitions among the processes of a role. */
export async function openGroup(
  config: Config,
  role: Role,
  logger: PlantLogger,
  onAssigned: (partitions: ReadonlySet<number>) => void,
): Promise<OpenGroup> {
  const kafka = kafkaOf(config);
  const { Group } = await import('../log/kafka/group.ts');
  const { instance } = kafka;
  const common = { ...clusterOf(kafka, role), role, instance, clock: systemClock };
  return new Group({ ...common, logger, onAssigned });
}

/** Throws Failure `bad-configuration` while processes run ingest, which would be taken over. */
export async function refuseBesideIngest(config: Config): Promise<void> {
  const kafka = kafkaOf(config);
  const { membersOf } = await import('../log/kafka/group.ts');
  const members = await membersOf(clusterOf(kafka, 'ingest'), 'ingest');
  if (members === 0) return;
  throw new Failure(
    'bad-configuration',
    `${members} processes run ingest now, and each partition has one writer.`,
    'Stop them before the replay, and start them again after it.',
  );
}

/** Of rows that Flink and others read. */
const rowPartitions = 4;

/** Where rows are published, their topics made where they are missing; null without brokers. */
export async function openRows(config: Config): Promise<Rows | null> {
  return config.kafka && (await openRowTopics(config, null));
}

async function openRowTopics(config: Config, log: ShardLog | null): Promise<Rows> {
  const { servers, security } = kafkaOf(config);
  const { schemaRegistryUrl: registryUrl } = config;
  const { openKafkaRows } = await import('../log/rows-kafka.ts');
  const { tradeRowSchema } = await import('../contracts/trade-row.ts');
  const contracts = { [rowTopics.trades]: tradeRowSchema };
  return await openKafkaRows({
    bootstrapServers: servers,
    clientId: 'tapeline-rows',
    security,
    topics: Object.values(rowTopics),
    partitions: rowPartitions,
    log,
    ...(registryUrl === null ? {} : { avro: { registryUrl, contracts } }),
  });
}

/** The counts of requests that gateways share; null where each counts for itself. */
export async function openSharedCounts(
  { redisUrl }: Config,
  logger: PlantLogger,
): Promise<SharedCounts | null> {
  if (redisUrl === null) return null;
  const { openRedisCounts } = await import('../gateway/request-counts-redis.ts');
  return openRedisCounts({ url: redisUrl, clock: systemClock, logger });
}

/** The store's writers, one to a topic. */
export async function openSinks(
  database: DatabaseConnection,
  { epoch, partition }: LogName,
): Promise<readonly Sink[]> {
  const [instruments, trades, candles, signals, deadLetters] = await Promise.all([
    import('../store/sink-instruments.ts'),
    import('../store/sink-trades.ts'),
    import('../store/sink-candles.ts'),
    import('../store/sink-signals.ts'),
    import('../store/sink-dead-letters.ts'),
  ]);
  const options = { database, epoch, partition };
  return [
    instruments.openInstrumentsSink(options),
    trades.openTradesSink(options),
    candles.openCandlesSink(options),
    signals.openSignalsSink(options),
    deadLetters.openDeadLettersSink(options),
  ];
}

/** How many records the log holds that the store does not; for whoever owns the data folder. */
export async function unstoredRecords(
  config: Config,
  logger: PlantLogger,
  database: DatabaseConnection,
): Promise<number> {
  if (config.rabbitMqUrl === null && !existsSync(join(config.dataDir, 'log'))) return 0;
  const log = await openLog(config, logger, growthSignal());
  const sinks = await openSinks(database, log);
  try {
    const behind = sinks.map(async (sink) => {
      return log.range(sink.topic as Topic).end - (await sink.position());
    });
    return (await Promise.all(behind)).reduce((sum, records) => sum + records, 0);
  } finally {
    await Promise.all(sinks.map((sink) => sink.close()));
    await log.close();
  }
}

/** Puts one month of candles that is over in order; see store/month-order.ts. */
export async function orderMonth(
  database: DatabaseConnection,
  signal: AbortSignal,
): Promise<string | null> {
  const store = await import('../store/month-order.ts');
  return await store.orderMonth(database, systemClock.now(), signal);
}

export async function openRework(database: DatabaseConnection): Promise<Rework> {
  const store = await import('../store/rework-postgres.ts');
  return await store.openRework(database);
}

export type OpenHistory = History & { close(): Promise<void> };

export async function openHistory(database: DatabaseConnection): Promise<OpenHistory> {
  const store = await import('../store/history-postgres.ts');
  return store.openHistory({ database });
}

export async function openExports(database: DatabaseConnection): Promise<Exports> {
  const { exportCandles, exportTrades } = await import('../store/export.ts');
  return {
    trades: (query) => exportTrades(database, query),
    candles({ interval, adjustment = 'raw', asof = systemClock.now(), ...query }) {
      const { symbol } = query;
      const wanted = interval === undefined ? {} : { intervals: [interval] };
      const series = symbol === undefined ? {} : { series: { symbol, adjustment, asof } };
      return exportCandles(database, { ...query, ...wanted, ...series });
    },
  };
}

export async function parseActions(
  files: readonly ActionFile[],
  options: ActionFileOptions,
): Promise<readonly FileActions[]> {
  const { actionsOf } = await import('../corporate-actions/action-files.ts');
  return files.map((file) => actionsOf(file, options));
}

/** Into a database that may be older than we are. */
export async function importActions(
  database: DatabaseConnection,
  files: readonly FileActions[],
  onFile: (index: number) => void,
): Promise<ImportCounts> {
  const { migrate } = await import('../store/migrate.ts');
  await migrate(database);
  const store = await import('../store/corporate-actions.ts');
  return await store.importActions(database, files, onFile);
}

/** `known`: by symbol, the newest trade that the log has from this feed. */
export async function liveFeed(
  name: FeedName,
  config: Config,
  known: ReadonlyMap<string, KnownTrade>,
  clock: Clock,
  random: Prng,
  logger: PlantLogger,
): Promise<Feed> {
  const symbols = config.symbols.length > 0 ? { symbols: config.symbols } : {};
  const { tradesPerSecond } = config;
  switch (name) {
    case 'simulator': {
      const { simulatorFeed } = await import('../feeds/simulator/simulator.ts');
      return simulatorFeed({ ...symbols, tradesPerSecond, seed: random.integer(2 ** 32), clock });
    }
    case 'coinbase': {
      const { coinbaseFeed } = await import('../feeds/coinbase/coinbase.ts');
      return coinbaseFeed({ ...symbols, known, clock, random, logger });
    }
    case 'kraken': {
      const { krakenFeed } = await import('../feeds/kraken/kraken.ts');
      return krakenFeed({ ...symbols, known, clock, random, logger });
    }
  }
}

/** The part of a live feed that is a shard's; null where none of its symbols are. */
export async function shardFeed(
  name: FeedName,
  config: Config,
  known: ReadonlyMap<string, KnownTrade>,
  random: Prng,
  logger: PlantLogger,
  shard: Shard,
): Promise<Feed | null> {
  const { symbols: all, nameOf } = await symbolsOf(name);
  const wanted = config.symbols.length > 0 ? config.symbols : all;
  const symbols = wanted.filter((symbol) => isOf(shard, nameOf(symbol)));
  if (symbols.length === 0) return null;
  const share = symbols.length / wanted.length;
  const tradesPerSecond = Math.max(1, Math.round(config.tradesPerSecond * share));
  const own = { ...config, symbols, tradesPerSecond };
  return await liveFeed(name, own, known, systemClock, random, logger);
}

/** A feed's symbols when none are asked for, and what it calls one that is. */
async function symbolsOf(name: FeedName) {
  switch (name) {
    case 'simulator': {
      const { defaultSymbols } = await import('../feeds/simulator/listing.ts');
      return { symbols: defaultSymbols, nameOf: (symbol: string) => symbol };
    }
    case 'coinbase': {
      const { defaultSymbols } = await import('../feeds/coinbase/coinbase.ts');
      return { symbols: defaultSymbols, nameOf: (symbol: string) => symbol.replace('/', '-') };
    }
    case 'kraken': {
      const { defaultSymbols } = await import('../feeds/kraken/kraken.ts');
      const { pairOf } = await import('../feeds/kraken/pair.ts');
      return {
        symbols: defaultSymbols,
        nameOf: (symbol: string) => pairOf(symbol)?.symbol ?? symbol,
      };
    }
  }
}

export interface ReplayQuery {
  /** Infinity is as fast as possible. */
  readonly speed: number;
  readonly symbol?: string;
  readonly date?: string;
  readonly timeZone?: string;
  readonly interval?: Interval;
  readonly tape?: Tape;
  readonly calendar?: string;
}

export async function openReplay(
  files: readonly string[],
  query: ReplayQuery,
  clock: Clock,
  onProgress: (progress: ReplayProgress) => void,
): Promise<Feed> {
  const { replayFeed } = await import('../feeds/replay/replay.ts');
  const speed = query.speed === Number.POSITIVE_INFINITY ? 'max' : query.speed;
  return replayFeed({ ...query, files, speed, clock, onProgress });
}

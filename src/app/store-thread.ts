// The thread of the store: it starts the database, and its writers each read their topic from the
// log and copy it there. PostgreSQL takes rows as fast as they come only when its socket is never
// left waiting for the engine.

import { workerData } from 'node:worker_threads';
import type { Registry } from '@prometheus-io/client';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { prng } from '../base/prng.ts';
import { type Topic, topics } from '../log/log.ts';
import type { Persist, PersistOptions } from '../pipeline/persist.ts';
import type { Config } from './config.ts';
import { openLogger } from './logger.ts';
import { keepMonthsOrdered } from './month-order.ts';
import { notStored, Positions } from './positions.ts';
import { answer } from './remote.ts';
import { type OpenDatabase, openDatabase, openLog, openSinks } from './wire.ts';

export interface StoreData {
  readonly config: Config;
  /** What tells the readers of other threads that the log has grown. */
  readonly growth: SharedArrayBuffer;
  /** See positions.ts. */
  readonly positions: SharedArrayBuffer;
  readonly logTo: 'stdout' | 'stderr';
  readonly options: PersistOptions;
}

export type StoreQuestion =
  | { readonly ask: 'open' }
  | { readonly ask: 'run' }
  | { readonly ask: 'metrics' }
  | { readonly ask: 'troubles' }
  | { readonly ask: 'stop' }
  | { readonly ask: 'close'; readonly wait: boolean };

const { config, growth, positions: memory, logTo, options } = workerData as StoreData;
const logger = openLogger(config.logLevel, logTo);
const stopped = new AbortController();
let opening: Promise<OpenDatabase> | null = null;
let persists: readonly Persist[] = [];
let registry: Registry | null = null;

answer(async (question: StoreQuestion): Promise<unknown> => {
  switch (question.ask) {
    case 'open':
      opening = openDatabase(config, logger);
      return (await opening).connection;
    case 'run':
      return await run();
    case 'metrics':
      return (await registry?.getMetricsAsJSON()) ?? [];
    case 'troubles':
      return persists.flatMap(({ topic, failure }) =>
        failure ? [`storing ${topic} waits: ${failure.message} ${failure.cure}`] : [],
      );
    case 'stop':
      stopped.abort();
      return null;
    case 'close':
      return await (await opening)?.stop(question);
  }
});

/** Resolves once all that the log held when it was told to stop is stored. */
async function run(): Promise<void> {
  // These load while the database starts.
  const [{ Persist }, { pipelineMeters }, metrics, log] = await Promise.all([
    import('../pipeline/persist.ts'),
    import('../pipeline/meters.ts'),
    import('@prometheus-io/client'),
    openLog(config, logger, growth, true),
  ]);
  registry = new metrics.Registry();
  const database = await opening;
  if (!database) throw new TypeError('the database is opened first');
  const sinks = await openSinks(database.connection, log);
  const house = new AbortController();
  const housekeeping = keepHouse(database, house.signal);
  try {
    const positions = new Positions(memory);
    for (const topic of topics) {
      if (!sinks.some((sink) => sink.topic === topic)) positions.set(topic, notStored);
    }
    const shared = {
      log,
      clock: systemClock,
      random: prng(Number(systemClock.now() % 2 ** 32)),
      meters: pipelineMeters(registry),
      logger,
      onStored: (topic: Topic, offset: number) => positions.set(topic, offset),
      onLost: (topic: Topic, offset: number) => positions.setLost(topic, offset),
    };
    persists = sinks.map((sink) => new Persist({ ...shared, sink }, options));
    const ends = Promise.allSettled(persists.map(storing));
    for (const end of await Promise.race([ends, ended(database)])) {
      if (end.status === 'rejected') throw end.reason;
    }
  } finally {
    house.abort();
    await housekeeping;
    await Promise.all(sinks.map((sink) => sink.close()));
    await log.close();
  }
}

/** Of a plant that serves: a command has better to do, and leaves it to the next. */
async function keepHouse(database: OpenDatabase, signal: AbortSignal): Promise<void> {
  if (options.keepTrying) await keepMonthsOrdered(database.connection, logger, signal);
}

/** Rejects when the database ends without being told to. */
async function ended(database: OpenDatabase): Promise<never> {
  const failure = await database.ended;
  const cure = 'See its last lines above; start again, which recovers by itself.';
  throw failure ?? new Failure('database-unavailable', 'The database has ended.', cure);
}

/** One that fails for good ends the others too. */
async function storing(persist: Persist): Promise<void> {
  try {
    await persist.run(stopped.signal);
  } catch (error) {
    stopped.abort();
    throw error;
  }
}

// The thread that the store's writers run in: each reads its topic from the log and copies it to
// PostgreSQL, which takes rows as fast as they come only when its socket is never left waiting for
// the engine.

import { workerData } from 'node:worker_threads';
import { Registry } from '@prometheus-io/client';
import { systemClock } from '../base/clock.ts';
import { prng } from '../base/prng.ts';
import { type Topic, topics } from '../log/log.ts';
import { pipelineMeters } from '../pipeline/meters.ts';
import { Persist, type PersistOptions } from '../pipeline/persist.ts';
import type { Config } from './config.ts';
import { openLogger } from './logger.ts';
import { notStored, Positions } from './positions.ts';
import { answer } from './remote.ts';
import { type DatabaseConnection, openLog, openSinks } from './wire.ts';

export interface StoreData {
  readonly config: Config;
  /** What tells the readers of other threads that the log has grown. */
  readonly growth: SharedArrayBuffer;
  /** See positions.ts. */
  readonly positions: SharedArrayBuffer;
  readonly options: PersistOptions;
}

export type StoreQuestion =
  | { readonly ask: 'run'; readonly database: DatabaseConnection }
  | { readonly ask: 'metrics' }
  | { readonly ask: 'troubles' }
  | { readonly ask: 'stop' };

const { config, growth, positions: memory, options } = workerData as StoreData;
const logger = openLogger(config.logLevel, 'stderr');
const registry = new Registry();
const stopped = new AbortController();
let persists: readonly Persist[] = [];

answer(async (question: StoreQuestion): Promise<unknown> => {
  switch (question.ask) {
    case 'run':
      return await run(question.database);
    case 'metrics':
      return await registry.getMetricsAsJSON();
    case 'troubles':
      return persists.flatMap(({ topic, failure }) =>
        failure ? [`storing ${topic} waits: ${failure.message} ${failure.cure}`] : [],
      );
    case 'stop':
      stopped.abort();
      return null;
  }
});

/** Resolves once all that the log held when it was told to stop is stored. */
async function run(database: DatabaseConnection): Promise<void> {
  const log = await openLog(config, logger, growth, true);
  const sinks = await openSinks(database, log.epoch);
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
    };
    persists = sinks.map((sink) => new Persist({ ...shared, sink }, options));
    const ends = await Promise.allSettled(persists.map(storing));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    await Promise.all(sinks.map((sink) => sink.close()));
    await log.close();
  }
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

// A real PostgreSQL from the programs that npm brings, started and stopped by us on a Unix socket
// in the data folder: no port, no password, nothing to install, as any user, root included.
// Invariant: it lives exactly as long as our process, however that dies, and a cluster is either
// complete or absent. The caller holds the exclusive lock on the data folder (except for
// `runningPostgres`), so any other process found in `folder` is left over from an earlier run.

import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { createCluster, prepareFolder, removeUnfinished } from './embedded-postgres/cluster.ts';
import { awaitEarlierRun, readPidFile } from './embedded-postgres/earlier-run.ts';
import { explained, ignore } from './embedded-postgres/failures.ts';
import { chooseLaunch, giveTo, type LaunchName } from './embedded-postgres/launch.ts';
import { findPrograms } from './embedded-postgres/programs.ts';
import type { PostgresLogger, Run } from './embedded-postgres/run.ts';
import { type RunningPostgres, startServer } from './embedded-postgres/server.ts';
import {
  answers,
  connectionOf,
  type PostgresConnection,
  prepareSocketFolder,
} from './embedded-postgres/socket.ts';

export type { PostgresConnection, RunningPostgres };

export interface PostgresOptions {
  /** Ours alone, made with mode 0700 when absent; the cluster is `folder`/cluster. */
  readonly folder: string;
  readonly logger: PostgresLogger;
  readonly clock?: Clock;
  /** Only this way of running, where otherwise the first that works is taken. */
  readonly launch?: LaunchName;
}

/**
 * Starts PostgreSQL in `folder`, making the cluster and the database when absent, and resolves
 * once it takes connections: about 0.1 s, 1 s with a new cluster, longer after a crash (recovery
 * reads up to 4 GB of WAL). Rejects with a Failure that says what, where and the cure.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { logger, clock = systemClock } = options;
  const startedAt = clock.now();
  const native = await findPrograms();
  const folder = await explained(options.folder, () => prepareFolder(options.folder));
  const start = async (): Promise<RunningPostgres> => {
    const cluster = join(folder, 'cluster');
    const launch = await chooseLaunch(native, folder, options.launch);
    const run: Run = { folder, cluster, launch, logger, clock };
    await awaitEarlierRun(run);
    await removeUnfinished(folder);
    if (!existsSync(cluster)) await createCluster(run);
    await giveTo(cluster, launch);
    const server = await startServer(run, await prepareSocketFolder(cluster, launch));
    const ms = Math.round((clock.now() - startedAt) / 1000);
    logger.info({ folder, launch: launch.name, pid: server.pid, ms }, 'PostgreSQL is ready');
    return server;
  };
  return await explained(folder, start);
}

/**
 * The connection of an instance that runs in `folder` now and takes connections, or null. Needs
 * no lock and changes nothing. Rejects with a Failure when the folder may not be read.
 */
export async function runningPostgres(folder: string): Promise<PostgresConnection | null> {
  return await explained(folder, async () => {
    const cluster = await fs.realpath(join(folder, 'cluster')).catch(ignore('ENOENT'));
    if (cluster === undefined) return null;
    const found = await readPidFile(cluster);
    if (found?.status !== 'ready') return null;
    const connection = connectionOf(resolve(cluster, found.socketFolder));
    return (await answers(connection)) ? connection : null;
  });
}

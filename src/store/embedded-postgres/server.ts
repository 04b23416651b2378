// Starts the server on a cluster, waits until it takes connections, and stops it.

import * as fs from 'node:fs/promises';
import { Failure } from '../../base/failure.ts';
import { awaitEarlierRun, readPidFile } from './earlier-run.ts';
import { failureFrom } from './failures.ts';
import { dataPath, type LaunchName } from './launch.ts';
import { earlierRunMsMax, pollMs, type Run } from './run.ts';
import { connectionOf, type PostgresConnection, port } from './socket.ts';
import { describeEnd, type ExitCode, spawnWarden, type Warden } from './warden.ts';

export interface RunningPostgres {
  readonly connection: PostgresConnection;
  /** Process id of the postmaster. */
  readonly pid: number;
  readonly launch: LaunchName;
  /** Resolves with null once `stop` was called, with the Failure when it ended by itself. */
  readonly ended: Promise<Failure | null>;
  /**
   * Fast shutdown: open transactions roll back, all data is flushed. With `wait: false` it returns
   * at once and PostgreSQL flushes alone, also past the end of our process; the next start waits
   * for it. Rejects with a Failure when it is not gone after 60 seconds. May be called twice.
   */
  stop(options?: { readonly wait?: boolean }): Promise<void>;
}

const stopMsMax = 60_000;

/** Given on the command line at each start, so that an old cluster gets new values too. */
const settings: readonly (readonly [name: string, value: string, why: string])[] = [
  ['listen_addresses', '', 'nobody but us: the socket folder is private'],
  ['unix_socket_permissions', '0700', 'a second fence beside the mode of the folder'],
  ['cluster_name', 'tapeline', 'so that ps says whose it is'],
  ['max_connections', '32', 'one pool and a few commands; each slot costs memory'],
  ['shared_buffers', '128MB', 'a laptop: bulk loads use a ring, reads the page cache'],
  ['huge_pages', 'off', 'would only reserve memory that others need'],
  ['jit', 'off', 'compiling costs more than our short queries take'],
  ['synchronous_commit', 'off', 'the log is the truth: a lost tail comes back with its position'],
  ['fsync', 'on', 'a power cut must not corrupt what was stored'],
  ['full_page_writes', 'on', 'a torn page must be repairable'],
  ['wal_level', 'minimal', 'no replica reads it, and loads into new tables skip it'],
  ['max_wal_senders', '0', 'required by minimal'],
  ['max_logical_replication_workers', '0', 'saves the launcher process'],
  ['wal_buffers', '16MB', 'one segment, so that bulk loads rarely wait for a WAL write'],
  ['max_wal_size', '4GB', 'fewer checkpoints, so fewer full pages, in a long load'],
  ['checkpoint_timeout', '15min', 'the same, for a slow stream; a crash costs reading them again'],
  ['timezone', 'UTC', 'times mean the same on every machine'],
  ['log_timezone', 'UTC', 'the same'],
  ['log_destination', 'stderr', 'our logger takes it from there'],
  ['logging_collector', 'off', 'the same'],
  ['log_line_prefix', '', 'our logger adds time and name'],
  ['log_checkpoints', 'off', 'routine'],
  ['log_min_error_statement', 'panic', 'the caller gets the error; statements may be megabytes'],
];

/** Starts the server, again while remains of an earlier run are still on their way out. */
export async function startServer(run: Run, socketFolder: string): Promise<RunningPostgres> {
  const { cluster, launch, clock } = run;
  const sockets = socketFolder === cluster ? '.' : `"${socketFolder.replaceAll('"', '""')}"`;
  const all = [...settings, ['port', String(port)], ['unix_socket_directories', sockets]];
  const flags = all.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = [launch.programs.postgres, '-D', dataPath(launch, cluster), ...flags];
  const giveUpAt = clock.now() + earlierRunMsMax * 1000;
  for (;;) {
    const child = spawnWarden(run, cluster, command);
    const code = await awaitReady(run, child);
    if (code === null) return handleOf(run, child, connectionOf(socketFolder));
    const text = describeEnd(code, child.lines);
    if (!/pre-existing shared memory|lock file .* exists/.test(text) || clock.now() > giveUpAt) {
      throw new Error(text);
    }
    await clock.wait(10 * pollMs);
    await awaitEarlierRun(run);
  }
}

/** Null when ready, else how it ended. Recovery may take as long as it needs. */
async function awaitReady(run: Run, child: Warden): Promise<ExitCode | null> {
  let ended: { code: ExitCode } | undefined;
  const exit = child.exited.then((code) => {
    ended = { code };
  });
  while (!ended) {
    const found = await readPidFile(run.cluster);
    if (found && found.pid === child.pid() && found.status === 'ready') return null;
    await Promise.race([exit, run.clock.wait(pollMs)]);
  }
  return ended.code;
}

function handleOf(run: Run, child: Warden, connection: PostgresConnection): RunningPostgres {
  // Whoever forgets to stop must not hang: when Node ends, the warden stops PostgreSQL.
  child.hold(false);
  const { promise: ended, resolve: settle } = Promise.withResolvers<Failure | null>();
  void child.exited.then((code) => {
    settle(failureFrom(run.folder, new Error(`${describeEnd(code, child.lines)}, unasked`)));
  });
  return {
    connection,
    pid: child.pid(),
    launch: run.launch.name,
    ended,
    async stop({ wait = true } = {}) {
      settle(null);
      child.close();
      if (!wait) return child.letGo();
      child.hold(true);
      await awaitStopped(run, child);
      if (connection.host !== run.cluster) await fs.rmdir(connection.host).catch(() => undefined);
    },
  };
}

async function awaitStopped(run: Run, child: Warden): Promise<void> {
  const tooLong = new AbortController();
  const timeout = run.clock.wait(stopMsMax, tooLong.signal).then(() => 'timeout' as const);
  const first = await Promise.race([child.exited, timeout]);
  tooLong.abort();
  if (first !== 'timeout') return;
  child.letGo();
  const what = `PostgreSQL in ${run.folder} still shuts down after ${stopMsMax / 1000} s`;
  const cure = `Let process ${child.pid()} finish; the next start waits for it.`;
  throw new Failure('database-unavailable', what, cure);
}

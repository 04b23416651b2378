// The data folder belongs to one running instance. The lock is SQLite's on a file in it: the kernel
// lets go of it whichever way the process ends, so no stale lock ever has to be guessed at. What
// else stands in the folder has a version, and a folder of another version is left alone.

import { existsSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Failure, messageOf } from '../base/failure.ts';

/** Who runs in a data folder. */
export interface Instance {
  readonly pid: number;
  /** When it started, ISO 8601 UTC. */
  readonly started: string;
  /** The command line, for people. */
  readonly command: string;
  /** Where it serves; null when it does not. */
  readonly port: number | null;
}

export interface DataFolderLock {
  release(): void;
}

/** Goes up when what a folder holds changes its form. */
const folderVersion = 2;
const formatFile = 'format.json';
const lockFile = 'lock.db';
const instanceFile = 'instance.json';
/** `instanceOf` holds the lock for an instant, which must not look like an instance. */
const lockMsMax = 300;
/** Result codes of SQLite (sqlite.org/rescode.html). */
const busy = 5;
const notADatabase = 26;
const fullCodes: readonly unknown[] = [13, 'ENOSPC', 'EDQUOT'];

/** Kept from being collected, which would let go of the lock. */
const held = new Set<DatabaseSync>();

/**
 * Makes the folder when absent (mode 0700) and takes it until `release` or the end of the process.
 * Rejects with Failure `data-folder-in-use`, `data-folder-version`, `data-folder-unusable` or
 * `disk-full`.
 */
export async function lockDataFolder(
  folder: string,
  details: Omit<Instance, 'pid'>,
): Promise<DataFolderLock> {
  return await explained(folder, async () => {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
    await refuseOther(folder);
    const lock = await takeLock(folder);
    try {
      const instance: Instance = { pid: process.pid, ...details };
      await writeJson(join(folder, instanceFile), instance);
      await writeJson(join(folder, formatFile), { version: folderVersion });
    } catch (error) {
      letGo(lock);
      throw error;
    }
    return {
      release() {
        if (!held.has(lock)) return;
        rmSync(join(folder, instanceFile), { force: true });
        letGo(lock);
      },
    };
  });
}

/**
 * Who holds the folder now; null when nobody does, or when it has only just begun. Rejects with
 * Failure `data-folder-unusable` when the folder may not be read.
 */
export async function instanceOf(folder: string): Promise<Instance | null> {
  const path = join(folder, lockFile);
  return await explained(folder, async () => {
    return existsSync(path) && isHeld(path) ? await readInstance(folder) : null;
  });
}

async function takeLock(folder: string): Promise<DatabaseSync> {
  const path = join(folder, lockFile);
  try {
    return openLocked(path);
  } catch (error) {
    if (errorCodeOf(error) === busy) throw await inUse(folder, error);
    if (errorCodeOf(error) !== notADatabase) throw error;
    // Damaged, and not held by anybody: that would have shown first. Nothing is in it.
    await fs.writeFile(path, '');
    return openLocked(path);
  }
}

function openLocked(path: string): DatabaseSync {
  const lock = new DatabaseSync(path, { timeout: lockMsMax });
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    throw error;
  }
  held.add(lock);
  return lock;
}

function letGo(lock: DatabaseSync): void {
  held.delete(lock);
  lock.close();
}

function isHeld(path: string): boolean {
  const probe = new DatabaseSync(path, { readOnly: true });
  try {
    probe.exec('SELECT 1 FROM sqlite_schema');
    return false;
  } catch (error) {
    if (errorCodeOf(error) === busy) return true;
    if (errorCodeOf(error) === notADatabase) return false;
    throw error;
  } finally {
    probe.close();
  }
}

async function refuseOther(folder: string): Promise<void> {
  const format = await readJson<{ readonly version: number }>(join(folder, formatFile));
  if (!format || format.version === folderVersion) return;
  const age = format.version > folderVersion ? 'a newer' : 'an older';
  const versions = `format ${format.version}, ours is ${folderVersion}`;
  throw new Failure(
    'data-folder-version',
    `${folder} was written by ${age} Tapeline (${versions})`,
    'Start that version again (its `tapeline export` takes the data out), or set DATA_DIR anew.',
  );
}

async function inUse(folder: string, cause: unknown): Promise<Failure> {
  const instance = await readInstance(folder);
  const where = instance?.port == null ? '' : `, port ${instance.port}`;
  const who = instance
    ? `process ${instance.pid} (${instance.command}${where}, since ${instance.started})`
    : 'a process that is only just starting';
  const stop = instance ? `Stop that one (kill ${instance.pid})` : 'Try again in a moment';
  return new Failure(
    'data-folder-in-use',
    `the data folder ${folder} is in use by ${who}`,
    `${stop}, or set DATA_DIR to another folder.`,
    { cause },
  );
}

async function readInstance(folder: string): Promise<Instance | null> {
  return await readJson<Instance>(join(folder, instanceFile));
}

/** Null when it is absent or damaged; what needs it is written anew at each start. */
async function readJson<T>(path: string): Promise<T | null> {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(await fs.readFile(path, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whole or not at all, for those who read it meanwhile. */
async function writeJson(path: string, value: unknown): Promise<void> {
  await fs.writeFile(`${path}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  await fs.rename(`${path}.new`, path);
}

async function explained<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    const message = `the data folder ${folder} cannot be used: ${messageOf(error)}`;
    const cause = { cause: error };
    throw fullCodes.includes(errorCodeOf(error))
      ? new Failure('disk-full', message, 'Free space on that disk, then start again.', cause)
      : new Failure(
          'data-folder-unusable',
          message,
          `Let the user who runs Tapeline own ${folder}, or set DATA_DIR to another folder.`,
          cause,
        );
  }
}

/** SQLite's number, or the system's name, for what went wrong. */
function errorCodeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error) return error.errcode;
  return 'code' in error ? error.code : undefined;
}

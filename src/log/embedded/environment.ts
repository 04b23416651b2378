// The LMDB environment of a log: one tree per topic, one for the state of roles and one for the
// log's own facts. LMDB shares one mapping between all threads of a process, but npm lmdb 3.5 lets
// an opening in a second process take back a commit of the first (it writes mti_txnid unlocked).
// So the folder belongs to one process at a time, which the lock on the data folder makes sure of.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb';
import { slots, topicOf } from './signal.ts';

/** The package's types leave out the options of `put`. */
export type Bytes = Omit<Database<Buffer, Buffer>, 'put'> & {
  put(key: Buffer, value: Buffer, options?: { readonly append: boolean }): Promise<boolean>;
};

export interface Environment {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly facts: Bytes;
  readonly state: Bytes;
  /** By slot. */
  readonly records: readonly Bytes[];
}

export const dataFile = 'data.mdb';
const lockFile = 'lock.mdb';
const roomBytes = 2 ** 18;
export const treeNames = { facts: 'facts', state: 'state' } as const;

export function recordsName(slot: number): string {
  return `${topicOf(slot)}/0`;
}

/**
 * Address space, not disk or memory: small machines have 2^39 of it. A log that outgrows this is
 * mapped again, twice as large, and the earlier mapping stays for its readers.
 */
const mapBytes = 2 ** 36;
const treesMax = slots + 16;
const plain = { encoding: 'binary', keyEncoding: 'binary' } as const;

/**
 * Makes what is absent, unless it is for a reader. Throws the Error, with `code`, that LMDB gives;
 * but a file that LMDB cannot make sense of ends the process, so it is inspected before.
 */
export function openEnvironment(folder: string, readOnly: boolean): Environment {
  const options: RootDatabaseOptionsWithPath & { readonly permissionsMode: number } = {
    ...plain,
    path: folder,
    noSubdir: false,
    readOnly,
    mapSize: mapBytes,
    maxDbs: treesMax,
    // A commit resolves when it is on disk, and begins when it is asked for.
    overlappingSync: false,
    eventTurnBatching: false,
    permissionsMode: 0o600,
  };
  const isMade = existsSync(join(folder, dataFile)) && existsSync(join(folder, lockFile));
  if (!isMade && !readOnly) ensureRoom(folder);
  const root = open<Buffer, Buffer>(options);
  const tree = (name: string): Bytes => root.openDB<Buffer, Buffer>({ ...plain, name }) as Bytes;
  return {
    root,
    facts: tree(treeNames.facts),
    state: tree(treeNames.state),
    records: Array.from({ length: slots }, (_, slot) => tree(recordsName(slot))),
  };
}

/** Runs `writes`, which only puts and removes, as one transaction; resolves when it is on disk. */
export async function transact(
  { root }: Environment,
  writes: () => readonly Promise<boolean>[],
): Promise<void> {
  let pending: readonly Promise<boolean>[] = [];
  const done = root.batch(() => {
    pending = writes();
  });
  try {
    const results = await Promise.all([done, ...pending]);
    if (results.includes(false)) throw new Error('LMDB holds a key that this log did not write');
  } catch (error) {
    throw await causeOf(error);
  }
}

/** lmdb-js says the reason in a promise of its own, which would otherwise go unhandled. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return await Promise.resolve(error.commitError).catch((cause: unknown) => cause);
}

/** LMDB ends the process when there is no room for what it makes first: asks the disk before. */
function ensureRoom(folder: string): void {
  const path = join(folder, 'room');
  try {
    writeFileSync(path, Buffer.alloc(roomBytes), { flush: true });
  } finally {
    rmSync(path, { force: true });
  }
}

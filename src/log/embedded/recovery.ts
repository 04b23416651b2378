// Makes the file of a log sound before LMDB opens it. What is damaged moves to a quarantine folder
// beside it and is never deleted; what can be saved of it goes on under the same epoch. Damage is
// never a reason not to start.

import { existsSync, statSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import {
  type Bytes,
  dataFile,
  type Environment,
  openEnvironment,
  recordsName,
  transact,
  treeNames,
} from './environment.ts';
import { identityFacts, type Reach, reachFact } from './facts.ts';
import { factsOf, inspect, recordEntries, sealedEntries, treesOf } from './inspection.ts';
import { PagedFile } from './pages.ts';
import { seal } from './record.ts';

const copyBytesMax = 8 * 2 ** 20;

/**
 * Resolves to what was found and done, for people; empty when all was well.
 *
 * Looking at everything takes some two seconds per gigabyte of small batches and state. It is left
 * out when the file is as it was closed, and after one crash, which LMDB survives. Only if the next
 * opening ends in a crash as well may damage be the cause.
 */
export async function makeSound(folder: string, clock: Clock): Promise<readonly string[]> {
  await removeUnfinished(folder);
  const path = join(folder, dataFile);
  const life = await readLife(folder);
  const isAsClosed = life !== '' && life === fingerprint(folder);
  const { state, damage } = inspect(path, isAsClosed || life === opened ? 'quick' : 'full');
  await writeLife(folder, life === opened ? openedAfterCrash : opened);
  switch (state) {
    case 'absent':
    case 'sound':
      return [];
    case 'lost':
      return [await setAside(folder, clock, damage)];
    case 'partly':
      return [await mend(folder, clock, damage)];
  }
}

/** Remembers that the file is as we left it; or, if it is suspect, that it must be looked at. */
export async function markClosed(folder: string, isSuspect: boolean): Promise<void> {
  await writeLife(folder, isSuspect ? '' : fingerprint(folder));
}

/** How the last opening began and ended: one of two words, or the file's fingerprint at closing. */
const lifeFile = 'life';
const opened = 'opened';
const openedAfterCrash = 'opened after a crash';

async function readLife(folder: string): Promise<string> {
  const path = join(folder, lifeFile);
  return existsSync(path) ? await fs.readFile(path, 'utf8') : '';
}

/** On a full disk the file ends up empty, which is safe, and no reason not to start. */
async function writeLife(folder: string, life: string): Promise<void> {
  try {
    await fs.writeFile(join(folder, lifeFile), life);
  } catch (error) {
    const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    if (!isFull) throw error;
  }
}

function fingerprint(folder: string): string {
  const file = statSync(join(folder, dataFile), { bigint: true, throwIfNoEntry: false });
  return file ? `closed with ${file.size} bytes at ${file.mtimeNs}` : '';
}

/** Moves the whole file to quarantine, so that a new log with a new epoch begins. */
async function setAside(folder: string, clock: Clock, damage: readonly string[]): Promise<string> {
  const quarantine = await makeQuarantine(folder, clock);
  await fs.rename(join(folder, dataFile), join(quarantine, dataFile));
  await syncFolder(folder);
  const what = `The log was damaged (${damage.join('; ')}).`;
  return `${what} It was moved to ${quarantine}, and a new, empty log begins.`;
}

/** Makes a new name in the folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Copies that were cut short: the file they were made from is still in place. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await fs.readdir(folder)) {
    if (!name.startsWith('unfinished-')) continue;
    await fs.rm(join(folder, name), { recursive: true, force: true });
  }
}

async function makeQuarantine(folder: string, clock: Clock): Promise<string> {
  const time = new Date(clock.now() / 1000).toISOString().replaceAll(':', '-');
  return await fs.mkdtemp(join(folder, `quarantine-${time}-`));
}

/**
 * Puts a copy of all that is sound in place of the file, which goes to quarantine. One rename
 * decides, so that a crash leaves either the old file or the whole copy.
 */
async function mend(folder: string, clock: Clock, damage: readonly string[]): Promise<string> {
  const path = join(folder, dataFile);
  const unfinished = await fs.mkdtemp(join(folder, 'unfinished-'));
  await copySound(path, unfinished);
  const quarantine = await makeQuarantine(folder, clock);
  await fs.link(path, join(quarantine, dataFile));
  await fs.rename(join(unfinished, dataFile), path);
  await fs.rm(unfinished, { recursive: true });
  await syncFolder(folder);
  const what = `The log was damaged in places (${damage.join('; ')}).`;
  return `${what} What was sound goes on; the damaged file is in ${quarantine}.`;
}

async function copySound(path: string, folder: string): Promise<void> {
  const file = PagedFile.open(path);
  if (typeof file === 'string') throw new Error(`${path} changed while it was read: ${file}`);
  const target = openEnvironment(folder, false);
  try {
    for (const writes of groups(soundWrites(file, target))) {
      await transact(target, () => writes.map(({ tree, key, value }) => tree.put(key, value)));
    }
  } finally {
    file.close();
    await target.root.close();
  }
}

interface Write {
  readonly tree: Bytes;
  readonly key: Buffer;
  readonly value: Buffer;
}

function* soundWrites(file: PagedFile, target: Environment): Generator<Write> {
  const trees = treesOf(file);
  const facts = factsOf(file, trees);
  if (facts === null || facts === 'none yet') throw new Error('a log in parts without its facts');
  const sealed = (tree: Bytes, key: Buffer, value: Uint8Array): Write => {
    return { tree, key, value: seal(key, value) };
  };
  for (const fact of identityFacts(facts)) yield sealed(target.facts, ...fact);
  for (const { key, value } of sealedEntries(file, trees.get(treeNames.state), treeNames.state)) {
    yield sealed(target.state, Buffer.from(key), value);
  }
  for (const [slot, tree] of target.records.entries()) {
    const name = recordsName(slot);
    let bytes = 0;
    for (const entry of recordEntries(file, trees.get(name), name)) {
      bytes += entry.size;
      yield { tree, key: Buffer.from(entry.key), value: Buffer.from(file.value(entry)) };
    }
    yield sealed(target.facts, ...reachFact(slot, { ...(facts.reaches[slot] as Reach), bytes }));
  }
}

/** Cut so that no transaction gets too big for memory. */
function* groups(writes: Iterable<Write>): Generator<readonly Write[]> {
  let group: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    group.push(write);
    bytes += write.value.length;
    if (bytes < copyBytesMax) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

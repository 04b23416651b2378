// Whether the file of a log can be given to LMDB, found out without LMDB. Invariant: after `sound`,
// no page that was looked at can crash LMDB or make it overwrite what is in use.

import { existsSync, statSync } from 'node:fs';
import { Failure } from '../../base/failure.ts';
import { recordsName, treeNames } from './environment.ts';
import { type Facts, formatVersion, readFacts } from './facts.ts';
import { compareNumbers, type Entry, PagedFile, type Tree } from './pages.ts';
import { endOf, isRecordOf, keyBytes, readSealed } from './record.ts';
import { slots } from './signal.ts';

export interface Inspection {
  /** `partly`: the facts and some of the rest can be saved. `lost`: not even the facts. */
  readonly state: 'absent' | 'sound' | 'partly' | 'lost';
  /** What is wrong, for people. */
  readonly damage: readonly string[];
}

/**
 * `quick` looks at what LMDB reads to open and to allocate pages; `full` also at every page of the
 * batches and of the state, but not at the batches' checksums: reading does that.
 * Rejects with Failure `data-folder-version`.
 */
export function inspect(path: string, thoroughness: 'quick' | 'full'): Inspection {
  if (!existsSync(path) || statSync(path).size === 0) return { state: 'absent', damage: [] };
  const file = PagedFile.open(path);
  if (typeof file === 'string') return { state: 'lost', damage: [file] };
  try {
    const trees = treesOf(file);
    const facts = factsOf(file, trees);
    if (facts === null || file.damage.length > 0) return { state: 'lost', damage: file.damage };
    if (facts !== 'none yet') refuseNewer(path, facts);
    if (thoroughness === 'full') checkEntries(file, trees);
    checkFreePages(file);
    return { state: file.damage.length > 0 ? 'partly' : 'sound', damage: file.damage };
  } finally {
    file.close();
  }
}

/** The named trees; lmdb-js ends their names with a zero. */
export function treesOf(file: PagedFile): ReadonlyMap<string, Tree> {
  const trees = new Map<string, Tree>();
  for (const entry of file.entries(file.names, 'names')) {
    const tree = file.tree(entry);
    const name = entry.key.toString().replace(/\0$/, '');
    if (tree) trees.set(name, tree);
    else file.doubt(`${name} is no tree`);
  }
  return trees;
}

/** `none yet` for a log whose making was cut short before anything was in it. */
export function factsOf(
  file: PagedFile,
  trees: ReadonlyMap<string, Tree>,
): Facts | 'none yet' | null {
  const isEmpty = [...trees.values()].every((tree) => tree.entries === 0);
  if (isEmpty) return 'none yet';
  const stored = new Map<string, Uint8Array>();
  for (const { key, value } of sealedEntries(file, trees.get(treeNames.facts), treeNames.facts)) {
    stored.set(key.toString(), Uint8Array.from(value));
  }
  return readFacts(stored);
}

/** The intact entries of a tree of sealed values, each valid until the next. */
export function* sealedEntries(
  file: PagedFile,
  tree: Tree | undefined,
  name: string,
): Generator<{ key: Buffer; value: Uint8Array }> {
  for (const entry of tree ? file.entries(tree, name) : []) {
    const value = readSealed(entry.key, file.value(entry));
    if (value) yield { key: entry.key, value };
    else file.doubt(`${name}: the value of ${entry.key.toString()} is damaged`);
  }
}

/** The entries of a topic whose head agrees with their key, each valid until the next. */
export function* recordEntries(
  file: PagedFile,
  tree: Tree | undefined,
  name: string,
): Generator<Entry> {
  for (const entry of tree ? file.entries(tree, name) : []) {
    const isKey = entry.key.length === keyBytes;
    if (isKey && isRecordOf(endOf(entry.key), entry.head)) yield entry;
    else file.doubt(`${name}: a batch is not what its key says`);
  }
}

function checkEntries(file: PagedFile, trees: ReadonlyMap<string, Tree>): void {
  exhaust(sealedEntries(file, trees.get(treeNames.state), treeNames.state));
  for (let slot = 0; slot < slots; slot += 1) {
    const name = recordsName(slot);
    exhaust(recordEntries(file, trees.get(name), name));
  }
}

/** To be called last: what is free must not be in use. */
function checkFreePages(file: PagedFile): void {
  file.checkLastPage();
  for (const entry of file.entries(file.freePages, 'free pages', compareNumbers)) {
    if (!file.areFree(entry)) file.doubt('free pages: a list has pages that are not free');
  }
}

function exhaust(entries: Iterator<unknown>): void {
  while (!entries.next().done);
}

function refuseNewer(path: string, { format }: Facts): void {
  if (format <= formatVersion) return;
  throw new Failure(
    'data-folder-version',
    `the log ${path} was written in format ${format}; this version reads up to ${formatVersion}`,
    'Start the newer Tapeline that wrote it, or set DATA_DIR to another folder.',
  );
}

// Reads an LMDB file page by page without LMDB, believing nothing. LMDB maps the file and trusts
// it: one flipped bit can end the process by a signal. Here it becomes a line in `damage`. The
// layout is MDB_meta, MDB_page and MDB_node of the mdb.c inside npm lmdb 3.5: data version 2,
// little-endian, 64 bits. Invariant: reads only inside the file, and each page at most once.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface Tree {
  /** Page number, or `emptyTree`. */
  readonly root: number;
  /** Levels of pages. */
  readonly depth: number;
  readonly entries: number;
}

/** One key of a tree. Its views are valid until the next entry is read. */
export interface Entry {
  readonly key: Buffer;
  /** At least the first 24 bytes of the value, unless it is shorter. */
  readonly head: Buffer;
  /** Bytes of the value. */
  readonly size: number;
  /** The page where a large value begins; 0 when `head` is all of it. */
  readonly page: number;
}

const dataVersion = 2;
const magic = 0xbeefc0de;
const emptyTree = 2 ** 64;
const metaPages = 2;
/** Before each page: u64 its number, u64 transaction, u16, u16 flags, then u16 lower, u16 upper. */
const pageHead = 24;
const nodeHead = 8;
const pageFlags = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 } as const;
const nodeFlags = { none: 0, large: 0x01, tree: 0x02 } as const;
const treeFlags = { none: 0, numbers: 0x08 } as const;
const largeBytes = 24;
const treeBytes = 48;
const headBytes = 24;
const keyBytesMax = 2048;
const depthMax = 32;
const damageMax = 20;
const missingBytesMax = 2 ** 30;

export class PagedFile {
  readonly #fd: number;
  readonly #bytes: number;
  /** The page in hand. */
  readonly #page: Buffer;
  /** The beginning of the large value in hand. */
  readonly #large: Buffer;
  /** One bit for each page of the file that something refers to. */
  readonly #used: Uint8Array;
  readonly #pageBytes: number;
  readonly #lastPage: number;
  readonly #transaction: number;
  readonly #damage: string[] = [];
  #damages = 0;

  /** The root trees: of free pages, and of all other trees by name. */
  readonly freePages: Tree;
  readonly names: Tree;

  private constructor(fd: number, bytes: number, snapshot: Snapshot) {
    this.#fd = fd;
    this.#bytes = bytes;
    this.#pageBytes = snapshot.pageBytes;
    this.#lastPage = snapshot.lastPage;
    this.#transaction = snapshot.transaction;
    this.freePages = snapshot.freePages;
    this.names = snapshot.names;
    this.#page = Buffer.alloc(this.#pageBytes);
    this.#large = Buffer.alloc(pageHead + headBytes);
    this.#used = new Uint8Array(Math.ceil(bytes / this.#pageBytes / 8));
  }

  /** The newest snapshot in the file, or a text that says why there is none. */
  static open(path: string): PagedFile | string {
    const fd = openSync(path, 'r');
    const bytes = fstatSync(fd).size;
    const snapshot = newestSnapshot(fd);
    if (typeof snapshot !== 'string') return new PagedFile(fd, bytes, snapshot);
    closeSync(fd);
    return snapshot;
  }

  /** What did not make sense so far; the first of it, and how much more there was. */
  get damage(): readonly string[] {
    const more = this.#damages - this.#damage.length;
    return more > 0 ? [...this.#damage, `${more} more`] : this.#damage;
  }

  /**
   * LMDB maps the file up to its last page. A few free pages may never have been written; a claim
   * of far more than there is would take address space that is not there.
   */
  checkLastPage(): void {
    const missing = (this.#lastPage + 1) * this.#pageBytes - this.#bytes;
    if (missing > missingBytesMax) this.doubt(`the file is ${missing} bytes short`);
  }

  doubt(what: string): void {
    this.#damages += 1;
    if (this.#damage.length < damageMax) this.#damage.push(what);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Every entry that can be read, in the order of the tree. */
  *entries(tree: Tree, name: string, compare: Compare = compareBytes): Generator<Entry> {
    if (tree.root >= emptyTree) return;
    if (tree.depth < 1 || tree.depth > depthMax) return this.doubt(`${name}: depth ${tree.depth}`);
    const order = new KeyOrder(compare);
    let found = 0;
    const ahead: Place[] = [{ page: tree.root, level: tree.depth, separator: null }];
    for (let place = ahead.pop(); place; place = ahead.pop()) {
      const { page, level, separator } = place;
      const isInOrder = !separator || order.follows(separator, true);
      if (!isInOrder) this.doubt(`${name}: the way to page ${page} is out of order`);
      if (!this.#load(page, level > 1 ? 'branch' : 'leaf', name)) continue;
      if (level > 1) {
        ahead.push(...this.#children(page, level - 1, name).reverse());
        continue;
      }
      for (const at of this.#nodes(page, name, 'leaf')) {
        const entry = this.#entry(at, tree === this.names);
        if (!entry) this.doubt(`${name}: a value of page ${page} is not whole`);
        else if (!order.follows(entry.key, false)) this.doubt(`${name}: page ${page} is unordered`);
        if (!entry) continue;
        found += 1;
        yield entry;
      }
    }
    if (found !== tree.entries) this.doubt(`${name}: ${found} of ${tree.entries} entries`);
  }

  /** Reads a page of a tree; false when it cannot be one. */
  #load(page: number, kind: 'branch' | 'leaf', name: string): boolean {
    if (!this.#claim(page, 1) || !readAt(this.#fd, this.#page, page * this.#pageBytes)) {
      this.doubt(`${name}: page ${page} is missing or belongs elsewhere`);
      return false;
    }
    const lower = this.#page.readUInt16LE(20);
    const upper = this.#page.readUInt16LE(22);
    const isKind = this.#isPage(this.#page, page, pageFlags[kind]);
    const isSpace = lower % 2 === 0 && lower <= upper && upper <= this.#pageBytes - pageHead;
    if (isKind && isSpace && lower > 0) return true;
    this.doubt(`${name}: page ${page} is no ${kind}`);
    return false;
  }

  #isPage(head: Buffer, page: number, flag: number): boolean {
    const isKind = head.readUInt16LE(18) === flag;
    return isKind && readU64(head, 0) === page && readU64(head, 8) <= this.#transaction;
  }

  /** Marks pages as used; false when they are not in the file or in use already. */
  #claim(page: number, count: number): boolean {
    const end = page + count;
    const isInside = page >= metaPages && count > 0 && end - 1 <= this.#lastPage;
    if (!isInside || end * this.#pageBytes > this.#bytes) return false;
    for (let at = page; at < end; at += 1) {
      const bit = 1 << (at & 7);
      if (this.#used[at >> 3] & bit) return false;
      this.#used[at >> 3] |= bit;
    }
    return true;
  }

  /** Copied out, since the page's memory is used again for the children. */
  #children(page: number, level: number, name: string): Place[] {
    return Array.from(this.#nodes(page, name, 'branch'), (at, index) => {
      const key = this.#page.subarray(at + nodeHead, at + nodeHead + this.#keySize(at));
      const child = this.#page.readUInt32LE(at) + this.#page.readUInt16LE(at + 4) * 2 ** 32;
      return { page: child, level, separator: index === 0 ? null : Buffer.from(key) };
    });
  }

  /** Positions of the nodes of the loaded page that lie inside it, value included. */
  *#nodes(page: number, name: string, kind: 'branch' | 'leaf'): Generator<number> {
    const count = this.#page.readUInt16LE(20) / 2;
    const first = pageHead + this.#page.readUInt16LE(22);
    let used = 0;
    for (let index = 0; index < count; index += 1) {
      const at = pageHead + this.#page.readUInt16LE(pageHead + 2 * index);
      const bytes = at >= first && at + nodeHead <= this.#pageBytes ? this.#nodeBytes(at, kind) : 0;
      const isInside = bytes > 0 && at + bytes <= this.#pageBytes;
      if (isInside) yield at;
      else this.doubt(`${name}: node ${index} of page ${page} is outside it`);
      used += bytes + (bytes % 2);
    }
    if (first + used !== this.#pageBytes) this.doubt(`${name}: page ${page} has a gap or overlap`);
  }

  /** Bytes of a node; in a leaf with its key and value, or with where its large value is. */
  #nodeBytes(at: number, kind: 'branch' | 'leaf'): number {
    const bytes = nodeHead + this.#keySize(at);
    if (kind === 'branch') return bytes;
    const isLarge = this.#page.readUInt16LE(at + 4) === nodeFlags.large;
    return bytes + (isLarge ? largeBytes : this.#page.readUInt32LE(at));
  }

  #keySize(at: number): number {
    return this.#page.readUInt16LE(at + 6);
  }

  /** Null when the node is of another kind, or its value is not where it says. */
  #entry(at: number, isOfTrees: boolean): Entry | null {
    const size = this.#page.readUInt32LE(at);
    const flags = this.#page.readUInt16LE(at + 4);
    const isLarge = flags === nodeFlags.large;
    if (!isLarge && flags !== (isOfTrees ? nodeFlags.tree : nodeFlags.none)) return null;
    const dataAt = at + nodeHead + this.#keySize(at);
    const key = this.#page.subarray(at + nodeHead, dataAt);
    const inline = this.#page.subarray(dataAt, dataAt + size);
    if (!isLarge) return { key, size, page: 0, head: inline };
    const page = readU64(this.#page, dataAt);
    const count = readU64(this.#page, dataAt + 16);
    if (!this.#isLargeValue(page, count, size)) return null;
    const head = this.#large.subarray(pageHead, pageHead + Math.min(size, headBytes));
    return { key, size, page, head };
  }

  #isLargeValue(page: number, count: number, size: number): boolean {
    // A smaller value that replaced a larger one keeps its pages.
    if (pageHead + size > count * this.#pageBytes || !this.#claim(page, count)) return false;
    if (!readAt(this.#fd, this.#large, page * this.#pageBytes)) return false;
    const isLarge = this.#isPage(this.#large, page, pageFlags.overflow);
    return isLarge && this.#large.readUInt32LE(20) === count;
  }

  /** The whole value of an entry, valid as long as the entry is. */
  value({ head, size, page }: Entry): Buffer {
    if (page === 0) return head;
    const value = Buffer.allocUnsafeSlow(size);
    if (!readAt(this.#fd, value, page * this.#pageBytes + pageHead)) value.fill(0);
    return value;
  }

  /** The tree that an entry of `names` describes; null when it is no tree. */
  tree({ head, size, page }: Entry): Tree | null {
    return size === treeBytes && page === 0 ? readTree(head, 0, treeFlags.none) : null;
  }

  /** Whether an entry of `freePages` lists pages of the file, none of them in use. */
  areFree(entry: Entry): boolean {
    const list = this.value(entry);
    const numbers = list.length / 8;
    if (!Number.isInteger(numbers) || numbers < 1 || readU64(list, 0) >= numbers) return false;
    const count = readU64(list, 0);
    for (let at = 1; at <= count; at += 1) {
      // A page number, or minus a length and then the number of its first page, or an unused 0.
      const number = Number(list.readBigInt64LE(8 * at));
      const length = number < 0 ? -number : 1;
      if (number < 0) at += 1;
      if (number === 0 || at > count) continue;
      if (!this.#isFree(readU64(list, 8 * at), length)) return false;
    }
    return true;
  }

  #isFree(page: number, count: number): boolean {
    if (page < metaPages || page + count - 1 > this.#lastPage) return false;
    for (let at = page; at < page + count; at += 1) {
      if ((this.#used[at >> 3] ?? 0) & (1 << (at & 7))) return false;
    }
    return true;
  }
}

type Compare = (a: Buffer, b: Buffer) => number;

function compareBytes(a: Buffer, b: Buffer): number {
  return a.compare(b);
}

/** The keys of `freePages` are transaction numbers. */
export function compareNumbers(a: Buffer, b: Buffer): number {
  if (a.length !== 8 || b.length !== 8) return a.length - b.length;
  return readU64(a, 0) - readU64(b, 0);
}

interface Place {
  readonly page: number;
  readonly level: number;
  /** At most the first key of the page; null for the first page of all. */
  readonly separator: Buffer | null;
}

/** Each key is greater than the one before; a separator is at most the key that follows it. */
class KeyOrder {
  readonly #compare: Compare;
  readonly #last = Buffer.alloc(keyBytesMax);
  #length = -1;
  #lastIsSeparator = false;

  constructor(compare: Compare) {
    this.#compare = compare;
  }

  follows(key: Buffer, isSeparator: boolean): boolean {
    const order = this.#length < 0 ? 1 : this.#compare(key, this.#last.subarray(0, this.#length));
    if (order < 0 || (order === 0 && !(this.#lastIsSeparator && !isSeparator))) return false;
    this.#length = key.copy(this.#last);
    this.#lastIsSeparator = isSeparator;
    return true;
  }
}

interface Snapshot {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
  readonly freePages: Tree;
  readonly names: Tree;
}

/** Pages 0 and 1 describe the last two transactions, even and odd. */
function newestSnapshot(fd: number): Snapshot | string {
  const first = readSnapshot(fd, 0);
  if (typeof first === 'string') return first;
  const second = readSnapshot(fd, first.pageBytes);
  if (typeof second === 'string') return second;
  const [even, odd] = [first.transaction, second.transaction];
  const areNeighbours = even % 2 === 0 && odd % 2 === 1 && Math.abs(even - odd) === 1;
  if (!areNeighbours && (even !== 0 || odd !== 0)) return `transactions ${even} and ${odd}`;
  return even > odd ? first : second;
}

function readSnapshot(fd: number, position: number): Snapshot | string {
  const page = Buffer.alloc(pageHead + 136);
  if (!readAt(fd, page, position)) return 'its first pages cannot be read';
  const isMeta = page.readUInt16LE(18) === pageFlags.meta;
  if (!isMeta || page.readUInt32LE(pageHead) !== magic) return 'it is no LMDB file';
  const version = page.readUInt32LE(pageHead + 4);
  if (version !== dataVersion) return `its LMDB version is ${version}, not ${dataVersion}`;
  const pageBytes = page.readUInt32LE(pageHead + 24);
  const isPower = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
  if (!isPower || (position > 0 && pageBytes !== position))
    return `its pages have ${pageBytes} bytes`;
  const freePages = readTree(page, pageHead + 24, treeFlags.numbers);
  const names = readTree(page, pageHead + 72, treeFlags.none);
  if (!freePages || !names) return 'its root trees are of another kind';
  const lastPage = readU64(page, pageHead + 120);
  return { pageBytes, freePages, names, lastPage, transaction: readU64(page, pageHead + 128) };
}

/** False when the file ends before, or the disk cannot read it. */
function readAt(fd: number, target: Buffer, position: number): boolean {
  try {
    return readSync(fd, target, 0, target.length, position) === target.length;
  } catch {
    return false;
  }
}

/**
 * MDB_db: u32, u16 flags, u16 depth, u64 branch, leaf and overflow pages, u64 entries, u64 root.
 * Null when it is a tree of another kind.
 */
function readTree(bytes: Buffer, at: number, flags: number): Tree | null {
  if (bytes.readUInt16LE(at + 4) !== flags) return null;
  return {
    depth: bytes.readUInt16LE(at + 6),
    entries: readU64(bytes, at + 32),
    root: readU64(bytes, at + 40),
  };
}

/** Inexact from 2^53 on, which no number of a sound file reaches but that of an empty root. */
function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

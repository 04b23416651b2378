// The messages of one batch, encoded once for all who want any of them. Whoever wants the same
// groups is handed the same bytes; what nobody takes is not encoded.

import { deflateFrames, type Ready } from './ready.ts';
import type { Group, StreamBatch } from './stream-batch.ts';
import type { Frames, TextFrames } from './text-frames.ts';
import type { Watchers } from './watchers.ts';

/** Ready frames and how many messages they are. */
export interface Messages extends Ready {
  readonly count: number;
}

/** What a batch holds for one watcher. */
export class Selection implements Messages {
  readonly batch: StreamBatch;
  readonly count: number;
  readonly #shared: SharedMessages;
  readonly #isOurs: Uint8Array;
  #frames: Buffer | null = null;
  #deflated: Buffer | null = null;

  constructor(shared: SharedMessages, groups: readonly number[]) {
    this.batch = shared.batch;
    this.#shared = shared;
    this.#isOurs = new Uint8Array(this.batch.groups.length);
    for (const group of groups) this.#isOurs[group] = 1;
    this.count = groups.reduce((sum, group) => sum + shared.counts[group], 0);
  }

  /** In the order of the log. */
  get frames(): Buffer {
    this.#frames ??= this.#gather(this.#shared.encoded);
    return this.#frames;
  }

  get deflated(): Buffer {
    this.#deflated ??= this.#gather(this.#shared.deflated);
    return this.#deflated;
  }

  /** The groups that it has rows of. */
  groups(): Group[] {
    return this.batch.groups.filter((_, group) => this.#isOurs[group]);
  }

  /** Log offsets of its first and last row. */
  ends(): readonly [first: number, last: number] {
    const { groupOf, offset } = this.batch;
    const rows = this.#shared.rows.filter((row) => this.#isOurs[groupOf[row]]);
    return [offset + rows[0], offset + (rows.at(-1) ?? 0)];
  }

  #gather({ bytes, ends }: Frames): Buffer {
    const { rows, batch } = this.#shared;
    if (this.count === rows.length) return bytes;
    const parts: Buffer[] = [];
    let from = -1;
    for (let index = 0; index <= rows.length; index++) {
      const isOurs = index < rows.length && this.#isOurs[batch.groupOf[rows[index]]] === 1;
      const start = index === 0 ? 0 : ends[index - 1];
      if (isOurs && from < 0) from = start;
      if (isOurs || from < 0) continue;
      parts.push(bytes.subarray(from, start));
      from = -1;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }
}

class SharedMessages {
  readonly batch: StreamBatch;
  /** Rows by group. */
  readonly counts: Uint32Array;
  /** The rows of the groups that are watched. */
  readonly rows: readonly number[];
  readonly #frames: TextFrames;
  #encoded: Frames | null = null;
  #deflated: Frames | null = null;

  constructor(batch: StreamBatch, frames: TextFrames, watched: readonly boolean[]) {
    this.batch = batch;
    this.#frames = frames;
    const { groups, groupOf, count } = batch;
    this.counts = new Uint32Array(groups.length);
    const rows: number[] = [];
    for (let row = 0; row < count; row++) {
      if (!watched[groupOf[row]]) continue;
      this.counts[groupOf[row]]++;
      rows.push(row);
    }
    this.rows = rows;
  }

  get encoded(): Frames {
    if (!this.#encoded) {
      this.batch.write(this.#frames, this.rows);
      this.#encoded = this.#frames.take();
    }
    return this.#encoded;
  }

  get deflated(): Frames {
    this.#deflated ??= deflateFrames(this.encoded);
    return this.#deflated;
  }
}

/** Each watcher of a batch, with what the batch holds for it. */
export function selections<Watcher>(
  batch: StreamBatch,
  watchers: Watchers<Watcher>,
  frames: TextFrames,
): Iterable<readonly [Watcher, Selection]> {
  const byGroup = batch.groups.map((group) => watchersOf(watchers, group));
  const watched = byGroup.map((sets) => sets.some((set) => set.size > 0));
  if (!watched.includes(true)) return [];
  const shared = new SharedMessages(batch, frames, watched);
  const groupsOf = new Map<Watcher, number[]>();
  for (const [group, sets] of byGroup.entries()) {
    if (shared.counts[group] === 0) continue;
    for (const set of sets) {
      for (const watcher of set) {
        const groups = groupsOf.get(watcher);
        if (groups) groups.push(group);
        else groupsOf.set(watcher, [group]);
      }
    }
  }
  const same = new Map<string, Selection>();
  const selected = ([watcher, groups]: [Watcher, number[]]): readonly [Watcher, Selection] => {
    const selection = same.getOrInsertComputed(groups.join(), () => new Selection(shared, groups));
    return [watcher, selection];
  };
  return [...groupsOf].map(selected);
}

/** Whoever wants several of a group's symbols is told once. */
function watchersOf<Watcher>(
  watchers: Watchers<Watcher>,
  { symbol, also = [], key }: Group,
): readonly ReadonlySet<Watcher>[] {
  const sets = watchers.of(symbol, key);
  if (also.length === 0) return sets;
  const all = [...sets, ...also.flatMap((other) => watchers.of(other, key))];
  return [new Set(all.flatMap((set) => [...set]))];
}

/** What a batch that is read again holds for one subscription. */
export function messagesOf(
  batch: StreamBatch,
  frames: TextFrames,
  isWanted: (group: Group) => boolean,
  isTold: (row: number) => boolean,
): Messages {
  const wanted = batch.groups.map(isWanted);
  const rows: number[] = [];
  for (let row = 0; row < batch.count; row++) {
    if (wanted[batch.groupOf[row]] && isTold(row)) rows.push(row);
  }
  if (rows.length > 0) batch.write(frames, rows);
  return { frames: frames.take().bytes, count: rows.length };
}

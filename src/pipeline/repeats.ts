// What has been taken in and what was cancelled, by id: a record is taken in once, and cancelled
// once; and a trade whose cancel came before it, or beside it, counts for nothing.

import type { EventColumns } from '../contracts/event-columns.ts';
import { cancel, cancelled } from '../contracts/verdict.ts';
import type { Log, StateWrite } from '../log/log.ts';
import { blockSize, SeenIds } from './seen-ids.ts';

const idBlocksMax = 4_096;

export class Repeats {
  readonly #log: Log;
  readonly #seen = new Map<string, SeenIds>();
  /** By numbering, the ids of cancelled trades; null where there are none, as nearly everywhere. */
  readonly #cancels = new Map<string, SeenIds | null>();
  /** The numberings used since the last call of `changes`. */
  readonly #touched = new Set<SeenIds>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Drops the repeats of a batch, and says how many; `spaces` are its instruments' numberings. */
  async drop(columns: EventColumns, spaces: readonly string[]): Promise<number> {
    const seen = spaces.map((space) => this.#seenIn(space));
    let keep: Uint8Array | null = null;
    let repeats = 0;
    for (let row = 0; row < columns.count; ) {
      const end = runEnd(columns, row);
      const id = columns.id[row] as number;
      if (!Number.isNaN(id)) {
        const index = columns.instrument[row] as number;
        const space =
          columns.verdict[row] === cancel
            ? await this.#cancelsIn(spaces[index] as string)
            : (seen[index] as SeenIds);
        if (space.lacks(id)) await space.load(this.#log, id);
        if (!space.addRun(id, id + end - row)) {
          for (let at = row; at < end; at++) {
            if (space.add(columns.id[at] as number)) continue;
            keep ??= new Uint8Array(columns.count).fill(1);
            keep[at] = 0;
            repeats++;
          }
        }
      }
      row = end;
    }
    if (keep) columns.compact(keep);
    return repeats;
  }

  /** Marks the trades that a cancel names. */
  async markCancelled(columns: EventColumns, spaces: readonly string[]): Promise<void> {
    const known: (SeenIds | null)[] = [];
    for (const space of spaces) known.push(await this.#knownCancels(space));
    if (known.every((cancels) => cancels === null)) return;
    for (let row = 0; row < columns.count; row++) {
      const cancels = known[columns.instrument[row] as number] as SeenIds | null;
      const id = columns.id[row] as number;
      if (cancels === null || columns.verdict[row] === cancel || Number.isNaN(id)) continue;
      if (cancels.lacks(id)) await cancels.load(this.#log, id);
      if (cancels.has(id)) columns.verdict[row] = cancelled;
    }
  }

  async #knownCancels(space: string): Promise<SeenIds | null> {
    let cancels = this.#cancels.get(space);
    if (cancels === undefined) {
      const known = cancelsOf(space);
      cancels = (await SeenIds.areIn(this.#log, known)) ? new SeenIds(known) : null;
      this.#cancels.set(space, cancels);
    }
    if (cancels) this.#touched.add(cancels);
    return cancels;
  }

  async #cancelsIn(space: string): Promise<SeenIds> {
    const cancels = (await this.#knownCancels(space)) ?? new SeenIds(cancelsOf(space));
    this.#cancels.set(space, cancels);
    this.#touched.add(cancels);
    return cancels;
  }

  #seenIn(space: string): SeenIds {
    let seen = this.#seen.get(space);
    if (!seen) {
      seen = new SeenIds(space);
      this.#seen.set(space, seen);
    }
    this.#touched.add(seen);
    return seen;
  }

  /** What changed since the last call, to be committed with the records. */
  changes(): StateWrite[] {
    const writes: StateWrite[] = [];
    for (const seen of this.#touched) {
      writes.push(...seen.changes());
      seen.shrink(idBlocksMax);
    }
    this.#touched.clear();
    return writes;
  }

  /** What was taken in is not in the log after all: everything is read again from there. */
  forget(): void {
    this.#seen.clear();
    this.#cancels.clear();
    this.#touched.clear();
  }
}

/** The numbering of the cancels of a numbering. */
function cancelsOf(space: string): string {
  return `cancels ${space}`;
}

/** The row after those that number on from `row`: one instrument, one block, no cancel between. */
function runEnd({ count, instrument, id, verdict }: EventColumns, row: number): number {
  const index = instrument[row];
  const said = verdict[row];
  const blockEnd = (Math.floor((id[row] as number) / blockSize) + 1) * blockSize;
  let next = (id[row] as number) + 1;
  let end = row + 1;
  while (
    end < count &&
    instrument[end] === index &&
    id[end] === next &&
    next < blockEnd &&
    verdict[end] === said
  ) {
    end++;
    next++;
  }
  return end;
}

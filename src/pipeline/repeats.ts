// What has been taken in and what was cancelled, by id: a record is taken in once, and cancelled
// once; and a trade whose cancel came before it, or beside it, counts for nothing.

import type { EventColumns } from '../contracts/event-columns.ts';
import { cancelled, cancelTooLate, isCancel } from '../contracts/verdict.ts';
import type { Log, StateWrite } from '../log/log.ts';
import { blockSize, SeenIds } from './seen-ids.ts';

/** Of each numbering: nearly always ids are near the newest, and the log has the rest. */
const idBlocksMax = 4;

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
        const space = isCancel(columns.verdict[row] as number)
          ? await this.#cancelsIn(cancelsOf(spaces[index] as string))
          : (seen[index] as SeenIds);
        if (space.lacks(id)) await space.load(this.#log, id);
        if (!space.addRun(id, id + (end - row))) {
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

  /**
   * Marks the trades that a cancel names, now or before; but not where an export says that the
   * cancel was too late.
   */
  async markCancelled(columns: EventColumns, spaces: readonly string[]): Promise<void> {
    const known: (SeenIds | null)[] = [];
    for (const space of spaces) known.push(await this.#knownCancels(cancelsOf(space)));
    if (known.every((cancels) => cancels === null)) return;
    await this.#noteTooLate(columns, spaces);
    for (let row = 0; row < columns.count; row++) {
      const index = columns.instrument[row] as number;
      const cancels = known[index] as SeenIds | null;
      const id = columns.id[row] as number;
      if (cancels === null || isCancel(columns.verdict[row] as number) || Number.isNaN(id))
        continue;
      if (cancels.lacks(id)) await cancels.load(this.#log, id);
      if (!cancels.has(id) || (await this.#wasTooLate(spaces[index] as string, id))) continue;
      columns.verdict[row] = cancelled;
    }
  }

  /** Remembers the cancels that an export says were too late. */
  async #noteTooLate(columns: EventColumns, spaces: readonly string[]): Promise<void> {
    for (let row = 0; row < columns.count; row++) {
      if (columns.verdict[row] !== cancelTooLate) continue;
      const space = spaces[columns.instrument[row] as number] as string;
      const tooLate = await this.#cancelsIn(tooLateCancelsOf(space));
      const id = columns.id[row] as number;
      if (tooLate.lacks(id)) await tooLate.load(this.#log, id);
      tooLate.add(id);
    }
  }

  async #wasTooLate(space: string, id: number): Promise<boolean> {
    const tooLate = await this.#knownCancels(tooLateCancelsOf(space));
    if (tooLate?.lacks(id)) await tooLate.load(this.#log, id);
    return tooLate?.has(id) ?? false;
  }

  async #knownCancels(numbering: string): Promise<SeenIds | null> {
    let cancels = this.#cancels.get(numbering);
    if (cancels === undefined) {
      cancels = (await SeenIds.areIn(this.#log, numbering)) ? new SeenIds(numbering) : null;
      this.#cancels.set(numbering, cancels);
    }
    if (cancels) this.#touched.add(cancels);
    return cancels;
  }

  async #cancelsIn(numbering: string): Promise<SeenIds> {
    const cancels = (await this.#knownCancels(numbering)) ?? new SeenIds(numbering);
    this.#cancels.set(numbering, cancels);
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

  /** Whether all ids of a numbering from `from` to before `to` were taken in. */
  async hasAll(space: string, from: number, to: number): Promise<boolean> {
    const seen = this.#seenIn(space);
    for (let next = from; next < to; ) {
      if (seen.lacks(next)) await seen.load(this.#log, next);
      const end = seen.endOfRun(next);
      if (end === next) return false;
      next = end;
    }
    return true;
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

/** Those of them that an export says were too late to cancel anything. */
function tooLateCancelsOf(space: string): string {
  return `too late cancels ${space}`;
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

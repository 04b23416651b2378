// Which ids of one numbering have been taken in, exactly: so that a repeat, from a reconnect or
// from replaying a file again, adds nothing. Kept as ranges, since exchanges and files number
// densely, in blocks of 65,536 ids, so that one commit stores only the blocks that it changed.

import type { Log, StateWrite } from '../log/log.ts';

/** Ids to a block. */
export const blockSize = 65_536;

/** Sorted, disjoint, never adjacent: from0, to0, from1, to1, … with `to` exclusive. */
type Ranges = number[];

export class SeenIds {
  readonly #prefix: string;
  readonly #blocks = new Map<number, Ranges>();
  readonly #changed = new Set<number>();
  /** The block used last: ids come in order, nearly always. */
  #recent: Ranges = [];
  #recentNumber = -1;

  /** `space` names the numbering: see `idSpace`. */
  constructor(space: string) {
    this.#prefix = prefixOf(space);
  }

  /** Whether the log has any id of a numbering. */
  static async areIn(log: Log, space: string): Promise<boolean> {
    for await (const _ of log.states(prefixOf(space))) return true;
    return false;
  }

  /** Whether `load` has to be awaited before this id can be added. */
  lacks(id: number): boolean {
    const block = Math.floor(id / blockSize);
    return block !== this.#recentNumber && !Number.isNaN(id) && !this.#blocks.has(block);
  }

  async load(log: Log, id: number): Promise<void> {
    const block = Math.floor(id / blockSize);
    const stored = await log.state(this.#prefix + block);
    const ranges = stored ? Array.from(new Float64Array(Uint8Array.from(stored).buffer)) : [];
    this.#blocks.set(block, ranges);
  }

  /** Whether an id was taken in; its block must be loaded. */
  has(id: number): boolean {
    const ranges = this.#rangesOf(id);
    const at = rangeAfter(ranges, id);
    return at > 0 && id < (ranges[at - 1] as number);
  }

  /** The first id from this one on that was not taken in, or is of the next block. */
  endOfRun(id: number): number {
    const ranges = this.#rangesOf(id);
    const at = rangeAfter(ranges, id);
    return at > 0 ? Math.max(id, ranges[at - 1] as number) : id;
  }

  /** Takes an id in; false when it was in already. */
  add(id: number): boolean {
    const added = addToRanges(this.#rangesOf(id), id);
    if (added) this.#changed.add(this.#recentNumber);
    return added;
  }

  /**
   * Takes in the ids [from, to), which follow one another within one block, when they come after
   * all that the block has seen; else false, with nothing changed.
   */
  addRun(from: number, to: number): boolean {
    const ranges = this.#rangesOf(from);
    const last = ranges.length - 1;
    if (last > 0 && from < (ranges[last] as number)) return false;
    if (last > 0 && from === ranges[last]) ranges[last] = to;
    else ranges.push(from, to);
    this.#changed.add(this.#recentNumber);
    return true;
  }

  #rangesOf(id: number): Ranges {
    const block = Math.floor(id / blockSize);
    if (block !== this.#recentNumber) {
      const ranges = this.#blocks.get(block);
      if (!ranges) throw new RangeError(`block of id ${id} is not loaded`);
      this.#recent = ranges;
      this.#recentNumber = block;
    }
    return this.#recent;
  }

  /** What changed since the last call, to be committed with the records. */
  changes(): StateWrite[] {
    const writes = Array.from(this.#changed, (block) => {
      const ranges = this.#blocks.get(block) as Ranges;
      const value = new Uint8Array(Float64Array.from(ranges).buffer);
      return { key: this.#prefix + block, value };
    });
    this.#changed.clear();
    return writes;
  }

  /** Forgets all but the newest blocks in memory; the log still has them. */
  shrink(blocksMax: number): void {
    if (this.#blocks.size <= blocksMax) return;
    const oldest = [...this.#blocks.keys()].slice(0, this.#blocks.size - blocksMax);
    for (const block of oldest) this.#blocks.delete(block);
    this.#recentNumber = -1;
  }
}

function prefixOf(space: string): string {
  return `ingest seen ${space} `;
}

function addToRanges(ranges: Ranges, id: number): boolean {
  const last = ranges.length - 1;
  if (last > 0 && id === ranges[last]) {
    ranges[last] = id + 1;
    return true;
  }
  const at = rangeAfter(ranges, id);
  if (at > 0 && id < (ranges[at - 1] as number)) return false;
  const joinsBefore = at > 0 && ranges[at - 1] === id;
  const joinsAfter = ranges[at] === id + 1;
  if (joinsBefore && joinsAfter) ranges.splice(at - 1, 2);
  else if (joinsBefore) ranges[at - 1] = id + 1;
  else if (joinsAfter) ranges[at] = id;
  else ranges.splice(at, 0, id, id + 1);
  return true;
}

/** Position of the first range that begins after `id`. */
function rangeAfter(ranges: Readonly<Ranges>, id: number): number {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[2 * middle] as number) <= id) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

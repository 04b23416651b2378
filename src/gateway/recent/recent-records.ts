// The newest versions of rare records, such as signals, at the log's end, which the store may not
// have yet.

export interface RareRecord {
  readonly id: string;
  /** ISO 8601 UTC. */
  readonly time: string;
  readonly revision: number;
}

export class RecentRecords<Row extends RareRecord, Filter> {
  readonly #max: number;
  readonly #isWanted: (row: Row, filter: Filter) => boolean;
  readonly #byId = new Map<string, Row>();

  constructor(max: number, isWanted: (row: Row, filter: Filter) => boolean) {
    this.#max = max;
    this.#isWanted = isWanted;
  }

  put(row: Row): void {
    this.#byId.delete(row.id);
    this.#byId.set(row.id, row);
    if (this.#byId.size > this.#max) this.#byId.delete(this.#byId.keys().next().value as string);
  }

  get(id: string): Row | undefined {
    return this.#byId.get(id);
  }

  /** Newest first by (time, id), together with those that the store gave. */
  with(stored: readonly Row[], filter: Filter, limit: number): Row[] {
    const byId = new Map(stored.map((row) => [row.id, row]));
    for (const row of this.#byId.values()) {
      const known = byId.get(row.id);
      if (!this.#isWanted(row, filter)) byId.delete(row.id);
      else if (!known || known.revision <= row.revision) byId.set(row.id, row);
    }
    return [...byId.values()].sort(newestFirst).slice(0, limit);
  }
}

function newestFirst(a: RareRecord, b: RareRecord): number {
  const [at, bt] = [Date.parse(a.time), Date.parse(b.time)];
  if (at !== bt) return bt - at;
  return a.id < b.id ? -1 : 1;
}

// The newest versions of rare records, such as signals, at the log's end, which the store may not
// have yet.

export interface RareRecord {
  readonly id: string;
  /** ISO 8601 UTC. */
  readonly time: string;
  readonly revision: number;
}

export class RecentRecords<Row extends RareRecord, Filter> {
  /** Of the log's newest records it holds so many. */
  readonly max: number;
  readonly #isWanted: (row: Row, filter: Filter) => boolean;
  readonly #byId = new Map<string, Row>();

  constructor(max: number, isWanted: (row: Row, filter: Filter) => boolean) {
    this.max = max;
    this.#isWanted = isWanted;
  }

  put(row: Row): void {
    this.#byId.delete(row.id);
    this.#byId.set(row.id, row);
    if (this.#byId.size > this.max) this.#byId.delete(this.#byId.keys().next().value as string);
  }

  get(id: string): Row | undefined {
    return this.#byId.get(id);
  }

  /** Those that pass the filter, in no order. */
  wanted(filter: Filter): Row[] {
    return [...this.#byId.values()].filter((row) => this.#isWanted(row, filter));
  }

  /** All, as they came. */
  all(): Iterable<Row> {
    return this.#byId.values();
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

export function newestFirst(a: RareRecord, b: RareRecord): number {
  // Without the Z, which no digit follows where there is no fraction, they compare as text.
  const [at, bt] = [a.time.slice(0, -1), b.time.slice(0, -1)];
  if (at !== bt) return at < bt ? 1 : -1;
  return a.id < b.id ? -1 : 1;
}

// The monthly partitions of a table, made before a row needs them: those of the rows' own months,
// whatever the year, and the month after, so that the turn of a month finds its partition there.
// Months are those of UTC. With TimescaleDB there are none: the table makes its own chunks.

import type { Client } from 'pg';
import { formatTime } from '../contracts/time.ts';
import { layoutOf } from './layout.ts';

export interface Month {
  /** What follows the table's name in its partition's: `_2013_10`. */
  readonly suffix: string;
  /** Microseconds; the month is [from, to). */
  readonly from: number;
  readonly to: number;
}

/**
 * The partitions of one table, remembered, so that a month costs one query in a connection's life.
 */
export class Partitions {
  readonly #table: string;
  readonly #storage: string;
  readonly #whole: string;
  #isHypertable: boolean | null = null;
  readonly #made = new Set<number>();
  #last = monthOf(0);

  /**
   * `storage` holds the partitions' storage parameters; they do not inherit their parent's. `whole`
   * is the table that a hypertable stands in for, where this is a part of it.
   */
  constructor(table: string, storage: string, whole = table) {
    this.#table = table;
    this.#storage = storage;
    this.#whole = whole;
  }

  /** The table that takes all rows, where it is one; known once `ensure` was called. */
  get hypertable(): string | null {
    return this.#isHypertable ? this.#whole : null;
  }

  async ensure(client: Client, months: Iterable<Month>): Promise<void> {
    this.#isHypertable ??= (await layoutOf(client)) === 'timescaledb';
    if (this.#isHypertable) return;
    const wanted = [...months].flatMap((month) => [month, monthOf(month.to)]);
    const missing = wanted.filter(({ from }) => !this.#made.has(from));
    if (missing.length === 0) return;
    await client.query('select make_month($1, month, $2) from unnest($3::date[]) as month', [
      this.#table,
      this.#storage,
      missing.map(({ from }) => formatTime(from).slice(0, 10)),
    ]);
    for (const { from } of missing) this.#made.add(from);
  }

  /** The partition that holds a month's rows; writing to it saves looking it up for each row. */
  tableOf(month: Month): string {
    return this.hypertable ?? this.#table + month.suffix;
  }

  /** The partition that holds the rows of a time. */
  tableAt(time: number): string {
    if (time < this.#last.from || time >= this.#last.to) this.#last = monthOf(time);
    return this.tableOf(this.#last);
  }

  forget(): void {
    this.#isHypertable = null;
    this.#made.clear();
  }
}

export function monthOf(time: number): Month {
  const date = new Date(Math.floor(time / 1000));
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return {
    suffix: `_${year}_${String(month + 1).padStart(2, '0')}`,
    from: Date.UTC(year, month) * 1000,
    to: Date.UTC(year, month + 1) * 1000,
  };
}

/** The months that these times fall into, oldest first. */
export function monthsOf(times: ArrayLike<number>): Month[] {
  const months = new Map<number, Month>();
  let [from, to] = [0, 0];
  for (let index = 0; index < times.length; index++) {
    const time = times[index];
    if (time >= from && time < to) continue;
    const month = monthOf(time);
    ({ from, to } = month);
    months.set(from, month);
  }
  return [...months.values()].sort((a, b) => a.from - b.from);
}

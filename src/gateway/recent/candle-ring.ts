// The recent candles of one symbol, price kind and interval, the newest version of each: a small
// CandleBatch that is overwritten in place. What was touched last stays longest, so the revision of
// an old candle is here until the store surely has it. What is not here lies before `completeFrom`.

import {
  type CandleBatch,
  type CandleColumn,
  type CandleSymbol,
  candleColumns,
  isEmptied,
} from '../../contracts/candle.ts';
import { type Candle, candleAt } from '../../contracts/wire-objects.ts';
import type { RowBudget } from './row-budget.ts';

const capacityMin = 4;
const gone = Number.NaN;

export class CandleRing {
  readonly #rowsMax: number;
  readonly #budget: RowBudget;
  #rows: Rows;
  #columns: Columns;
  #offset: Float64Array;
  readonly #slots = new Map<number, number>();
  /** Where the next new candle goes. */
  #head = 0;
  #newestStart = Number.NEGATIVE_INFINITY;
  #completeFrom: number;
  /** Versions that stood before this in the log may have been overtaken by one that was lost. */
  #certainFrom = 0;

  /** `completeFrom` is the log offset from which on it will be given every version. */
  constructor(rowsMax: number, budget: RowBudget, completeFrom: number) {
    this.#rowsMax = rowsMax;
    this.#budget = budget;
    this.#completeFrom = completeFrom;
    this.#rows = rowsOf(capacityMin);
    this.#columns = columnsOf(this.#rows);
    this.#offset = new Float64Array(capacityMin).fill(-1);
  }

  get completeFrom(): number {
    return Math.max(this.#completeFrom, this.#certainFrom);
  }

  /** The log has lost versions up to this offset: the store may have them, this has not. */
  lose(offset: number): void {
    this.#certainFrom = Math.max(this.#certainFrom, offset);
  }

  /** Takes one row of a batch, whose columns are given too; it stands at `offset` in the log. */
  put(batch: CandleBatch, columns: Columns, row: number, offset: number): void {
    const start = batch.start[row];
    const known = this.#slots.get(start);
    const slot = known !== undefined && start === this.#newestStart ? known : this.#place(start);
    copyRow(batch, columns, row, this.#rows, this.#columns, slot);
    this.#offset[slot] = offset;
    if (start > this.#newestStart) this.#newestStart = start;
  }

  /** The candle with the latest start. */
  newest(): Candle | null {
    const slot = this.#slots.get(this.#newestStart);
    return slot === undefined ? null : candleAt(this.#rows, slot);
  }

  /** Log offset of the newest candle; -1 when there is none. */
  get newestOffset(): number {
    return this.#offset[this.#slots.get(this.#newestStart) ?? -1] ?? -1;
  }

  /** What was put from this log offset on is the newest version. */
  get certainFrom(): number {
    return this.#certainFrom;
  }

  /** By start, ascending: the newest `limit` in [from, to) of those put since an offset. */
  within(from: number, to: number, limit: number, since = 0): [start: number, candle: Candle][] {
    return this.#startsOf(from, to, false, since)
      .sort((a, b) => a - b)
      .slice(-limit)
      .map((start) => [start, candleAt(this.#rows, this.#slots.get(start) ?? 0)]);
  }

  /** Starts in [from, to) of candles that lost all their trades: others may still have them. */
  emptied(from: number, to: number, since = 0): number[] {
    return this.#startsOf(from, to, true, since);
  }

  #startsOf(from: number, to: number, emptied: boolean, since: number): number[] {
    const starts: number[] = [];
    for (const [start, slot] of this.#slots) {
      if (start < from || start >= to || this.#offset[slot] < since) continue;
      if (isEmptied(this.#rows, slot) === emptied) starts.push(start);
    }
    return starts;
  }

  /** A slot at the head of the ring; the version that the start had elsewhere goes. */
  #place(start: number): number {
    const before = this.#slots.get(start);
    if (before !== undefined) this.#rows.start[before] = gone;
    if (this.#rows.start[this.#head] === this.#newestStart) this.#head = this.#after(this.#head);
    let evicted = this.#rows.start[this.#head];
    if (!Number.isNaN(evicted) && this.#grow()) evicted = gone;
    const slot = this.#head;
    if (!Number.isNaN(evicted)) {
      this.#slots.delete(evicted);
      this.#completeFrom = Math.max(this.#completeFrom, this.#offset[slot] + 1);
    }
    this.#slots.set(start, slot);
    this.#head = this.#after(slot);
    return slot;
  }

  #after(slot: number): number {
    return (slot + 1) % this.#rows.capacity;
  }

  #grow(): boolean {
    const { capacity } = this.#rows;
    if (capacity * 2 > this.#rowsMax || !this.#budget.take(capacity)) return false;
    const rows = rowsOf(capacity * 2);
    const columns = columnsOf(rows);
    const offset = new Float64Array(capacity * 2).fill(-1);
    rows.symbols.push(...this.#rows.symbols);
    let next = 0;
    for (let step = 0; step < capacity; step++) {
      const slot = (this.#head + step) % capacity;
      const start = this.#rows.start[slot];
      if (Number.isNaN(start)) continue;
      copyRow(this.#rows, this.#columns, slot, rows, columns, next);
      offset[next] = this.#offset[slot];
      this.#slots.set(start, next);
      next++;
    }
    this.#rows = rows;
    this.#columns = columns;
    this.#offset = offset;
    this.#head = next;
    return true;
  }
}

type Columns = readonly Float64Array[];

/** The columns of a batch as a list, so that copying a row looks none of them up by name. */
export function columnsOf(batch: CandleBatch): Columns {
  return candleColumns.map((column) => batch[column]);
}

/** A CandleBatch whose rows are slots; one without a candle has no start. */
interface Rows extends CandleBatch {
  readonly capacity: number;
  readonly symbols: CandleSymbol[];
}

function rowsOf(capacity: number): Rows {
  const doubles = candleColumns.map((column) => [column, new Float64Array(capacity).fill(gone)]);
  return {
    ...(Object.fromEntries(doubles) as Record<CandleColumn, Float64Array>),
    capacity,
    count: capacity,
    symbols: [],
    symbol: new Uint16Array(capacity),
    price: new Uint8Array(capacity),
    interval: new Uint8Array(capacity),
    state: new Uint8Array(capacity),
    receiveTime: 0,
  };
}

function copyRow(
  from: CandleBatch,
  fromColumns: Columns,
  row: number,
  to: Rows,
  toColumns: Columns,
  slot: number,
): void {
  for (let index = 0; index < toColumns.length; index++) {
    toColumns[index][slot] = fromColumns[index][row];
  }
  to.price[slot] = from.price[row];
  to.interval[slot] = from.interval[row];
  to.state[slot] = from.state[row];
  to.symbol[slot] = symbolIn(to.symbols, from.symbols[from.symbol[row]]);
}

/** The number of a symbol in these scales; there are as many as the scale has changed. */
function symbolIn(symbols: CandleSymbol[], wanted: CandleSymbol): number {
  const { priceScale, sizeScale } = wanted;
  const known = symbols.findIndex(
    (one) => one.priceScale === priceScale && one.sizeScale === sizeScale,
  );
  return known >= 0 ? known : symbols.push(wanted) - 1;
}

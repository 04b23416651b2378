// What trade and quote batches share: parallel typed arrays, one row per event, all from one source
// and one id scope. Parsers push rows, ingest decides in place, the log encodes.

import type { Decimal } from './decimal.ts';
import { rescale } from './decimal.ts';
import { alwaysOpenCalendar, type BatchInstrument } from './instrument.ts';

export type Column = Float64Array | Uint16Array | Uint8Array;
type Grow = <C extends Column>(column: C) => C;

const capacityMin = 64;
/** Entries of one symbol in a batch. */
const entriesMax = 4;

export interface EventMeta {
  /** The feed. */
  readonly source: string;
  /** Within which numbering the ids are unique; see identity.ts. */
  readonly scope: string;
  /**
   * The recorded file that it was read from, whole and in order: between two of its records there
   * was nothing. Empty for a live source.
   */
  readonly recording: string;
  readonly instruments: readonly BatchInstrument[];
  /** Ids as text, where the source does not number; then `id` holds their hashes. */
  readonly textIds: readonly string[] | null;
}

/** Rows 0 to count - 1. Times in microseconds since the epoch. */
export interface EventBatch extends EventMeta {
  readonly count: number;
  readonly eventTime: Float64Array;
  readonly receiveTime: Float64Array;
  readonly id: Float64Array;
  /** Index into `instruments`. */
  readonly instrument: Uint16Array;
  readonly verdict: Uint8Array;
}

export abstract class EventColumns implements EventBatch {
  source = '';
  scope = '';
  recording = '';
  count = 0;
  instruments: BatchInstrument[] = [];
  textIds: string[] | null = null;
  eventTime: Float64Array<ArrayBuffer>;
  receiveTime: Float64Array<ArrayBuffer>;
  id: Float64Array<ArrayBuffer>;
  instrument: Uint16Array<ArrayBuffer>;
  verdict: Uint8Array<ArrayBuffer>;
  readonly #symbols = new Map<string, number>();

  /** Empty, in the memory of columns that nobody needs any more when there are such. */
  constructor(spent?: EventColumns) {
    this.eventTime = spent?.eventTime ?? new Float64Array(capacityMin);
    this.receiveTime = spent?.receiveTime ?? new Float64Array(capacityMin);
    this.id = spent?.id ?? new Float64Array(capacityMin);
    this.instrument = spent?.instrument ?? new Uint16Array(capacityMin);
    this.verdict = spent?.verdict ?? new Uint8Array(capacityMin);
  }

  protected abstract prices(): readonly Float64Array[];
  protected abstract sizes(): readonly Float64Array[];
  protected abstract resize(grow: Grow): void;
  /** Every column of the batch, in the order in which it is encoded. */
  abstract columns(): readonly Column[];

  /** The index of a symbol in this batch; the scales are those its first rows will use. */
  instrumentOf(symbol: string, priceScale = 0, sizeScale = 0): number {
    let index = this.#symbols.get(symbol);
    if (index === undefined) {
      const entry = { symbol, priceScale, sizeScale, sequence: 0, calendar: alwaysOpenCalendar };
      index = this.instruments.push(entry) - 1;
      this.#symbols.set(symbol, index);
    }
    return index;
  }

  /**
   * The entry of a symbol whose scales hold these decimals beside its rows so far. Where there is
   * no room, the symbol gets another entry, which ingest joins to the first: one absurd row must
   * not keep others out. -1 when that has been done too often.
   */
  roomFor(symbol: string, prices: readonly Decimal[], sizes: readonly Decimal[]): number {
    const priceScale = Math.max(...prices.map((price) => price.scale));
    const sizeScale = Math.max(...sizes.map((size) => size.scale));
    const current = this.instrumentOf(symbol, priceScale, sizeScale);
    if (this.fit(current, prices, sizes)) return current;
    const entries = this.instruments.flatMap((entry, index) =>
      entry.symbol === symbol ? [index] : [],
    );
    let found = entries.find((index) => this.fit(index, prices, sizes)) ?? -1;
    if (found < 0 && entries.length < entriesMax) {
      const entry = { symbol, priceScale, sizeScale, sequence: 0, calendar: alwaysOpenCalendar };
      found = this.instruments.push(entry) - 1;
    }
    if (found >= 0) this.#symbols.set(symbol, found);
    return found;
  }

  protected append(instrument: number, eventTime: number, receiveTime: number, id: number): number {
    const row = this.count;
    if (row === this.eventTime.length) this.#grow();
    this.instrument[row] = instrument;
    this.eventTime[row] = eventTime;
    this.receiveTime[row] = receiveTime;
    this.id[row] = id;
    this.verdict[row] = 0;
    this.count = row + 1;
    return row;
  }

  /** Takes the newest row back. */
  dropLast(): void {
    this.count--;
    if (this.textIds) this.textIds.length = this.count;
  }

  /** Gives the newest row the id that the source wrote; see identity.ts. */
  nameLast(textId: string): void {
    this.textIds ??= [];
    this.textIds[this.count - 1] = textId;
  }

  /**
   * Brings an instrument to scales that hold these decimals, rescaling its rows so far. False when
   * that leaves the safe integers, with nothing changed: such a record belongs in the dead letters.
   */
  fit(instrument: number, prices: readonly Decimal[], sizes: readonly Decimal[]): boolean {
    const entry = this.instruments[instrument] as BatchInstrument;
    const priceScale = Math.max(entry.priceScale, ...prices.map((price) => price.scale));
    const sizeScale = Math.max(entry.sizeScale, ...sizes.map((size) => size.scale));
    const fits =
      prices.every((price) => rescale(price.value, price.scale, priceScale) !== null) &&
      sizes.every((size) => rescale(size.value, size.scale, sizeScale) !== null);
    if (!fits) return false;
    if (priceScale === entry.priceScale && sizeScale === entry.sizeScale) return true;
    const scaled: [Float64Array, Float64Array][] = [];
    const rescaleAll = (columns: readonly Float64Array[], from: number, to: number): boolean =>
      columns.every((column) => {
        const copy = this.#rescaled(column, instrument, from, to);
        if (copy) scaled.push([column, copy]);
        return copy !== null;
      });
    if (!rescaleAll(this.prices(), entry.priceScale, priceScale)) return false;
    if (!rescaleAll(this.sizes(), entry.sizeScale, sizeScale)) return false;
    for (const [column, copy] of scaled) column.set(copy);
    entry.priceScale = priceScale;
    entry.sizeScale = sizeScale;
    return true;
  }

  #rescaled(column: Float64Array, instrument: number, from: number, to: number) {
    const copy = column.slice(0, this.count);
    if (from === to) return copy;
    for (let row = 0; row < this.count; row++) {
      if (this.instrument[row] !== instrument) continue;
      const value = rescale(copy[row] as number, from, to);
      if (value === null) return null;
      copy[row] = value;
    }
    return copy;
  }

  /** Keeps the rows for which `keep` holds 1, in order. */
  compact(keep: Uint8Array): void {
    const kept = (_: unknown, row: number): boolean => keep[row] === 1;
    const count = keep.subarray(0, this.count).reduce((sum, bit) => sum + bit, 0);
    for (const column of this.columns()) {
      let to = 0;
      for (let row = 0; row < this.count; row++) {
        if (keep[row]) column[to++] = column[row] as number;
      }
    }
    if (this.textIds) this.textIds = this.textIds.slice(0, this.count).filter(kept);
    this.count = count;
  }

  #grow(): void {
    const capacity = Math.max(capacityMin, this.eventTime.length * 2);
    const grow: Grow = (column) => {
      const grown = new (column.constructor as new (length: number) => typeof column)(capacity);
      grown.set(column);
      return grown;
    };
    this.eventTime = grow(this.eventTime);
    this.receiveTime = grow(this.receiveTime);
    this.id = grow(this.id);
    this.instrument = grow(this.instrument);
    this.verdict = grow(this.verdict);
    this.resize(grow);
  }
}

/** Sequence numbers of the rows: gap-free per instrument, from each instrument's first. */
export function sequencesOf(batch: EventBatch): Float64Array {
  const next = Float64Array.from(batch.instruments, (entry) => entry.sequence);
  const sequences = new Float64Array(batch.count);
  for (let row = 0; row < batch.count; row++) {
    const instrument = batch.instrument[row] as number;
    const sequence = next[instrument] as number;
    sequences[row] = sequence;
    next[instrument] = sequence + 1;
  }
  return sequences;
}

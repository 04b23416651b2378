// A window of closed candles that signals are asked of: sorted by start, one to a start, each a row
// of whole numbers in one array that grows with them. Thousands of symbols have minutes of seconds:
// as objects they would be most of the heap, and copied again and again when garbage is collected.

type Numbers = Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** How a window is saved: the bytes of its rows, and whether a number is eight of them, or four. */
export interface SavedWindow {
  readonly bytes: number;
  readonly isWide: boolean;
}

const nothing: Numbers = new Int32Array(0);

export class CandleWindow {
  /** Starts are kept in these, microseconds. */
  readonly #unit: number;
  /** Numbers of a row; the first is the start. */
  readonly #width: number;
  /** Of 32 bits while none needs more, which is so for the prices of most symbols. */
  #numbers: Numbers = nothing;
  #length = 0;

  /** Starts must be whole multiples of `unit`. */
  constructor(unit: number, width: number) {
    this.#unit = unit;
    this.#width = width;
  }

  get length(): number {
    return this.#length;
  }

  /** When the candle at an index starts; NaN where there is none. */
  start(index: number): number {
    return this.number(index, 0) * this.#unit;
  }

  /** Before all times where there is no candle. */
  get newest(): number {
    return this.#length === 0 ? Number.NEGATIVE_INFINITY : this.start(this.#length - 1);
  }

  /** The index of the last candle that starts before a time, or -1: near the end as a rule. */
  lastBefore(time: number): number {
    let index = this.#length - 1;
    while (this.start(index) >= time) index--;
    return index;
  }

  /** The index of the last candle that starts at a time or before it, or -1. */
  lastUntil(time: number): number {
    return this.lastBefore(time + 1);
  }

  /** The index of the candle that starts at a time, or -1. */
  indexOf(start: number): number {
    const index = this.lastUntil(start);
    return this.start(index) === start ? index : -1;
  }

  /** Takes a candle out; the index that it had, or -1. */
  remove(start: number): number {
    const index = this.indexOf(start);
    if (index < 0) return -1;
    this.#move(index + 1, index);
    this.#length--;
    return index;
  }

  /** Drops that many of the oldest, and gives room back that a busier time needed. */
  drop(count: number): void {
    this.#move(count, 0);
    this.#length -= count;
    const room = roomFor(this.#length);
    if (2 * room * this.#width < this.#numbers.length) this.#resize(room);
  }

  /** How it is saved, and its rows: to be copied before they change. */
  save(): { readonly saved: SavedWindow; readonly rows: Uint8Array } {
    const { buffer, BYTES_PER_ELEMENT: numberBytes } = this.#numbers;
    const bytes = this.#length * this.#width * numberBytes;
    return { saved: { bytes, isWide: this.#isWide }, rows: new Uint8Array(buffer, 0, bytes) };
  }

  /** Takes a copy of the rows. */
  restore({ isWide }: SavedWindow, rows: Uint8Array): void {
    if (isWide) this.#numbers = new Float64Array(0);
    this.#length = rows.length / this.#numbers.BYTES_PER_ELEMENT / this.#width;
    this.#resize(roomFor(this.#length));
    new Uint8Array(this.#numbers.buffer).set(rows);
  }

  /** The index of the candle that starts at a time, which is put in its place if it is new. */
  protected enter(start: number): number {
    const before = this.lastBefore(start);
    const index = before + 1;
    if (this.start(index) === start) return index;
    const isFull = this.#length * this.#width === this.#numbers.length;
    if (isFull) this.#resize(roomFor(this.#length + 1));
    this.#move(index, index + 1);
    this.#length++;
    this.set(index, 0, start / this.#unit);
    for (let column = 1; column < this.#width; column++) this.set(index, column, 0);
    return index;
  }

  /** NaN where there is no candle. */
  protected number(index: number, column: number): number {
    if (index < 0 || index >= this.#length) return Number.NaN;
    return this.#numbers[index * this.#width + column];
  }

  protected set(index: number, column: number, value: number): void {
    const at = index * this.#width + column;
    this.#numbers[at] = value;
    if (this.#numbers[at] === value) return;
    this.#numbers = new Float64Array(this.#numbers);
    this.#numbers[at] = value;
  }

  /** Multiplies some columns of all candles. */
  protected scale(columns: readonly number[], factor: number): void {
    for (let index = 0; index < this.#length; index++) {
      for (const column of columns) this.set(index, column, factor * this.number(index, column));
    }
  }

  get #isWide(): boolean {
    return this.#numbers instanceof Float64Array;
  }

  /** Moves all rows from an index on. */
  #move(from: number, to: number): void {
    if (from >= this.#length) return;
    const width = this.#width;
    this.#numbers.copyWithin(to * width, from * width, this.#length * width);
  }

  #resize(room: number): void {
    const numbers = this.#numbers.subarray(0, this.#length * this.#width);
    const Type = this.#isWide ? Float64Array : Int32Array;
    this.#numbers = new Type(room * this.#width);
    this.#numbers.set(numbers);
  }
}

/** Rows to have room for: a quarter more at a time, so that little is left empty. */
function roomFor(rows: number): number {
  let room = 0;
  while (room < rows) room += 8 + Math.floor(room / 4);
  return room;
}

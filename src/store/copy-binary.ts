// PostgreSQL's binary COPY format, the fastest way in and out: a row of nine numbers costs us
// 0.1 µs and PostgreSQL 0.9 µs, half of what text costs it. How it travels is in copy.ts.
// https://www.postgresql.org/docs/current/sql-copy.html (Binary Format); big-endian throughout.

import { strict as assert } from 'node:assert/strict';
import { limb } from '../contracts/wide.ts';

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** Microseconds from 1970 to 2000, where PostgreSQL counts from. */
const postgresEpoch = 946_684_800_000_000;
const word = 2 ** 32;

/**
 * Small enough that PostgreSQL, which wants a message whole, works on one while the next is on its
 * way through the socket.
 */
const chunkBytes = 128 * 1024;
/** Room for the rows between a full chunk and the call that takes it. */
const spareBytes = 64 * 1024;
/** More than any row without text takes. */
const rowBytesMax = 1024;

/**
 * Encodes rows field by field, in one buffer that is used again and again: a new one for each chunk
 * would keep the garbage collector busy. Texts must be `storable`.
 */
export class CopyWriter {
  #bytes = Buffer.allocUnsafeSlow(chunkBytes + spareBytes);
  #view = viewOf(this.#bytes);
  #at = 0;

  constructor() {
    this.#at = signature.copy(this.#bytes);
  }

  /** Whether it is time to `take`; to be asked every few hundred rows. */
  get isFull(): boolean {
    return this.#at >= chunkBytes;
  }

  /** What was written since the last call; good until more is written. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#bytes.buffer, 0, this.#at);
    this.#at = 0;
    return taken;
  }

  /** The last chunk, with the mark that ends the stream. */
  end(): Uint8Array {
    this.row(-1);
    return this.take();
  }

  /** Begins a row of so many fields. */
  row(fields: number): void {
    this.#reserve(rowBytesMax);
    putInt2(this.#bytes, this.#at, fields);
    this.#at += 2;
  }

  nil(): void {
    putInt4(this.#bytes, this.#at, -1);
    this.#at += 4;
  }

  int2(value: number): void {
    this.#view.setInt32(this.#at, 2);
    this.#view.setInt16(this.#at + 4, value);
    this.#at += 6;
  }

  int4(value: number): void {
    const bytes = this.#bytes;
    const at = this.#at;
    putInt4(bytes, at, 4);
    putInt4(bytes, at + 4, value);
    this.#at = at + 8;
  }

  /** A safe integer. */
  int8(value: number): void {
    const high = Math.floor(value / word);
    const bytes = this.#bytes;
    const at = this.#at;
    putInt4(bytes, at, 8);
    putInt4(bytes, at + 4, high);
    putInt4(bytes, at + 8, value - high * word);
    this.#at = at + 12;
  }

  /** A timestamptz, from microseconds since 1970. */
  time(micros: number): void {
    this.int8(micros - postgresEpoch);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.#reserve(4 + length + rowBytesMax);
    this.#view.setInt32(this.#at, length);
    this.#bytes.write(value, this.#at + 4, 'utf8');
    this.#at += 4 + length;
  }

  /** A bytea. */
  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length + rowBytesMax);
    this.#view.setInt32(this.#at, value.length);
    this.#bytes.set(value, this.#at + 4);
    this.#at += 4 + value.length;
  }

  /** A numeric of value x 10^-scale, for a safe integer. */
  decimal(value: number, scale: number): void {
    const groups = scratch;
    let count = 0;
    let rest = Math.abs(value);
    const odd = scale & 3;
    if (odd !== 0) {
      // Groups of four digits are counted from the point, so the last is filled up with zeros.
      const power = tens[odd];
      const whole = Math.floor(rest / power);
      groups[count++] = (rest - whole * power) * tens[4 - odd];
      rest = whole;
    }
    while (rest > 0) {
      const whole = Math.floor(rest / 10_000);
      groups[count++] = rest - whole * 10_000;
      rest = whole;
    }
    this.#numeric(value < 0, count, scale);
  }

  /** A numeric of (high x 2^52 + low) x 10^-scale; see contracts/wide.ts. Not negative. */
  wideDecimal(high: number, low: number, scale: number): void {
    if (high === 0) this.decimal(low, scale);
    else this.#bigDecimal(BigInt(high) * BigInt(limb) + BigInt(low), scale);
  }

  #bigDecimal(value: bigint, scale: number): void {
    const groups = scratch;
    const filled = (4 - (scale & 3)) & 3;
    let count = 0;
    for (let rest = value * BigInt(tens[filled]); rest > 0n; rest /= twelveDigits) {
      let part = Number(rest % twelveDigits);
      for (let group = 0; group < 3; group++) {
        const whole = Math.floor(part / 10_000);
        groups[count++] = part - whole * 10_000;
        part = whole;
      }
    }
    while (count > 0 && groups[count - 1] === 0) count--;
    this.#numeric(false, count, scale);
  }

  /** Writes the first `count` groups of `scratch`, least first, without zeros at the end. */
  #numeric(isNegative: boolean, count: number, scale: number): void {
    const groups = scratch;
    const fractions = (scale + 3) >> 2;
    let first = 0;
    while (first < count && groups[first] === 0) first++;
    const view = this.#view;
    const at = this.#at;
    view.setInt32(at, 8 + 2 * (count - first));
    view.setInt16(at + 4, count - first);
    view.setInt16(at + 6, count - 1 - fractions);
    view.setInt16(at + 8, isNegative ? 0x4000 : 0);
    view.setInt16(at + 10, first < count ? digitsAfterPoint(groups[first], fractions - first) : 0);
    let end = at + 12;
    for (let group = count - 1; group >= first; group--, end += 2) {
      view.setInt16(end, groups[group]);
    }
    this.#at = end;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.#at + length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

const tens = [1, 10, 100, 1_000, 10_000];
const twelveDigits = 10n ** 12n;
/** Room for the groups of 2^105 at scale 24 and more. */
const scratch = new Int16Array(24);

/** How many digits a numeric shows: those of its last group that is not zero, without zeros. */
function digitsAfterPoint(group: number, fractions: number): number {
  if (fractions <= 0) return 0;
  let digits = 4 * fractions;
  for (let rest = group; rest % 10 === 0; rest /= 10) digits--;
  return digits;
}

/** Reads rows field by field; chunks may begin and end anywhere. */
export class CopyReader {
  #bytes: Buffer = Buffer.alloc(0);
  #view = viewOf(this.#bytes);
  #at = 0;
  #started = false;

  /** Adds a chunk behind what is left of the last one. */
  push(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#view = viewOf(this.#bytes);
    this.#at = 0;
    if (this.#started || this.#bytes.length < signature.length) return;
    this.#at = signature.length;
    this.#started = true;
  }

  /** Moves to the next row's first field; false when no whole row is there. */
  next(): boolean {
    let at = this.#at + 2;
    if (!this.#started || at > this.#bytes.length) return false;
    const fields = this.#view.getInt16(this.#at);
    if (fields < 0) return false;
    for (let field = 0; field < fields; field++) {
      if (at + 4 > this.#bytes.length) return false;
      at += 4 + Math.max(this.#view.getInt32(at), 0);
    }
    if (at > this.#bytes.length) return false;
    this.#at += 2;
    return true;
  }

  /** Whether the field is null; if so it is passed over. */
  isNil(): boolean {
    if (this.#view.getInt32(this.#at) >= 0) return false;
    this.#at += 4;
    return true;
  }

  int4(): number {
    const value = this.#view.getInt32(this.#at + 4);
    this.#at += 8;
    return value;
  }

  int8(): number {
    const high = this.#view.getInt32(this.#at + 4);
    const low = this.#view.getUint32(this.#at + 8);
    this.#at += 12;
    return high * word + low;
  }

  /** A timestamptz, in microseconds since 1970. */
  time(): number {
    return this.int8() + postgresEpoch;
  }

  text(): string {
    const start = this.#at + 4;
    this.#at = start + this.#view.getInt32(this.#at);
    assert(this.#at <= this.#bytes.length);
    return this.#bytes.toString('utf8', start, this.#at);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

// Byte by byte: a DataView is faster only in code that V8's slowest compiler has been through, and
// a replay is over by then.

function putInt2(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

function putInt4(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

/** PostgreSQL's text holds neither NUL nor half a surrogate pair: both become U+FFFD. */
export function storable(text: string): string {
  return text.isWellFormed() && !text.includes('\0')
    ? text
    : text.toWellFormed().replaceAll('\0', '\ufffd');
}

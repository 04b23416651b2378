// Reads the fields of numeric text straight from bytes, without a string per field: the hot path of
// replay. Every field ends in a comma or at the end of its line.

import { powerOfTen } from '../../contracts/decimal.ts';

export const comma = 44;
export const newline = 10;
const carriageReturn = 13;
const point = 46;
const nought = 48;

/** More digits than this may not fit a safe integer. */
const digitsMax = 15;

export class Scan {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  /** Digits after the point of the decimal read last. */
  scale = 0;

  /**
   * A whole number and the comma behind it or, when it is the `last` of its row, the line end; -1
   * when there is something else.
   */
  count(last = false): number {
    const { bytes } = this;
    let { at } = this;
    const from = at;
    let value = 0;
    let digit = bytes[at] - nought;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++at] - nought;
    }
    const length = at - from;
    this.at = at;
    if (length === 0 || length > digitsMax || !this.stop(last ? newline : comma)) return -1;
    return value;
  }

  /** A decimal without its point, else like `count`; `scale` has its digits after the point. */
  decimal(last = false): number {
    const { bytes } = this;
    let { at } = this;
    const from = at;
    let pointAt = -1;
    let value = 0;
    for (;;) {
      const byte = bytes[at];
      if (byte >= nought && byte <= nought + 9) value = value * 10 + (byte - nought);
      else if (byte === point && pointAt < 0) pointAt = at;
      else break;
      at++;
    }
    const length = at - from - (pointAt < 0 ? 0 : 1);
    this.scale = pointAt < 0 ? 0 : at - pointAt - 1;
    this.at = at;
    // A point needs a digit before it.
    if (length === 0 || length > digitsMax || pointAt === from) return -1;
    return this.stop(last ? newline : comma) ? value : -1;
  }

  /** Passes the byte that ends a field, if it is there. */
  stop(byte: number): boolean {
    const { bytes } = this;
    if (byte === newline && bytes[this.at] === carriageReturn) this.at++;
    return bytes[this.at++] === byte;
  }

  /**
   * What follows a point, if there is one, as a whole number of so many places; more are cut. -1
   * for a point without digits; `scale` has how many there are.
   */
  fraction(places: number): number {
    const { bytes } = this;
    this.scale = 0;
    if (bytes[this.at] !== point) return 0;
    let value = 0;
    for (;;) {
      const digit = bytes[++this.at] - nought;
      if (!(digit >= 0 && digit <= 9)) break;
      if (this.scale++ < places) value = value * 10 + digit;
    }
    return this.scale === 0 ? -1 : value * powerOfTen(Math.max(places - this.scale, 0));
  }

  /** Milliseconds with or without a fraction, as microseconds; digits past those are cut. */
  micros(): number {
    const from = this.at;
    const whole = this.count();
    if (whole >= 0) return whole * 1000;
    this.at = from;
    const value = this.decimal(false);
    if (value < 0) return -1;
    const places = this.scale - 3;
    return places > 0 ? Math.floor(value / powerOfTen(places)) : value * powerOfTen(-places);
  }
}

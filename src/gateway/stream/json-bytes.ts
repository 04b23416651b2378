// Numbers, decimals and times as ASCII bytes, straight into a buffer: what keeps one thread able to
// write millions of JSON messages a second. Each function writes at `at` and returns where it
// ended; the caller has made room. The text is exactly what contracts/decimal.ts and time.ts
// format.

import { microsPerDay, microsPerSecond } from '../../base/clock.ts';
import { powerOfTen } from '../../contracts/decimal.ts';

/** The most bytes that one number, decimal or time here can take. */
export const scalarBytesMax = 32;

const zero = 48;
const minus = 45;
const point = 46;
const colon = 58;
const utc = 90;

/** Two digits for every number below 100: half the divisions. */
const pairs = Uint8Array.from({ length: 200 }, (_, index) => {
  const value = index >> 1;
  return zero + (index % 2 === 0 ? Math.floor(value / 10) : value % 10);
});

const billion = 1_000_000_000;

/** Bytes that are always the same. */
export function writeKey(bytes: Uint8Array, at: number, key: Uint8Array): number {
  for (let index = 0; index < key.length; index++) bytes[at + index] = key[index];
  return at + key.length;
}

/** A whole number from 0 to 2^53 - 1. */
export function writeWhole(bytes: Uint8Array, at: number, value: number): number {
  if (value < billion) return writeDigits(bytes, at, value, digitsOf(value));
  const high = Math.floor(value / billion);
  const end = writeDigits(bytes, at, high, digitsOf(high));
  return writeDigits(bytes, end, value - high * billion, 9);
}

/** The plain decimal of value x 10^-scale, without trailing zeros. */
export function writeDecimal(bytes: Uint8Array, at: number, value: number, scale: number): number {
  let magnitude = value;
  if (value < 0) {
    bytes[at++] = minus;
    magnitude = -value;
  }
  if (scale === 0) return writeWhole(bytes, at, magnitude);
  const power = powerOfTen(scale);
  const whole = Math.floor(magnitude / power);
  const rest = magnitude - whole * power;
  const end = writeWhole(bytes, at, whole);
  if (rest === 0) return end;
  bytes[end] = point;
  return trimZeros(bytes, writeFraction(bytes, end + 1, rest, scale));
}

/** ISO 8601 in UTC; three digits of fraction for milliseconds, six for microseconds, or none. */
export function writeTime(bytes: Uint8Array, at: number, time: number): number {
  const day = Math.floor(time / microsPerDay);
  at = writeKey(bytes, at, dateOf(day));
  const inDay = time - day * microsPerDay;
  const seconds = Math.floor(inDay / microsPerSecond);
  const micros = inDay - seconds * microsPerSecond;
  at = writeSeconds(bytes, at, seconds);
  if (micros !== 0) {
    bytes[at++] = point;
    at =
      micros % 1000 === 0
        ? writeDigits(bytes, at, micros / 1000, 3)
        : writeDigits(bytes, at, micros, 6);
  }
  bytes[at++] = utc;
  return at;
}

/** Seconds of the day as `hh:mm:ss`. */
function writeSeconds(bytes: Uint8Array, at: number, seconds: number): number {
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  at = writePair(bytes, at, hours);
  bytes[at++] = colon;
  at = writePair(bytes, at, minutes - hours * 60);
  bytes[at++] = colon;
  return writePair(bytes, at, seconds - minutes * 60);
}

let lastDay = Number.NaN;
let lastDate = new Uint8Array();

/** `2013-10-07T`; the last day asked for is kept, as nearly every call asks for the same. */
function dateOf(day: number): Uint8Array {
  if (day !== lastDay) {
    lastDay = day;
    lastDate = Buffer.from(new Date(day * 86_400_000).toISOString().slice(0, -13));
  }
  return lastDate;
}

function writePair(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = pairs[value * 2];
  bytes[at + 1] = pairs[value * 2 + 1];
  return at + 2;
}

/** `value` below 10^9, in exactly `width` digits. */
function writeDigits(bytes: Uint8Array, at: number, value: number, width: number): number {
  let rest = value | 0;
  let position = at + width;
  while (position - at >= 2) {
    const quotient = (rest / 100) | 0;
    const pair = (rest - quotient * 100) * 2;
    bytes[--position] = pairs[pair + 1];
    bytes[--position] = pairs[pair];
    rest = quotient;
  }
  if (position > at) bytes[at] = zero + rest;
  return at + width;
}

function writeFraction(bytes: Uint8Array, at: number, rest: number, scale: number): number {
  if (scale <= 9) return writeDigits(bytes, at, rest, scale);
  const high = Math.floor(rest / billion);
  const end = writeDigits(bytes, at, high, scale - 9);
  return writeDigits(bytes, end, rest - high * billion, 9);
}

function trimZeros(bytes: Uint8Array, end: number): number {
  while (bytes[end - 1] === zero) end--;
  return end;
}

function digitsOf(value: number): number {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1_000) return 3;
  if (value < 10_000) return 4;
  if (value < 100_000) return 5;
  if (value < 1_000_000) return 6;
  if (value < 10_000_000) return 7;
  return value < 100_000_000 ? 8 : 9;
}

// Times as numbers since the epoch, read from their text so that no digit passes through a double.

import { type Micros, micros } from '../base/clock.ts';

const pattern = /^(\d{9,20})(?:\.(\d+))?$/;

/**
 * Reads, from text or a whole number, seconds, milliseconds, microseconds or nanoseconds, told
 * apart by the digits before the point: 9 to 11, to 14, to 17, to 20 (so from 1973 on). Digits past
 * the microsecond are cut. Null for anything else.
 */
export function parseEpoch(written: unknown): Micros | null {
  const text = typeof written === 'number' ? String(written) : written;
  const parts = typeof text === 'string' ? pattern.exec(text) : null;
  if (!parts) return null;
  const [, whole, fraction = ''] = parts;
  const length = whole.length + placesToMicros(whole.length);
  const time = Number((whole + fraction).slice(0, length).padEnd(length, '0'));
  return Number.isSafeInteger(time) ? micros(time) : null;
}

/** By how many places seconds to nanoseconds, known by their digits, are off microseconds. */
export function placesToMicros(digits: number): number {
  if (digits <= 11) return 6;
  if (digits <= 14) return 3;
  return digits <= 17 ? 0 : -3;
}

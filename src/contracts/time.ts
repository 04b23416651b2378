// Times as people and programs write them: ISO 8601 in UTC, microseconds only where there are any.

import { type Micros, micros, microsPerDay, microsPerSecond } from '../base/clock.ts';

/**
 * Microseconds that an event may be ahead of its receipt. Ingest refuses what is further ahead: it
 * is absurd, and would make everything after it late.
 */
export const futureMax = 3_600 * microsPerSecond;

/** `2013-10-07T13:30:00Z`, `2013-10-07T13:30:00.000125Z`. */
export function formatTime(time: number): string {
  const ms = Math.floor(time / 1000);
  const iso = new Date(ms).toISOString();
  const rest = time - ms * 1000;
  if (rest !== 0) return `${iso.slice(0, 23)}${String(rest).padStart(3, '0')}Z`;
  return ms % 1000 === 0 ? `${iso.slice(0, 19)}Z` : iso;
}

const instant =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * Reads an ISO 8601 date or date-time (UTC where no offset is given; digits past the microsecond
 * are cut), or null, also when there is no such day.
 */
export function parseTime(text: string): Micros | null {
  const parts = instant.exec(text.trim());
  if (!parts) return null;
  const [, date, clock = '00:00:00', fraction = '', zone = 'Z'] = parts;
  if (!isDate(date)) return null;
  const ms = Date.parse(`${date}T${clock.length === 5 ? `${clock}:00` : clock}${zone}`);
  if (Number.isNaN(ms)) return null;
  return micros(ms * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6)));
}

/** Whether it is a day that exists, written as `2014-06-09`. */
export function isDate(text: string): boolean {
  if (!bareDate.test(text)) return false;
  // Parsing may take February 30 for a day of March, which is then written differently.
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

const bareDate = /^\d{4}-\d{2}-\d{2}$/;

/** Reads a bare date, such as 2013-10-07, as the days since 1970-01-01; null for anything else. */
export function parseDate(text: string): number | null {
  const time = bareDate.test(text.trim()) ? parseTime(text) : null;
  return time === null ? null : time / microsPerDay;
}

/**
 * Reads the end of a span. It is not included, except that a bare date means the end of that day:
 * from 2013-10-07 to 2013-10-08 is two whole days, as people mean it.
 */
export function parseSpanEnd(text: string): Micros | null {
  const time = parseTime(text);
  if (time === null) return null;
  return parseDate(text) === null ? time : micros(time + microsPerDay);
}

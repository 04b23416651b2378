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

const date = String.raw`(\d{4})-(\d{2})-(\d{2})`;
const clock = String.raw`(\d{2}):(\d{2})(?::(\d{2}))?(?:[.,](\d{1,9}))?`;
const zone = String.raw`(?:Z|([+-])(\d{2}):?(\d{2}))?`;
const instant = new RegExp(`^${date}(?:[T ]${clock}${zone})?$`, 'i');
const bareDate = new RegExp(`^${date}$`);
/** After which the calendar repeats itself. */
const cycle = { years: 400, days: 146_097 };

/**
 * Reads an ISO 8601 date or date-time (UTC where no offset is given; digits past the microsecond
 * are cut), or null, also when there is no such moment.
 */
export function parseTime(text: string): Micros | null {
  const parts = instant.exec(text.trim());
  if (!parts) return null;
  const number = (part: number): number => Number(parts[part] ?? 0);
  const day = dayOf(number(1), number(2), number(3));
  const [hours, minutes, seconds] = [number(4), number(5), number(6)];
  const [zoneHours, zoneMinutes] = [number(9), number(10)];
  const isMidnight = hours === 24 && minutes === 0 && seconds === 0 && parts[7] === undefined;
  const isOfDay = (hours < 24 || isMidnight) && minutes < 60 && seconds < 60;
  if (day === null || !isOfDay || zoneHours > 23 || zoneMinutes > 59) return null;
  const east = (parts[8] === '-' ? -60 : 60) * (zoneHours * 60 + zoneMinutes);
  const time = (hours * 60 + minutes) * 60 + seconds - east;
  const fraction = parts[7] === undefined ? 0 : Number(parts[7].padEnd(6, '0').slice(0, 6));
  return micros(day * microsPerDay + time * microsPerSecond + fraction);
}

/** Whether it is a day that exists, written as `2014-06-09`. */
export function isDate(text: string): boolean {
  const parts = bareDate.exec(text);
  return parts !== null && dayOf(Number(parts[1]), Number(parts[2]), Number(parts[3])) !== null;
}

/** Days since 1970-01-01, or null when there is no such day. */
function dayOf(year: number, month: number, ofMonth: number): number | null {
  // Date.UTC takes the first hundred years for those of the last century.
  const day = new Date(Date.UTC(year + cycle.years, month - 1, ofMonth));
  if (day.getUTCMonth() !== month - 1 || day.getUTCDate() !== ofMonth) return null;
  return (day.getTime() * 1000) / microsPerDay - cycle.days;
}

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

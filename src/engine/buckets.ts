// Where the buckets of candles begin and end: on the grid of UTC up to 4h, and for a day where the
// calendar says.

import { calendarOf } from '../calendars/calendar.ts';
import { dayNumber } from '../calendars/days.ts';
import { intervalMicros, intervals } from '../contracts/interval.ts';

/** The index of the interval whose buckets follow a calendar. */
export const day = intervals.indexOf('1d');

/** The start of the bucket that a time falls in. */
export function startOf(calendar: string, interval: number, time: number): number {
  if (interval === day) return calendarOf(calendar).days.of(time).start;
  const length = intervalMicros[interval] as number;
  return Math.floor(time / length) * length;
}

/** The end of the bucket that starts then. */
export function endOf(calendar: string, interval: number, start: number): number {
  if (interval === day) return calendarOf(calendar).days.numbered(bucketOf(day, start)).end;
  return start + (intervalMicros[interval] as number);
}

/** The number of a bucket, a small integer: its place on the grid, or that of its date. */
export function bucketOf(interval: number, start: number): number {
  return interval === day ? dayNumber(start) : start / (intervalMicros[interval] as number);
}

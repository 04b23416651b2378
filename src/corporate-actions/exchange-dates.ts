// The dates of corporate actions as moments: each is a day of the calendar of its exchange.

import { type Micros, microsPerDay } from '../base/clock.ts';
import { calendarOf } from '../calendars/calendar.ts';
import { dayNumber } from '../calendars/days.ts';

/** When the exchange's day of a date begins. */
export function startOfDate(date: string, calendar: string): Micros {
  return calendarOf(calendar).days.numbered(dayNumber(Date.parse(date) * 1000)).start;
}

/** The date of the exchange's day that a moment belongs to. */
export function dateAt(time: Micros, calendar: string): string {
  const { number } = calendarOf(calendar).days.of(time);
  return new Date((number * microsPerDay) / 1000).toISOString().slice(0, 10);
}

/** The first day with a session after a date. Throws a RangeError outside the calendar's years. */
export function nextSessionDate(date: string, calendar: string): string {
  let day = Temporal.PlainDate.from(date);
  do day = day.add({ days: 1 });
  while (calendarOf(calendar).session(day.toString()) === null);
  return day.toString();
}

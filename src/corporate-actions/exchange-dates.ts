// The dates of corporate actions as moments: each is of the calendar of its exchange.

import { type Micros, micros } from '../base/clock.ts';
import { calendarOf } from '../calendars/calendar.ts';

/** When a date begins where the exchange is. */
export function startOfDate(date: string, calendar: string): Micros {
  const { zone } = calendarOf(calendar);
  return micros(Temporal.PlainDate.from(date).toZonedDateTime(zone).epochMilliseconds * 1000);
}

/** The date at a moment where the exchange is. */
export function dateAt(time: Micros, calendar: string): string {
  const { zone } = calendarOf(calendar);
  const instant = Temporal.Instant.fromEpochMilliseconds(Math.floor(time / 1000));
  return instant.toZonedDateTimeISO(zone).toPlainDate().toString();
}

/** The first day with a session after a date. Throws a RangeError outside the calendar's years. */
export function nextSessionDate(date: string, calendar: string): string {
  let day = Temporal.PlainDate.from(date);
  do day = day.add({ days: 1 });
  while (calendarOf(calendar).session(day.toString()) === null);
  return day.toString();
}

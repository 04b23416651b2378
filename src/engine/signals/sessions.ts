// Sessions and days of a symbol's exchange. What never closes has neither: its days are the UTC's,
// and mean nothing to those who trade it.

import { micros } from '../../base/clock.ts';
import { type Calendar, calendarOf } from '../../calendars/calendar.ts';
import type { Session } from '../../calendars/session.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';

/** The regular session at a moment; null between sessions, and where there are none. */
export function sessionAt(calendar: string, time: number): Session | null {
  return exchangeAt(calendar, time)?.sessionOf(micros(time)) ?? null;
}

/** The regular sessions that open in [from, to), ascending. */
export function sessionsBetween(calendar: string, from: number, to: number): Session[] {
  const exchange = exchangeAt(calendar, from);
  const sessions: Session[] = [];
  if (exchange === null) return sessions;
  for (let time = from - 1; ; ) {
    const session = exchange.nextSession(micros(time));
    if (session.open >= to) return sessions;
    sessions.push(session);
    time = session.open;
  }
}

/** Whether there is regular trading at a moment. */
export function isOpenAt(calendar: string, time: number): boolean {
  const exchange = exchangeAt(calendar, time);
  return exchange === null || exchange.phaseOf(micros(time)) === 'open';
}

/** Whether nothing can have changed overnight from one moment to the other, such as by a split. */
export function isSameDay(calendar: string, one: number, other: number): boolean {
  const exchange = exchangeAt(calendar, one);
  if (exchange === null) return true;
  return exchange.days.of(one).number === exchange.days.of(other).number;
}

/** Null where there are no sessions, and for times that the calendar does not reach back to. */
function exchangeAt(calendar: string, time: number): Calendar | null {
  if (calendar === alwaysOpenCalendar) return null;
  const exchange = calendarOf(calendar);
  const year = new Date(time / 1000).getUTCFullYear();
  return year >= exchange.firstYear && year <= exchange.lastYear ? exchange : null;
}

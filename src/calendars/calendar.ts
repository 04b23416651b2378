// The calendars of exchanges: which sessions there are, and which one a moment belongs to. Pure:
// the same question has the same answer for ever; what is remembered is only work already done. A
// year is worked out when it is first asked for, and the stretch of time in which nothing changes
// is kept, so that asking again within it costs two comparisons.

import { type Micros, micros, microsPerDay, microsPerSecond } from '../base/clock.ts';
import { alwaysOpen } from './always-open.ts';
import { cmes } from './cmes.ts';
import { Days } from './days.ts';
import type { Exchange, Hours } from './exchange.ts';
import { fx } from './fx.ts';
import type { Phase, Session, Span } from './session.ts';
import { xlon } from './xlon.ts';
import { xnys } from './xnys.ts';
import { xtks } from './xtks.ts';
import { xtse } from './xtse.ts';
import { ZoneOffsets } from './zone-offsets.ts';

const exchanges = [xnys, xlon, xtks, cmes, xtse, fx, alwaysOpen];

/**
 * The exchanges by ISO 10383 code; CMES stands for CME's equity index futures, and FX for foreign
 * exchange, which has no code because it has no exchange.
 */
export const calendarNames: readonly string[] = exchanges.map(({ name }) => name);

/** The approximation of Japan's equinoxes ends with the century, and so does every calendar. */
const lastYear = 2099;

/** All there is to know about a year: its sessions in order. */
interface Year {
  readonly holidays: ReadonlyMap<string, string>;
  readonly sessions: readonly Session[];
  readonly byDate: ReadonlyMap<string, Session>;
}

/** A stretch of time in which nothing changes. It ends where the next one starts. */
interface Stretch {
  readonly start: number;
  readonly phase: Phase;
  readonly session: Session | null;
}

const calendars = new Map<string, Calendar>();

/** The calendar of an exchange, always the same object. Throws a RangeError for an unknown name. */
export function calendarOf(name: string): Calendar {
  const known = calendars.get(name);
  if (known) return known;
  const exchange = exchanges.find((candidate) => candidate.name === name);
  if (!exchange) {
    throw new RangeError(`no calendar named "${name}"; there are ${calendarNames.join(', ')}`);
  }
  const calendar = new Calendar(exchange);
  calendars.set(name, calendar);
  return calendar;
}

/**
 * Dates are the exchange's own, written `2024-07-03`; times are microseconds UTC. A date that does
 * not exist, and a date or time outside the years from `firstYear` to `lastYear`, is a RangeError.
 */
export class Calendar {
  readonly name: string;
  readonly zone: string;
  readonly firstYear: number;
  readonly lastYear = lastYear;
  /** Without a gap and for ever: other than sessions, days need no rules that have years. */
  readonly days: Days;
  readonly #exchange: Exchange;
  readonly #years = new Map<number, Year>();
  readonly #stretches = new Map<number, readonly Stretch[]>();
  // The stretch that was asked for last: [from, until). Empty at first.
  #from = Infinity;
  #until = -Infinity;
  #phase: Phase = 'closed';
  #session: Session | null = null;

  constructor(exchange: Exchange) {
    this.name = exchange.name;
    this.zone = exchange.zone;
    this.firstYear = exchange.firstYear;
    this.days = new Days(exchange);
    this.#exchange = exchange;
  }

  /** The session of a date; null on weekends and holidays. */
  session(date: string): Session | null {
    return this.#yearOf(this.#parse(date)).byDate.get(date) ?? null;
  }

  /**
   * The name of the holiday, or of the event, for which the exchange is closed on a date; null if
   * it is none. A holiday that moved off a weekend is on the day on which the exchange keeps it.
   */
  holiday(date: string): string | null {
    return this.#yearOf(this.#parse(date)).holidays.get(date) ?? null;
  }

  /**
   * The session at a moment, from its open until just before its close, breaks included; null in
   * between, also in the pre-market and after-market, which `phaseOf` tells.
   */
  sessionOf(time: Micros): Session | null {
    // Written so that NaN, for which every comparison is false, goes on to its error.
    if (!(time >= this.#from && time < this.#until)) this.#moveTo(time);
    return this.#session;
  }

  phaseOf(time: Micros): Phase {
    if (!(time >= this.#from && time < this.#until)) this.#moveTo(time);
    return this.#phase;
  }

  /**
   * When there is trading in [from, to), pre-market and after-market included and breaks not: spans
   * in order, none touching another. Outside the calendar's years there is none.
   */
  trading(from: number, to: number): Span[] {
    const spans: { start: Micros; end: Micros }[] = [];
    const end = Math.min(to, Date.UTC(lastYear + 1, 0) * 1000);
    let time = Math.max(from, Date.UTC(this.firstYear, 0) * 1000);
    for (; time < end; time = this.#until) {
      const phase = this.phaseOf(micros(time));
      if (phase === 'closed' || phase === 'break') continue;
      const until = micros(Math.min(this.#until, end));
      const last = spans.at(-1);
      if (last?.end === time) last.end = until;
      else spans.push({ start: micros(time), end: until });
    }
    return spans;
  }

  /** The first session that opens after a moment. */
  nextSession(time: Micros): Session {
    const year = this.#yearAt(time);
    for (let y = year; y <= Math.min(year + 1, lastYear); y++) {
      const { sessions } = this.#yearOf(y);
      const index = firstIndex(sessions, (session) => session.open > time);
      if (index < sessions.length) return sessions[index];
    }
    throw this.#outside(`the session after ${show(time)}`);
  }

  /** The last session that has closed at a moment: one that closes just then has. */
  previousSession(time: Micros): Session {
    const year = this.#yearAt(time);
    for (let y = year; y >= Math.max(year - 1, this.firstYear); y--) {
      const { sessions } = this.#yearOf(y);
      const index = firstIndex(sessions, (session) => session.close > time);
      if (index > 0) return sessions[index - 1];
    }
    throw this.#outside(`the session before ${show(time)}`);
  }

  #moveTo(time: number): void {
    const year = this.#yearAt(time);
    const stretches = this.#stretchesOf(year);
    const next = firstIndex(stretches, ({ start }) => start > time);
    const { start, phase, session } = stretches[next - 1];
    // Cut at the year's ends, so that a time that is outside the calendar is always seen to be.
    this.#from = Math.max(start, Date.UTC(year, 0) * 1000);
    this.#until = Math.min(stretches[next]?.start ?? Infinity, Date.UTC(year + 1, 0) * 1000);
    this.#phase = phase;
    this.#session = session;
  }

  /** What follows what in a year of UTC; where two start together, the later one holds. */
  #stretchesOf(year: number): readonly Stretch[] {
    const known = this.#stretches.get(year);
    if (known) return known;
    // It may begin in the last session of the year before: on New Year's Eve, New York's
    // after-market ends at 01:00 UTC. None begins early, for January 1 is a holiday everywhere.
    const before = year > this.firstYear ? this.#yearOf(year - 1).sessions.slice(-1) : [];
    const stretches = [...before, ...this.#yearOf(year).sessions].flatMap(stretchesOf);
    stretches.unshift({ start: -Infinity, phase: 'closed', session: null });
    this.#stretches.set(year, stretches);
    return stretches;
  }

  #yearOf(year: number): Year {
    const known = this.#years.get(year);
    if (known) return known;
    const holidays = this.#exchange.holidays(year);
    const sessions = sessionsOf(this.#exchange, year, holidays);
    const byDate = new Map(sessions.map((session) => [session.date, session]));
    const made = { holidays, sessions, byDate };
    this.#years.set(year, made);
    return made;
  }

  /** The year of a date, once it is certain that there is such a date. */
  #parse(date: string): number {
    if (!isDate(date)) throw new RangeError(`"${date}" is not a date like 2024-07-03`);
    const year = Number(date.slice(0, 4));
    if (year < this.firstYear || year > lastYear) throw this.#outside(date);
    return year;
  }

  #yearAt(time: number): number {
    const year = new Date(time / 1000).getUTCFullYear();
    if (!(year >= this.firstYear && year <= lastYear)) throw this.#outside(show(time));
    return year;
  }

  #outside(what: string): RangeError {
    const years = `${this.firstYear} to ${lastYear}`;
    return new RangeError(`${what} is outside the calendar ${this.name}, which is of ${years}`);
  }
}

function sessionsOf(
  exchange: Exchange,
  year: number,
  holidays: ReadonlyMap<string, string>,
): Session[] {
  const zone = new ZoneOffsets(exchange.zone, year);
  const earlyCloses = exchange.earlyCloses(year);
  const sessions: Session[] = [];
  const end = Date.UTC(year + 1, 0) * 1000;
  for (let midnight = Date.UTC(year, 0) * 1000; midnight < end; midnight += microsPerDay) {
    const day = new Date(midnight / 1000);
    const weekday = day.getUTCDay();
    const isWeekend = weekday === 0 || weekday === 6;
    const date = day.toISOString().slice(0, 10);
    if ((isWeekend && !exchange.opensOnWeekends) || holidays.has(date)) continue;
    const utc = (minutes: number): Micros => zone.toUtc(midnight + minutes * 60 * microsPerSecond);
    const span = (start: number | undefined, end: number | undefined): Span | null =>
      start === undefined || end === undefined ? null : { start: utc(start), end: utc(end) };
    const hours = hoursOn(exchange, date);
    const earlyClose = earlyCloses.get(date);
    const isEarly = earlyClose !== undefined;
    const close = isEarly ? earlyClose : hours.close;
    const lateEnd = isEarly ? hours.afterMarketEarlyClose : hours.afterMarketClose;
    sessions.push({
      date,
      kind: isEarly ? 'early close' : 'regular',
      open: utc(hours.open),
      close: utc(close),
      break: span(hours.breakStart, hours.breakEnd),
      preMarket: span(hours.preMarketOpen, hours.open),
      afterMarket: lateEnd === undefined ? null : span(close, lateEnd),
    });
  }
  return sessions;
}

function hoursOn({ name, hours }: Exchange, date: string): Hours {
  const found = hours.findLast(({ from }) => from <= date);
  if (!found) throw new RangeError(`no hours of ${name} for ${date}`);
  return found.hours;
}

function stretchesOf(session: Session): Stretch[] {
  const { open, close, preMarket, afterMarket, break: pause } = session;
  const stretches: Stretch[] = [];
  if (preMarket) stretches.push({ start: preMarket.start, phase: 'pre-market', session: null });
  stretches.push({ start: open, phase: 'open', session });
  if (pause) {
    stretches.push({ start: pause.start, phase: 'break', session });
    stretches.push({ start: pause.end, phase: 'open', session });
  }
  if (afterMarket) stretches.push({ start: close, phase: 'after-market', session: null });
  stretches.push({ start: afterMarket?.end ?? close, phase: 'closed', session: null });
  return stretches;
}

/** Where the items begin for which it holds, in a list where it holds for all after the first. */
function firstIndex<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  // Parsing takes February 30 for a day of March, which is then written differently.
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

function show(time: number): string {
  const day = new Date(time / 1000);
  return Number.isNaN(day.getTime()) ? `the time ${time}` : day.toISOString();
}

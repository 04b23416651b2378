// A second witness: a database of market hours that reaches to 2028 and knows the pre-market and
// the after-market. It is kept by hand and does not always agree with the recorded sessions. Where
// both speak, the recorded sessions win: they are of every day, and they are what calendars must
// reproduce (recorded-sessions.test.ts). Every disagreement stands here with its reason, so that a
// new one is noticed.

import { strict as assert } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, type TestContext, test } from 'node:test';
import { type Calendar, calendarOf } from '../../src/calendars/calendar.ts';
import { recordedData } from '../recorded-data.ts';
import { datesBetween, isoDate, isWeekday, recordingOf } from './recorded-sessions.ts';

interface Segment {
  readonly start: string;
  readonly end: string;
  readonly state: 'premarket' | 'market' | 'postmarket';
}

interface Market {
  readonly exchangeTimeZone: string;
  readonly monday: readonly Segment[];
  readonly friday: readonly Segment[];
  readonly sunday: readonly Segment[];
  readonly saturday: readonly Segment[];
  readonly holidays: readonly string[];
  readonly earlyCloses: Readonly<Record<string, string>>;
  readonly lateOpens: Readonly<Record<string, string>>;
}

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'] as const;

function market(name: string, t: TestContext): Market | null {
  const path = recordedData('market-hours/market-hours-database.json', t);
  if (path === null) return null;
  const found = JSON.parse(readFileSync(path, 'utf8')).entries[name] as Market | undefined;
  assert.ok(found, name);
  return found;
}

/** What only they list and what only we do, of the weekdays from a first to a last date. */
function differences(
  first: string,
  last: string,
  listed: readonly string[],
  isOurs: (date: string) => boolean,
): { readonly common: number; readonly theirs: string[]; readonly ours: string[] } {
  const weekdays = [...datesBetween(first, last)].filter((date) => isWeekday(date));
  const inListed = new Set(listed.map(isoDate));
  const ours = new Set(weekdays.filter(isOurs));
  const theirs = new Set(weekdays.filter((date) => inListed.has(date)));
  return {
    common: ours.intersection(theirs).size,
    theirs: [...theirs.difference(ours)],
    ours: [...ours.difference(theirs)],
  };
}

const isHoliday =
  (calendar: Calendar) =>
  (date: string): boolean =>
    calendar.holiday(date) !== null;

const isEarly =
  (calendar: Calendar) =>
  (date: string): boolean =>
    calendar.session(date)?.kind === 'early close';

/** The moment of a local time, asked of Temporal for each: the calendar gets there differently. */
function moment(date: string, time: string, zone: string): number {
  const local = Temporal.PlainDateTime.from(`${date}T${time}`);
  return local.toZonedDateTime(zone).epochMilliseconds * 1000;
}

suite('New York', () => {
  const xnys = calendarOf('XNYS');
  const name = 'Equity-usa-[*]';

  test('has the holidays of the database from 1998 to 2028, those to come included', (t) => {
    const entry = market(name, t);
    if (!entry) return;
    const found = differences('1998-01-01', '2028-12-31', entry.holidays, isHoliday(xnys));
    assert.deepEqual(found, { common: 291, theirs: [], ours: [] });
  });

  test('has its early closes too, and three that the database begins too late for', (t) => {
    const entry = market(name, t);
    if (!entry) return;
    const dates = Object.keys(entry.earlyCloses);
    const found = differences('1998-01-01', '2028-12-31', dates, isEarly(xnys));
    // All three are recorded sessions.
    const ours = ['1998-11-27', '1998-12-24', '1999-12-31'];
    assert.deepEqual(found, { common: 64, theirs: [], ours });
    for (const [date, time] of Object.entries(entry.earlyCloses)) {
      const session = xnys.session(isoDate(date));
      if (session) assert.equal(session.close, moment(isoDate(date), time, xnys.zone), date);
    }
  });

  test('every session from 1998 to 2028 has the spans before and after it', (t) => {
    const entry = market(name, t);
    if (!entry) return;
    const early = new Map(Object.entries(entry.earlyCloses).map(([d, time]) => [isoDate(d), time]));
    let regular = 0;
    for (const date of datesBetween('1998-01-01', '2028-12-31')) {
      const session = xnys.session(date);
      if (!session || (session.kind === 'early close' && !early.has(date))) continue;
      const at = (time: string): number => moment(date, time, entry.exchangeTimeZone);
      const [before, open, after]: readonly Segment[] = entry.monday;
      assert.deepEqual(
        [before.state, open.state, after.state],
        ['premarket', 'market', 'postmarket'],
      );
      // The database says when a short day's session ends, and nothing of what follows: to its
      // readers the day is over. But there is trading until 17:00 New York time then, as the
      // exchange announces with each of these days; it wins, and only the start is checked.
      const shortDay = early.get(date);
      const late = { start: at(shortDay ?? after.start), end: at(shortDay ? '17:00' : after.end) };
      assert.deepEqual(session.preMarket, { start: at(before.start), end: at(before.end) });
      assert.deepEqual([session.open, session.close], [at(open.start), at(shortDay ?? open.end)]);
      assert.deepEqual(session.afterMarket, late, date);
      if (!shortDay) regular++;
    }
    assert.equal(regular, 7729);
    for (const day of weekdays) {
      assert.deepEqual((entry as unknown as Record<string, unknown>)[day], entry.monday);
    }
  });
});

suite('London', () => {
  test('has the holidays of the database from the end of the recording to 2030', (t) => {
    // The database has no London exchange, only a broker's contract on its index. That kept days of
    // its own, so it says nothing of the years that are recorded; its days to come are London's.
    const entry = market('Cfd-oanda-UK100GBP', t);
    const recording = recordingOf('XLON', t);
    if (!entry || !recording) return;
    const xlon = calendarOf('XLON');
    const found = differences(recording.last, '2030-12-31', entry.holidays, isHoliday(xlon));
    assert.deepEqual(found, { common: 58, theirs: [], ours: [] });
  });
});

suite('Tokyo', () => {
  const xtks = calendarOf('XTKS');

  test('has the holidays of the database from 2016 to 2026, and two that it misses', (t) => {
    const entry = market('Index-ose-[*]', t);
    if (!entry) return;
    const found = differences('2016-01-01', '2026-12-31', entry.holidays, isHoliday(xtks));
    // The day when the trading system failed, and an autumnal equinox: no session was recorded.
    assert.deepEqual(found, { common: 183, theirs: [], ours: ['2020-10-01', '2022-09-23'] });
  });

  test('has the hours of the database since the day became longer in 2024', (t) => {
    const entry = market('Index-ose-[*]', t);
    if (!entry) return;
    let count = 0;
    for (const date of datesBetween('2024-11-05', '2026-12-30')) {
      const session = xtks.session(date);
      if (!session) continue;
      const [morning, afternoon]: readonly Segment[] = entry.monday;
      const at = (time: string): number => moment(date, time, entry.exchangeTimeZone);
      assert.deepEqual([session.open, session.close], [at(morning.start), at(afternoon.end)]);
      assert.deepEqual(session.break, { start: at(morning.end), end: at(afternoon.start) });
      count++;
    }
    assert.equal(count, 525);
  });
});

suite('Chicago', () => {
  const cmes = calendarOf('CMES');
  // Until 2008 the database has copied New York's holidays, on which Globex was open until noon.
  const first = '2009-01-01';
  const last = '2026-12-31';
  // Short mornings for a report on employment. The recording has no session on any Good Friday.
  const fridays = '2010-04-02 2012-04-06 2015-04-03 2021-04-02 2023-04-07 2026-04-03';
  const goodFridays = fridays.split(' ');

  test('is closed when the database says so, but for days recorded otherwise', (t) => {
    const [entry, common] = [market('Future-cme-ES', t), market('Future-cme-[*]', t)];
    if (!entry || !common) return;
    const listed = [...entry.holidays, ...common.holidays];
    const found = differences(first, last, listed, isHoliday(cmes));
    // Hurricane Sandy, copied from New York, and Martin Luther King Jr. Day, which it has among the
    // early closes as well. On all three a session was recorded.
    assert.deepEqual(found.theirs, ['2012-10-29', '2012-10-30', '2025-01-20']);
    // Days on which it says that trading begins at 18:00, which is the next trade date's session,
    // and a funeral that it has only in New York.
    const lateOpens = '2023-12-25 2024-01-01 2024-12-25 2025-01-01 2025-12-25 2026-01-01';
    const ours = [...goodFridays, ...lateOpens.split(' '), '2025-01-09'];
    assert.deepEqual(found.ours, ours.sort());
    assert.equal(found.common, 41);
  });

  test('closes early when the database says so, but for days recorded otherwise', (t) => {
    const entry = market('Future-cme-ES', t);
    if (!entry) return;
    const found = differences(first, last, Object.keys(entry.earlyCloses), isEarly(cmes));
    const evesOfTheFourth = [2012, 2013, 2014, 2017, 2018, 2019, 2025].map((y) => `${y}-07-03`);
    // It lists some closes at 17:00 New York time, which is when it has every day close.
    const notEarly = ['2024-12-31', '2025-04-17', '2025-12-25', '2025-12-31', '2026-12-31'];
    assert.deepEqual(found.theirs, [...goodFridays, ...evesOfTheFourth, ...notEarly].sort());
    // It forgot the day after Thanksgiving of that year only.
    assert.deepEqual(found.ours, ['2024-11-29']);
    assert.equal(found.common, 141);
    // The recording has all close at noon in Chicago. The database agrees for the holidays since
    // 2014, has half past ten before, and a quarter past twelve for half days: it loses to it.
    const atNoon = Object.entries(entry.earlyCloses).filter(([date, time]) => {
      const session = cmes.session(isoDate(date));
      return session?.close === moment(isoDate(date), time, entry.exchangeTimeZone);
    });
    assert.equal(atNoon.length, 82);
  });

  test('opens when the database says so, and closes after the hour of maintenance', (t) => {
    const entry = market('Future-cme-ES', t);
    if (!entry) return;
    const [morning, day, evening]: readonly Segment[] = entry.monday;
    let count = 0;
    for (const date of datesBetween(first, last)) {
      const session = cmes.session(date);
      if (session?.kind !== 'regular') continue;
      const eve = new Date(Date.parse(date) - 86_400_000).toISOString().slice(0, 10);
      assert.equal(session.open, moment(eve, evening.start, entry.exchangeTimeZone), date);
      // The recording lets each session last until the next one opens, the database until the hour
      // in which Globex is maintained. The recording wins; nothing trades in that hour.
      const end = moment(date, day.end, entry.exchangeTimeZone);
      assert.equal(session.close - end, 3600 * 1_000_000, date);
      assert.equal(morning.end, day.start);
      count++;
    }
    assert.equal(count, 4500);
  });
});

suite('Foreign exchange', () => {
  const fx = calendarOf('FX');

  test('is open from Sunday to Friday, five in the afternoon in New York', (t) => {
    const entry = market('Forex-fxcm-[*]', t);
    if (!entry) return;
    const [evening, ...later] = entry.sunday;
    assert.deepEqual([later.length, entry.saturday.length], [0, 0]);
    let count = 0;
    for (const date of datesBetween('1990-01-01', '2030-12-31')) {
      const session = fx.session(date);
      if (!session) continue;
      const eve = new Date(Date.parse(date) - 86_400_000).toISOString().slice(0, 10);
      assert.equal(session.open, moment(eve, evening.start, entry.exchangeTimeZone), date);
      assert.equal(session.close, moment(date, entry.friday[0].end, entry.exchangeTimeZone));
      count++;
    }
    assert.equal(count, 10_637);
  });

  test('is closed on the two days on which both brokers of the database are', (t) => {
    const brokers = [market('Forex-fxcm-[*]', t), market('Forex-oanda-[*]', t)];
    const [fxcm, oanda] = brokers;
    if (!fxcm || !oanda) return;
    // Oanda writes of some of them that trading begins at five: that is the next day's session.
    const closed = new Set([...oanda.holidays, ...Object.keys(oanda.lateOpens)]);
    const both = fxcm.holidays.filter((date) => closed.has(date));
    const found = differences(
      '2007-01-01',
      '2025-12-31',
      both,
      (date) => fx.holiday(date) !== null,
    );
    assert.deepEqual(found.theirs, []);
    assert.equal(found.common, 15);
    const either = [...fxcm.holidays, ...closed];
    const ours = differences('2007-01-01', '2025-12-31', either, isHoliday(fx)).ours;
    assert.deepEqual(ours, []);
  });
});

test('24/7 is what the database calls a crypto exchange: open from midnight to midnight', (t) => {
  const entry = market('Crypto-coinbase-[*]', t);
  if (!entry) return;
  for (const day of [entry.monday, entry.friday, entry.saturday]) {
    assert.deepEqual(day, [{ start: '00:00:00', end: '1.00:00:00', state: 'market' }]);
  }
  assert.deepEqual(entry.holidays, []);
  for (const date of datesBetween('2024-01-01', '2024-12-31')) {
    const session = calendarOf('24/7').session(date);
    const midnight = moment(date, '00:00', entry.exchangeTimeZone);
    assert.deepEqual([session?.open, session?.close], [midnight, midnight + 86_400_000_000]);
  }
});

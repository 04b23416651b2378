// How a calendar answers: at the edges, in any order, for years to come, and to nonsense.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Micros, micros } from '../../src/base/clock.ts';
import { calendarNames, calendarOf } from '../../src/calendars/calendar.ts';
import type { Span } from '../../src/calendars/session.ts';
import { datesBetween, isWeekday, microsOf } from './recorded-sessions.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);

const at = (text: string): Micros => micros(microsOf(text));

suite('a moment', () => {
  const xnys = calendarOf('XNYS');

  test('is before, in and after the session; each span includes its start and not its end', () => {
    const phases = [
      ['2024-07-02T08:00Z', 'pre-market', undefined],
      ['2024-07-02T13:30Z', 'open', '2024-07-02'],
      ['2024-07-02T20:00Z', 'after-market', undefined],
      ['2024-07-03T00:00Z', 'closed', undefined],
      ['2024-07-03T08:00Z', 'pre-market', undefined],
      ['2024-07-03T13:30Z', 'open', '2024-07-03'],
      ['2024-07-03T17:00Z', 'after-market', undefined],
      ['2024-07-03T21:00Z', 'closed', undefined],
      ['2024-07-05T08:00Z', 'pre-market', undefined],
    ] as const;
    for (const [index, [text, phase, date]] of phases.entries()) {
      assert.deepEqual(
        [xnys.phaseOf(at(text)), xnys.sessionOf(at(text))?.date],
        [phase, date],
        text,
      );
      const justBefore = micros(at(text) - 1);
      if (index > 0) assert.equal(xnys.phaseOf(justBefore), phases[index - 1][1], text);
    }
  });

  test('finds the next session after it and the last one before it, over a weekend', () => {
    assert.equal(xnys.nextSession(at('2024-07-05T13:30Z')).date, '2024-07-08');
    assert.equal(xnys.nextSession(at('2024-07-05T13:29Z')).date, '2024-07-05');
    assert.equal(xnys.previousSession(at('2024-07-08T13:29Z')).date, '2024-07-05');
    assert.equal(xnys.previousSession(at('2024-07-05T19:59Z')).date, '2024-07-03');
  });

  test('finds what is around it over the turn of the year', () => {
    const session = calendarOf('CMES').session('2026-01-02');
    assert.equal(session?.open, at('2026-01-01T23:00Z'));
    assert.equal(xnys.nextSession(at('2024-12-31T22:00Z')).date, '2025-01-02');
    assert.equal(xnys.previousSession(at('2025-01-01T22:00Z')).date, '2024-12-31');
    assert.equal(xnys.phaseOf(at('2025-01-01T00:59Z')), 'after-market');
    assert.equal(xnys.phaseOf(at('2025-01-01T01:00Z')), 'closed');
    const always = calendarOf('24/7');
    assert.equal(always.sessionOf(micros(at('2025-01-01T00:00Z') - 1))?.date, '2024-12-31');
    assert.equal(always.sessionOf(at('2025-01-01T00:00Z'))?.date, '2025-01-01');
    assert.equal(always.nextSession(at('2024-12-31T00:00Z')).date, '2025-01-01');
    assert.equal(always.previousSession(at('2025-01-01T00:00Z')).date, '2024-12-31');
  });

  test('follows the clocks of its zone as they change', () => {
    const opens = (name: string, date: string): number | undefined =>
      calendarOf(name).session(date)?.open;
    assert.equal(opens('XNYS', '2024-03-08'), at('2024-03-08T14:30Z'));
    assert.equal(opens('XNYS', '2024-03-11'), at('2024-03-11T13:30Z'));
    assert.equal(opens('XLON', '2024-10-25'), at('2024-10-25T07:00Z'));
    assert.equal(opens('XLON', '2024-10-28'), at('2024-10-28T08:00Z'));
    assert.equal(opens('CMES', '2024-11-04'), at('2024-11-03T23:00Z'));
    // Until 2006 the summer of New York ended in October.
    assert.equal(opens('XNYS', '2006-10-30'), at('2006-10-30T14:30Z'));
  });

  test('has the same answer in whatever order it is asked, which fits what is around it', () => {
    for (const name of calendarNames) {
      const calendar = calendarOf(name);
      const first = Date.UTC(calendar.firstYear, 1) * 1000;
      const times = fc.integer({ min: first, max: Date.UTC(2099, 11) * 1000 });
      const isIn = (span: Span | null, time: number): boolean =>
        span !== null && span.start <= time && time < span.end;
      const check = (time: Micros): void => {
        const [session, phase] = [calendar.sessionOf(time), calendar.phaseOf(time)];
        const [before, after] = [calendar.previousSession(time), calendar.nextSession(time)];
        assert.ok(before.close <= time && time < after.open);
        if (session) {
          assert.ok(session.open <= time && time < session.close);
          assert.equal(phase, isIn(session.break, time) ? 'break' : 'open');
        } else {
          const isEarly = isIn(after.preMarket, time);
          const isLate = isIn(before.afterMarket, time);
          assert.equal(phase, isEarly ? 'pre-market' : isLate ? 'after-market' : 'closed');
        }
        assert.equal(calendar.nextSession(before.open), session ?? after);
        assert.equal(calendar.session(after.date), after);
      };
      const near = fc.integer({ min: -3, max: 90_000_000_000 });
      const property = fc.property(times, near, (time, distance) => {
        check(micros(time));
        check(micros(time + distance));
        const { open, close } = calendar.nextSession(micros(time));
        for (const edge of [open, micros(open - 1), close, micros(close - 1)]) check(edge);
      });
      fc.assert(property, { seed, numRuns: 500 });
    }
  });
});

suite('years to come', () => {
  const holidays = (name: string, year: number): string[] =>
    [...datesBetween(`${year}-01-01`, `${year}-12-31`)]
      .filter((date) => isWeekday(date) && calendarOf(name).holiday(date) !== null)
      .map((date) => date.slice(5));
  const shortDays = (name: string, year: number): string[] =>
    [...datesBetween(`${year}-01-01`, `${year}-12-31`)]
      .filter((date) => calendarOf(name).session(date)?.kind === 'early close')
      .map((date) => date.slice(5));

  // As the New York Stock Exchange has announced them; 2025 has a day of mourning besides.
  const announced = {
    2024: '01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25',
    2025: '01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25',
    2026: '01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25',
    2027: '01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24',
    2028: '01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25',
  };
  const announcedShort = {
    2024: '07-03 11-29 12-24',
    2025: '07-03 11-28 12-24',
    2026: '11-27 12-24',
    2027: '11-26',
    2028: '07-03 11-24',
  };

  test('have the holidays and short days that New York announced', () => {
    for (const [year, days] of Object.entries(announced)) {
      assert.deepEqual(holidays('XNYS', Number(year)), days.split(' '), year);
    }
    for (const [year, days] of Object.entries(announcedShort)) {
      assert.deepEqual(shortDays('XNYS', Number(year)), days.split(' '), year);
    }
  });

  test('have what the rules give for the years that nobody has announced', () => {
    const in2029 = '01-01 01-15 02-19 03-30 05-28 06-19 07-04 09-03 11-22 12-25';
    const in2030 = '01-01 01-21 02-18 04-19 05-27 06-19 07-04 09-02 11-28 12-25';
    assert.deepEqual(holidays('XNYS', 2029), in2029.split(' '));
    assert.deepEqual(holidays('XNYS', 2030), in2030.split(' '));
    assert.deepEqual(shortDays('XLON', 2029), ['12-24', '12-31']);
    // The vernal equinox is on a Sunday, so the Monday is free.
    assert.match(calendarOf('XTKS').holiday('2027-03-22') ?? '', /Vernal Equinox Day/);
    assert.equal(calendarOf('XTSE').holiday('2028-07-03'), 'Canada Day');
  });

  test('have sessions to the last year of the calendar', () => {
    for (const name of calendarNames) {
      for (let year = 2024; year <= calendarOf(name).lastYear; year++) {
        const dates = [...datesBetween(`${year}-01-01`, `${year}-12-31`)];
        const count = dates.filter((date) => calendarOf(name).session(date)).length;
        assert.ok(name === '24/7' ? count === dates.length : count > 238 && count < 262, `${year}`);
      }
    }
  });
});

suite('holidays', () => {
  test('have names', () => {
    const xnys = calendarOf('XNYS');
    assert.equal(xnys.holiday('2012-10-29'), 'Hurricane Sandy');
    assert.equal(xnys.holiday('2001-09-12'), 'Attacks of September 11');
    assert.equal(xnys.holiday('2020-07-03'), 'Independence Day');
    assert.equal(xnys.holiday('2024-07-03'), null);
    assert.equal(calendarOf('XLON').holiday('2022-09-19'), 'Funeral of Elizabeth II');
    assert.equal(calendarOf('XTKS').holiday('2019-04-30'), "Citizens' Holiday");
  });
});

suite('what there is no answer to is a clear error', () => {
  const xnys = calendarOf('XNYS');
  const range = (message: RegExp) => ({ name: 'RangeError', message });

  test('an exchange without a calendar', () => {
    assert.throws(
      () => calendarOf('XPAR'),
      range(/no calendar named "XPAR"; there are XNYS, XLON/),
    );
    assert.throws(() => calendarOf('toString'), range(/no calendar/));
  });

  test('a date that there is not', () => {
    for (const date of ['2023-02-29', '2024-02-30', '2024-13-01', '2024-7-3', '20240703', '']) {
      assert.throws(() => xnys.session(date), range(/is not a date like 2024-07-03/), date);
      assert.throws(() => xnys.holiday(date), range(/is not a date/), date);
    }
    assert.equal(xnys.session('2024-02-29')?.date, '2024-02-29');
  });

  test('a date or a time for which no rules are known', () => {
    assert.throws(
      () => xnys.session('1989-12-29'),
      range(/1989-12-29 is outside the calendar XNYS, which is of 1990 to 2099/),
    );
    assert.throws(() => calendarOf('XTKS').session('1999-12-30'), range(/of 2000 to 2099/));
    for (const time of [at('1989-12-31T23:59Z'), at('2100-01-01T00:00Z'), micros(Number.NaN)]) {
      // Asked before and after a good time, so that neither is answered from memory.
      for (const good of ['1990-01-01T00:00Z', '2099-12-31T23:59Z']) {
        assert.equal(xnys.sessionOf(at(good)), null);
        assert.throws(() => xnys.sessionOf(time), range(/outside the calendar XNYS/));
        assert.throws(() => xnys.phaseOf(time), range(/outside the calendar XNYS/));
      }
      assert.throws(() => xnys.nextSession(time), range(/outside the calendar XNYS/));
      assert.throws(() => xnys.previousSession(time), range(/outside the calendar XNYS/));
    }
    assert.throws(() => xnys.nextSession(at('2099-12-31T23:00Z')), range(/the session after/));
    assert.throws(() => xnys.previousSession(at('1990-01-01T00:00Z')), range(/session before/));
  });
});

// The grammar of holidays, checked with dates that anybody can look up.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type DateRule,
  datesOf,
  easterMonday,
  easterSunday,
  fixed,
  goodFriday,
  lastUpTo,
  monday,
  nth,
  sundayToMonday,
  thanksgiving,
  toFridayBefore,
  toNearestWeekday,
  toNextMonday,
  twoDaysLater,
} from '../../src/calendars/holiday-rules.ts';

function dates(rule: DateRule, ...years: number[]): string[] {
  return years.map((year) => rule(year).toString());
}

suite('rules for a day of the year', () => {
  test('Easter is where the church puts it, at its earliest and latest too', () => {
    assert.deepEqual(dates(easterSunday, 1818, 1943, 1990, 2000, 2019, 2024, 2025, 2026, 2038), [
      '1818-03-22',
      '1943-04-25',
      '1990-04-15',
      '2000-04-23',
      '2019-04-21',
      '2024-03-31',
      '2025-04-20',
      '2026-04-05',
      '2038-04-25',
    ]);
    assert.deepEqual(dates(goodFriday, 2024), ['2024-03-29']);
    assert.deepEqual(dates(easterMonday, 2024), ['2024-04-01']);
  });

  test('Easter is a Sunday from March 22 to April 25 in every year', () => {
    for (let year = 1900; year < 2300; year++) {
      const easter = easterSunday(year);
      assert.equal(easter.dayOfWeek, 7);
      const date = easter.toString();
      assert.ok(date >= `${year}-03-22` && date <= `${year}-04-25`, date);
    }
  });

  test('the nth weekday of a month counts from its first day, the last from its end', () => {
    assert.deepEqual(dates(nth(1, monday, 9), 2024, 2025), ['2024-09-02', '2025-09-01']);
    assert.deepEqual(dates(thanksgiving, 2023, 2024), ['2023-11-23', '2024-11-28']);
    assert.deepEqual(dates(lastUpTo(monday, 5, 31), 2021, 2022), ['2021-05-31', '2022-05-30']);
    // Victoria Day: the Monday before May 25.
    assert.deepEqual(dates(lastUpTo(monday, 5, 24), 2020, 2021), ['2020-05-18', '2021-05-24']);
  });

  test('a day on a weekend is kept where its observance says', () => {
    // July 4 was a Saturday, a Sunday and a Monday.
    const years = [2020, 2021, 2022];
    const days = (rule: DateRule): string[] => dates(rule, ...years).map((date) => date.slice(5));
    assert.deepEqual(days(fixed(7, 4)), ['07-04', '07-04', '07-04']);
    assert.deepEqual(days(fixed(7, 4, sundayToMonday)), ['07-04', '07-05', '07-04']);
    assert.deepEqual(days(fixed(7, 4, toNearestWeekday)), ['07-03', '07-05', '07-04']);
    assert.deepEqual(days(fixed(7, 4, toNextMonday)), ['07-06', '07-05', '07-04']);
    assert.deepEqual(days(fixed(7, 4, twoDaysLater)), ['07-06', '07-06', '07-04']);
    assert.deepEqual(days(fixed(7, 4, toFridayBefore)), ['07-03', '07-02', '07-04']);
  });
});

test('a rule holds from its first year to its last, and moves where it was moved', () => {
  const rules = [
    { name: 'spring', on: fixed(3, 1), from: 2001, to: 2003, moved: { 2002: '03-09' } },
    { name: 'always', on: fixed(5, 1) },
  ];
  const closures = [['2003-07-07', 'storm']] as const;
  const days = [2000, 2001, 2002, 2003, 2004].map((year) => [...datesOf(rules, closures, year)]);
  assert.deepEqual(days, [
    [['2000-05-01', 'always']],
    [
      ['2001-03-01', 'spring'],
      ['2001-05-01', 'always'],
    ],
    [
      ['2002-03-09', 'spring'],
      ['2002-05-01', 'always'],
    ],
    [
      ['2003-03-01', 'spring'],
      ['2003-05-01', 'always'],
      ['2003-07-07', 'storm'],
    ],
    [['2004-05-01', 'always']],
  ]);
});

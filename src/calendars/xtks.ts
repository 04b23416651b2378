// Tokyo: the Tokyo Stock Exchange. It keeps Japan's national holidays (Act on National Holidays,
// Act 178 of 1948) and its own days around the New Year (jpx.co.jp/english/corporate/about-jpx/
// calendar). No early closes; a lunch break.

import { type Exchange, localTime } from './exchange.ts';
import {
  type DateRule,
  datesOf,
  fixed,
  monday,
  nth,
  type OneOff,
  sunday,
  type YearlyRule,
} from './holiday-rules.ts';

/** The day of the month of an equinox in Japan, from 1980 to 2099: the almanac's approximation. */
function equinox(month: number, day1980: number): DateRule {
  return (year) => {
    const years = year - 1980;
    const day = Math.floor(day1980 + 0.242194 * years - Math.floor(years / 4));
    return new Temporal.PlainDate(year, month, day);
  };
}

const nationalHolidays: readonly YearlyRule[] = [
  { name: "New Year's Day", on: fixed(1, 1) },
  { name: 'Coming of Age Day', on: nth(2, monday, 1), from: 2000 },
  { name: 'National Foundation Day', on: fixed(2, 11) },
  { name: "Emperor's Birthday", on: fixed(2, 23), from: 2020 },
  { name: 'Vernal Equinox Day', on: equinox(3, 20.8431) },
  { name: 'Greenery Day', on: fixed(4, 29), to: 2006 },
  { name: 'Showa Day', on: fixed(4, 29), from: 2007 },
  { name: 'Constitution Memorial Day', on: fixed(5, 3) },
  { name: 'Greenery Day', on: fixed(5, 4), from: 2007 },
  { name: "Children's Day", on: fixed(5, 5) },
  { name: 'Marine Day', on: fixed(7, 20), to: 2002 },
  {
    name: 'Marine Day',
    on: nth(3, monday, 7),
    from: 2003,
    // The Olympic Games of Tokyo moved this day and the two others of 2020 and 2021.
    moved: { 2020: '07-23', 2021: '07-22' },
  },
  {
    name: 'Mountain Day',
    on: fixed(8, 11),
    from: 2016,
    moved: { 2020: '08-10', 2021: '08-08' },
  },
  { name: 'Respect for the Aged Day', on: fixed(9, 15), to: 2002 },
  { name: 'Respect for the Aged Day', on: nth(3, monday, 9), from: 2003 },
  { name: 'Autumnal Equinox Day', on: equinox(9, 23.2488) },
  { name: 'Health and Sports Day', on: nth(2, monday, 10), from: 2000, to: 2019 },
  {
    name: 'Sports Day',
    on: nth(2, monday, 10),
    from: 2020,
    moved: { 2020: '07-24', 2021: '07-23' },
  },
  { name: 'Culture Day', on: fixed(11, 3) },
  { name: 'Labor Thanksgiving Day', on: fixed(11, 23) },
  { name: "Emperor's Birthday", on: fixed(12, 23), to: 2018 },
];

const nationalHolidaysOnce: readonly OneOff[] = [
  ['2019-05-01', 'Accession of the Emperor'],
  ['2019-10-22', 'Enthronement of the Emperor'],
];

const ownHolidays: readonly YearlyRule[] = [
  { name: 'New Year holiday', on: fixed(1, 2) },
  { name: 'New Year holiday', on: fixed(1, 3) },
  { name: "New Year's Eve", on: fixed(12, 31) },
];

const closures: readonly OneOff[] = [['2020-10-01', 'Failure of the trading system']];

/** A day between two national holidays is one too, unless it is a Sunday (article 3, clause 3). */
function between(national: ReadonlyMap<string, string>): Map<string, string> {
  const days = new Map<string, string>();
  for (const date of national.keys()) {
    const day = Temporal.PlainDate.from(date).add({ days: 1 });
    if (day.dayOfWeek === sunday || national.has(day.toString())) continue;
    const isBetween = national.has(day.add({ days: 1 }).toString());
    if (isBetween) days.set(day.toString(), "Citizens' Holiday");
  }
  return days;
}

/**
 * For a national holiday on a Sunday, the next day that is none (article 3, clause 2). Until 2006
 * it was the Monday in any case, which since 2000 was the same: none of them was followed by
 * another.
 */
function substitutes(national: ReadonlyMap<string, string>): Map<string, string> {
  const days = new Map<string, string>();
  for (const [date, name] of national) {
    let day = Temporal.PlainDate.from(date);
    if (day.dayOfWeek !== sunday) continue;
    while (national.has(day.toString())) day = day.add({ days: 1 });
    days.set(day.toString(), `${name} (substitute)`);
  }
  return days;
}

function holidaysOf(year: number): Map<string, string> {
  const national = datesOf(nationalHolidays, nationalHolidaysOnce, year);
  const own = datesOf(ownHolidays, closures, year);
  return new Map([...own, ...substitutes(national), ...between(national), ...national]);
}

const lunch = { breakStart: localTime(11, 30), breakEnd: localTime(12, 30) };

export const xtks: Exchange = {
  name: 'XTKS',
  zone: 'Asia/Tokyo',
  firstYear: 2000,
  hours: [
    { from: '2000-01-01', hours: { open: localTime(9), close: localTime(15), ...lunch } },
    { from: '2024-11-05', hours: { open: localTime(9), close: localTime(15, 30), ...lunch } },
  ],
  holidays: holidaysOf,
  earlyCloses: () => new Map<string, number>(),
};

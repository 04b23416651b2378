// New York: the New York Stock Exchange, whose days the other US stock exchanges keep too. Holidays
// after NYSE Rule 7.2, early closes after its announcements (nyse.com/markets/hours-calendars).

import { type EarlyClose, type Exchange, earlyClosesOf, localTime } from './exchange.ts';
import {
  type DateRule,
  datesOf,
  daysAfter,
  fixed,
  goodFriday,
  lastUpTo,
  monday,
  nth,
  type OneOff,
  sundayToMonday,
  thanksgiving,
  toNearestWeekday,
  type YearlyRule,
} from './holiday-rules.ts';

const holidays: readonly YearlyRule[] = [
  // On a Saturday it would be kept on the last trading day of the old year, which the rule forbids.
  { name: "New Year's Day", on: fixed(1, 1, sundayToMonday) },
  { name: 'Martin Luther King Jr. Day', on: nth(3, monday, 1), from: 1998 },
  { name: "Washington's Birthday", on: nth(3, monday, 2) },
  { name: 'Good Friday', on: goodFriday },
  { name: 'Memorial Day', on: lastUpTo(monday, 5, 31) },
  { name: 'Juneteenth', on: fixed(6, 19, toNearestWeekday), from: 2022 },
  { name: 'Independence Day', on: fixed(7, 4, toNearestWeekday) },
  { name: 'Labor Day', on: nth(1, monday, 9) },
  { name: 'Thanksgiving Day', on: thanksgiving },
  { name: 'Christmas Day', on: fixed(12, 25, toNearestWeekday) },
];

const closures: readonly OneOff[] = [
  ['1994-04-27', 'Funeral of Richard Nixon'],
  ['2001-09-11', 'Attacks of September 11'],
  ['2001-09-12', 'Attacks of September 11'],
  ['2001-09-13', 'Attacks of September 11'],
  ['2001-09-14', 'Attacks of September 11'],
  ['2004-06-11', 'Funeral of Ronald Reagan'],
  ['2007-01-02', 'Funeral of Gerald Ford'],
  ['2012-10-29', 'Hurricane Sandy'],
  ['2012-10-30', 'Hurricane Sandy'],
  ['2018-12-05', 'Funeral of George H. W. Bush'],
  ['2025-01-09', 'Funeral of Jimmy Carter'],
];

const onePm = localTime(13);
const twoPm = localTime(14);

/** The eve, unless that is a Wednesday: until 2012 the Friday after the Fourth was short then. */
const besideTheFourth: DateRule = (year) => {
  const eve = new Temporal.PlainDate(year, 7, 3);
  const isWednesday = eve.dayOfWeek === 3;
  return isWednesday && year <= 2012 ? eve.add({ days: 2 }) : eve;
};

const dayAfterThanksgiving = daysAfter(1, thanksgiving);

const earlyCloses: readonly EarlyClose[] = [
  { name: 'Independence Day', on: besideTheFourth, from: 1995, close: onePm },
  { name: 'After Thanksgiving', on: dayAfterThanksgiving, from: 1992, to: 1992, close: twoPm },
  { name: 'After Thanksgiving', on: dayAfterThanksgiving, from: 1993, close: onePm },
  { name: 'Christmas Eve', on: fixed(12, 24), to: 1992, close: twoPm },
  { name: 'Christmas Eve', on: fixed(12, 24), from: 1993, close: onePm },
];

const shortDays: readonly OneOff[] = [
  ['1997-12-26', 'Friday after Christmas'],
  ['1999-12-31', 'Eve of the year 2000'],
  ['2003-12-26', 'Friday after Christmas'],
];

const regular = { open: localTime(9, 30), close: localTime(16) };

export const xnys: Exchange = {
  name: 'XNYS',
  zone: 'America/New_York',
  firstYear: 1990,
  hours: [
    { from: '1990-01-01', hours: regular },
    {
      // The first year for which there is a record of trading outside the regular session.
      from: '1998-01-01',
      hours: {
        ...regular,
        preMarketOpen: localTime(4),
        afterMarketClose: localTime(20),
        // "Late trading sessions will close at 5:00 p.m." says the exchange's list of short days.
        afterMarketEarlyClose: localTime(17),
      },
    },
  ],
  holidays: (year) => datesOf(holidays, closures, year),
  earlyCloses: earlyClosesOf(earlyCloses, shortDays, onePm),
};

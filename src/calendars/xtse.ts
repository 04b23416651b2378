// Toronto: the Toronto Stock Exchange, TSX. It keeps the statutory holidays of Ontario
// (tsx.com/trading/calendars-and-trading-hours), and Civic Holiday, which is none.

import { type EarlyClose, type Exchange, earlyClosesOf, localTime } from './exchange.ts';
import {
  datesOf,
  fixed,
  goodFriday,
  lastUpTo,
  monday,
  nth,
  type OneOff,
  toNextMonday,
  twoDaysLater,
  type YearlyRule,
} from './holiday-rules.ts';

const holidays: readonly YearlyRule[] = [
  { name: "New Year's Day", on: fixed(1, 1, toNextMonday) },
  { name: 'Family Day', on: nth(3, monday, 2), from: 2008 },
  { name: 'Good Friday', on: goodFriday },
  { name: 'Victoria Day', on: lastUpTo(monday, 5, 24) },
  { name: 'Canada Day', on: fixed(7, 1, toNextMonday) },
  { name: 'Civic Holiday', on: nth(1, monday, 8) },
  { name: 'Labour Day', on: nth(1, monday, 9) },
  { name: 'Thanksgiving', on: nth(2, monday, 10) },
  { name: 'Christmas Day', on: fixed(12, 25, twoDaysLater) },
  { name: 'Boxing Day', on: fixed(12, 26, twoDaysLater) },
];

const closures: readonly OneOff[] = [
  ['2001-09-11', 'Attacks of September 11'],
  ['2001-09-12', 'Attacks of September 11'],
];

const earlyCloses: readonly EarlyClose[] = [
  { name: 'Christmas Eve', on: fixed(12, 24), from: 2010, close: localTime(13) },
];

export const xtse: Exchange = {
  name: 'XTSE',
  zone: 'America/Toronto',
  firstYear: 1990,
  hours: [{ from: '1990-01-01', hours: { open: localTime(9, 30), close: localTime(16) } }],
  holidays: (year) => datesOf(holidays, closures, year),
  earlyCloses: earlyClosesOf(earlyCloses),
};

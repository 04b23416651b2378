// Chicago: equity index futures of the Chicago Mercantile Exchange on Globex. A session is a trade
// date's and opens the evening before. On most US holidays Globex only stops at noon, so what are
// holidays in New York are early closes here.

import { type EarlyClose, type Exchange, earlyClosesOf, localTime } from './exchange.ts';
import {
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
  { name: "New Year's Day", on: fixed(1, 1, sundayToMonday) },
  { name: 'Good Friday', on: goodFriday },
  { name: 'Christmas Day', on: fixed(12, 25, toNearestWeekday) },
];

const closures: readonly OneOff[] = [
  ['1994-04-27', 'Funeral of Richard Nixon'],
  ['2004-06-11', 'Funeral of Ronald Reagan'],
  ['2007-01-02', 'Funeral of Gerald Ford'],
  ['2018-12-05', 'Funeral of George H. W. Bush'],
  ['2025-01-09', 'Funeral of Jimmy Carter'],
];

const noon: readonly YearlyRule[] = [
  { name: 'Martin Luther King Jr. Day', on: nth(3, monday, 1), from: 1998 },
  { name: "Washington's Birthday", on: nth(3, monday, 2) },
  { name: 'Memorial Day', on: lastUpTo(monday, 5, 31) },
  { name: 'Juneteenth', on: fixed(6, 19, toNearestWeekday), from: 2022 },
  { name: 'Independence Day', on: fixed(7, 4, toNearestWeekday) },
  { name: 'Labor Day', on: nth(1, monday, 9) },
  { name: 'Thanksgiving Day', on: thanksgiving },
  { name: 'After Thanksgiving', on: daysAfter(1, thanksgiving), from: 1993 },
  { name: 'Christmas Eve', on: fixed(12, 24) },
];

const earlyCloses: readonly EarlyClose[] = noon.map((rule) => ({ ...rule, close: localTime(12) }));

export const cmes: Exchange = {
  name: 'CMES',
  zone: 'America/Chicago',
  firstYear: 1990,
  hours: [{ from: '1990-01-01', hours: { open: localTime(17, 0, -1), close: localTime(17) } }],
  holidays: (year) => datesOf(holidays, closures, year),
  earlyCloses: earlyClosesOf(earlyCloses),
};

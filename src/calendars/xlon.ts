// London: the London Stock Exchange. It keeps the bank holidays of England and Wales
// (gov.uk/bank-holidays), and closes at half past twelve before Christmas and the New Year.

import { type EarlyClose, type Exchange, earlyClosesOf, localTime } from './exchange.ts';
import {
  datesOf,
  easterMonday,
  fixed,
  goodFriday,
  lastUpTo,
  monday,
  nth,
  type OneOff,
  toFridayBefore,
  toNextMonday,
  twoDaysLater,
  type YearlyRule,
} from './holiday-rules.ts';

const holidays: readonly YearlyRule[] = [
  { name: "New Year's Day", on: fixed(1, 1, toNextMonday) },
  { name: 'Good Friday', on: goodFriday },
  { name: 'Easter Monday', on: easterMonday },
  {
    name: 'Early May Bank Holiday',
    on: nth(1, monday, 5),
    // 50 and 75 years after the end of the war in Europe.
    moved: { 1995: '05-08', 2020: '05-08' },
  },
  {
    name: 'Spring Bank Holiday',
    on: lastUpTo(monday, 5, 31),
    // Each time to stand beside a jubilee.
    moved: { 2002: '06-04', 2012: '06-04', 2022: '06-02' },
  },
  { name: 'Summer Bank Holiday', on: lastUpTo(monday, 8, 31) },
  { name: 'Christmas Day', on: fixed(12, 25, twoDaysLater) },
  { name: 'Boxing Day', on: fixed(12, 26, twoDaysLater) },
];

const closures: readonly OneOff[] = [
  ['1999-12-31', 'Eve of the year 2000'],
  ['2002-06-03', 'Golden Jubilee of Elizabeth II'],
  ['2011-04-29', 'Wedding of William and Catherine'],
  ['2012-06-05', 'Diamond Jubilee of Elizabeth II'],
  ['2022-06-03', 'Platinum Jubilee of Elizabeth II'],
  ['2022-09-19', 'Funeral of Elizabeth II'],
  ['2023-05-08', 'Coronation of Charles III'],
];

const halfDay = localTime(12, 30);

const earlyCloses: readonly EarlyClose[] = [
  { name: 'Before Christmas', on: fixed(12, 24, toFridayBefore), close: halfDay },
  { name: 'Before the New Year', on: fixed(12, 31, toFridayBefore), close: halfDay },
];

export const xlon: Exchange = {
  name: 'XLON',
  zone: 'Europe/London',
  firstYear: 1990,
  hours: [{ from: '1990-01-01', hours: { open: localTime(8), close: localTime(16, 30) } }],
  holidays: (year) => datesOf(holidays, closures, year),
  earlyCloses: earlyClosesOf(earlyCloses),
};

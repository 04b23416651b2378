// Foreign exchange: no exchange, but banks around the world whose day ends at five in the afternoon
// in New York, and whose week begins and ends with it. Brokers agree on that, and on closing for
// Christmas and New Year; around those days each has hours of its own, which are not here.

import { type Exchange, localTime } from './exchange.ts';
import { datesOf, fixed, type YearlyRule } from './holiday-rules.ts';

const holidays: readonly YearlyRule[] = [
  { name: "New Year's Day", on: fixed(1, 1) },
  { name: 'Christmas Day', on: fixed(12, 25) },
];

const none: ReadonlyMap<string, never> = new Map<string, never>();

export const fx: Exchange = {
  name: 'FX',
  zone: 'America/New_York',
  firstYear: 1990,
  hours: [{ from: '1990-01-01', hours: { open: localTime(17, 0, -1), close: localTime(17) } }],
  holidays: (year) => datesOf(holidays, [], year),
  earlyCloses: () => none,
};

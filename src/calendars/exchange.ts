// What an exchange says about its own time. One file per exchange fills this in; calendar.ts turns
// it into sessions. Everything in here is the exchange's local time, nothing is UTC.

import { datesOf, type OneOff, type YearlyRule } from './holiday-rules.ts';

/** Minutes after local midnight of the session's date. Below zero is the evening before. */
export type Minutes = number;

export interface Hours {
  readonly open: Minutes;
  readonly close: Minutes;
  readonly breakStart?: Minutes;
  readonly breakEnd?: Minutes;
  /** When trading before the open begins, where there is such a thing. */
  readonly preMarketOpen?: Minutes;
  /** When trading after the close ends: on a regular day, and on a day that closes early. */
  readonly afterMarketClose?: Minutes;
  readonly afterMarketEarlyClose?: Minutes;
}

export interface Exchange {
  readonly name: string;
  /** Of the IANA time zone database. */
  readonly zone: string;
  /** The first year for which the rules below are known to hold, from its first day. */
  readonly firstYear: number;
  readonly opensOnWeekends?: boolean;
  /** Regular hours, oldest first: each holds from its date until the next one's. */
  readonly hours: readonly { readonly from: string; readonly hours: Hours }[];
  /** The days of a year without a session, and their names. Weekends need not be in it. */
  holidays(year: number): ReadonlyMap<string, string>;
  /** The days of a year that close early, and when. A holiday or weekend among them is ignored. */
  earlyCloses(year: number): ReadonlyMap<string, Minutes>;
}

export function localTime(hour: number, minute = 0, daysLater = 0): Minutes {
  return (daysLater * 24 + hour) * 60 + minute;
}

export interface EarlyClose extends YearlyRule {
  readonly close: Minutes;
}

/** Early closes by rule, plus days that followed no rule and closed at `oneOffClose`. */
export function earlyClosesOf(
  rules: readonly EarlyClose[],
  oneOffs: readonly OneOff[] = [],
  oneOffClose: Minutes = Number.NaN,
): (year: number) => Map<string, Minutes> {
  return (year) => {
    const closes = new Map<string, Minutes>();
    for (const rule of rules) {
      for (const date of datesOf([rule], [], year).keys()) closes.set(date, rule.close);
    }
    for (const date of datesOf([], oneOffs, year).keys()) closes.set(date, oneOffClose);
    return closes;
  };
}

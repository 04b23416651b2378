// The grammar in which the exchanges write down their holidays: a day of each year, the years for
// which it holds, and where it goes when it falls on a weekend. Rules, not lists, so that a year
// nobody has published yet has a calendar too. Everything here is pure and knows no zone.

export type PlainDate = Temporal.PlainDate;

/** The one day of a year that a rule means. */
export type DateRule = (year: number) => PlainDate;

/** Where a day is kept that falls on a weekend. Other days stay where they are. */
export type Observance = (date: PlainDate) => PlainDate;

export interface YearlyRule {
  readonly name: string;
  readonly on: DateRule;
  /** The first and the last year for which the rule holds; without them, it always has and will. */
  readonly from?: number;
  readonly to?: number;
  /** The years in which it was kept on another day, each with that day: `{ 2020: '05-08' }`. */
  readonly moved?: Readonly<Record<number, string>>;
}

/** A day that follows from no rule: its date, as `2012-10-29`, and what happened. */
export type OneOff = readonly [date: string, name: string];

/** ISO numbers of the weekdays. */
export const monday = 1;
export const thursday = 4;
const friday = 5;
const saturday = 6;
export const sunday = 7;

export const asIs: Observance = (date) => date;

/** Sunday's is kept on Monday; Saturday's is lost. */
export const sundayToMonday: Observance = (date) =>
  date.dayOfWeek === sunday ? date.add({ days: 1 }) : date;

/** Saturday's is kept on Friday, Sunday's on Monday. */
export const toNearestWeekday: Observance = (date) =>
  date.dayOfWeek === saturday ? date.subtract({ days: 1 }) : sundayToMonday(date);

/** A weekend's is kept on the Monday after it. */
export const toNextMonday: Observance = (date) =>
  date.dayOfWeek >= saturday ? date.add({ days: 8 - date.dayOfWeek }) : date;

/**
 * A weekend's is kept two days later. This is what gives Christmas and Boxing Day, which follow
 * each other, two different working days: Saturday and Sunday become Monday and Tuesday, and a
 * Christmas on Sunday jumps over Boxing Day to Tuesday.
 */
export const twoDaysLater: Observance = (date) =>
  date.dayOfWeek >= saturday ? date.add({ days: 2 }) : date;

/** A weekend's is kept on the Friday before it. */
export const toFridayBefore: Observance = (date) =>
  date.dayOfWeek >= saturday ? date.subtract({ days: date.dayOfWeek - friday }) : date;

export function fixed(month: number, day: number, observed: Observance = asIs): DateRule {
  return (year) => observed(new Temporal.PlainDate(year, month, day));
}

/** `nth(3, monday, 1)` is the third Monday of January. */
export function nth(n: number, weekday: number, month: number): DateRule {
  return (year) => {
    const first = new Temporal.PlainDate(year, month, 1);
    return first.add({ days: ((weekday - first.dayOfWeek + 7) % 7) + 7 * (n - 1) });
  };
}

/** The last such weekday that is not after the day: `lastUpTo(monday, 5, 31)` is May's last. */
export function lastUpTo(weekday: number, month: number, day: number): DateRule {
  return (year) => {
    const end = new Temporal.PlainDate(year, month, day);
    return end.subtract({ days: (end.dayOfWeek - weekday + 7) % 7 });
  };
}

export function daysAfter(days: number, rule: DateRule): DateRule {
  return (year) => rule(year).add({ days });
}

/**
 * Easter Sunday of the Gregorian calendar. The computus of Meeus, Jones and Butcher (J. Meeus,
 * Astronomical Algorithms, chapter 8): no tables, and right for every year.
 */
export const easterSunday: DateRule = (year) => {
  const golden = year % 19;
  const century = Math.floor(year / 100);
  const leapsSkipped = century - Math.floor(century / 4);
  const moonCorrection = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3);
  const epact = (19 * golden + leapsSkipped - moonCorrection + 15) % 30;
  const leaps = 2 * (century % 4) + 2 * Math.floor((year % 100) / 4);
  const weekday = (32 + leaps - epact - (year % 4)) % 7;
  const late = Math.floor((golden + 11 * epact + 22 * weekday) / 451);
  const days = epact + weekday - 7 * late + 114;
  return new Temporal.PlainDate(year, Math.floor(days / 31), (days % 31) + 1);
};

export const goodFriday = daysAfter(-2, easterSunday);
export const easterMonday = daysAfter(1, easterSunday);
export const thanksgiving = nth(4, thursday, 11);

/** The days of a year that the rules and the one-offs mean, as ISO dates, each with its name. */
export function datesOf(
  rules: readonly YearlyRule[],
  oneOffs: readonly OneOff[],
  year: number,
): Map<string, string> {
  const dates = new Map<string, string>();
  for (const { name, on, from = year, to = year, moved } of rules) {
    if (year < from || year > to) continue;
    const elsewhere = moved?.[year];
    dates.set(elsewhere === undefined ? on(year).toString() : `${year}-${elsewhere}`, name);
  }
  for (const [date, name] of oneOffs) {
    if (date.startsWith(`${year}-`)) dates.set(date, name);
  }
  return dates;
}

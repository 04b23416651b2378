// Amounts and times as this reader writes them. Intl takes decimal strings whole, so nothing here
// goes through floating point.

import { digitsAfterPoint } from './decimal.ts';

export const nothing = '–';
const minusSign = '−';

const compact = new Intl.NumberFormat(undefined, {
  notation: 'compact',
  minimumSignificantDigits: 4,
  maximumSignificantDigits: 4,
});
const timeOfDay = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const preciseTimeOfDay = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});
const dateAndTime = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const threeDigits = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const byDigits = new Map<number, Intl.NumberFormat>();

/** A price with the digits of its instrument, or more where it has more. */
export function price(decimal: string | null, digits: number): string {
  if (decimal === null) return nothing;
  return fixed(Math.max(digits, digitsAfterPoint(decimal))).format(decimal as Exact);
}

/** A figure that was rounded before, with fewer digits. */
export function rounded(decimal: string, digits: number): string {
  return fixed(digits).format(decimal as Exact);
}

/** With all the digits that it has. */
export function exact(decimal: string): string {
  return fixed(digitsAfterPoint(decimal)).format(decimal as Exact);
}

/** With its sign, so that colour need not say it. */
export function signed(decimal: string | null, digits: number): string {
  if (decimal === null) return nothing;
  const text = price(decimal.replace('-', ''), digits);
  if (!/[1-9]/.test(decimal)) return text;
  return `${decimal.startsWith('-') ? minusSign : '+'}${text}`;
}

export function percent(decimal: string | null): string {
  return decimal === null ? nothing : `${signed(decimal, 2)}%`;
}

/** A ratio of ours, in percent: 0.25 is 25 %. */
export function share(ratio: number | null): string {
  return ratio === null ? nothing : `${figure(ratio * 100)}%`;
}

/** A size or a volume as it is, or compact where it is long. */
export function size(decimal: string | null): string {
  if (decimal === null) return nothing;
  const digits = digitsAfterPoint(decimal);
  const isShort = decimal.length - digits <= 4 && digits <= 4;
  return (isShort ? fixed(digits) : compact).format(decimal as Exact);
}

/** A whole number, such as of trades. */
export function count(value: number): string {
  return fixed(0).format(value);
}

/** A figure of ours, not of the market, with three significant digits. */
export function figure(value: number): string {
  return Number.isFinite(value) ? threeDigits.format(value) : nothing;
}

export function seconds(value: number): string {
  if (!Number.isFinite(value)) return nothing;
  return value < 1 ? `${figure(value * 1000)} ms` : `${figure(value)} s`;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  return `${figure(value / 1000 ** power)} ${units[power]}`;
}

/** The date and time where the reader is. */
export function moment(iso: string): string {
  return dateAndTime.format(new Date(iso));
}

/** The time of day where the reader is. */
export function clock(iso: string): string {
  return timeOfDay.format(new Date(iso));
}

/** As `clock`, with milliseconds. */
export function preciseClock(iso: string): string {
  return preciseTimeOfDay.format(new Date(iso));
}

/** `4 s`, `3 min`, `2 h`, `5 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Digits after the point of an instrument's prices; two where it does not say. */
export function priceDigits(increment: string | null): number {
  return increment === null ? 2 : digitsAfterPoint(increment);
}

/** Intl takes any decimal string exactly; TypeScript wants to see that it is one. */
type Exact = `${number}`;

function fixed(digits: number): Intl.NumberFormat {
  let format = byDigits.get(digits);
  if (!format) {
    format = new Intl.NumberFormat(undefined, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    byDigits.set(digits, format);
  }
  return format;
}

// The figures of a symbol: its newest day, and what the days and minutes before it were like. All
// of it is computed from candles, adjusted for splits, and from the latest quote. What a figure
// needs and nobody knows makes it null: figures of several days reach back to the last day without
// data, never over it.

import { type Static, Type } from 'typebox';
import type { Days } from '../calendars/days.ts';
import { scaleMax } from '../contracts/decimal.ts';
import { alwaysOpenCalendar } from '../contracts/instrument.ts';
import type { Candle, Mark } from '../contracts/wire-objects.ts';
import {
  compare,
  minus,
  over,
  plus,
  type Rational,
  rationalOf,
  rounded,
  zero,
} from '../corporate-actions/rational.ts';
import { Volatility } from '../engine/indicators/volatility.ts';
import { finer, numbersOf, scalesOf, startOf, wholes } from './indicated.ts';
import { changeBetween } from './market-summary.ts';

const amount = (description: string) => Type.Union([Type.String(), Type.Null()], { description });
const ratio = (description: string) => Type.Union([Type.Number(), Type.Null()], { description });

const yearDays = 52 * 7;
const averagedDays = 30;
const volatilityReturns = 20;
/** Minutes whose quotes the average spread is of. */
export const spreadMinutes = 60;
/** Enough for every week of the year and one more, whatever the calendar. */
export const daysMax = yearDays + 14;
const averageDigits = 8;
const ratioDigits = 12;

export const statisticsSchema = Type.Object(
  {
    symbol: Type.String(),
    day: amount('Start of the newest day that traded, ISO 8601 UTC'),
    time: amount('Event time of the latest trade, ISO 8601 UTC'),
    last: amount('Last price of the day, exact decimal'),
    open: amount('Of the day'),
    high: amount('Of the day'),
    low: amount('Of the day'),
    previousClose: amount('Last price of the day before; null where no data is known of it'),
    change: amount('last - previousClose'),
    changePercent: amount('100 x change / previousClose, rounded half up to 2 digits'),
    volume: amount('Of the day'),
    notional: amount('Sum of price x size of the day; null where bars are among it'),
    vwap: amount('notional / volume, rounded half up to 8 digits'),
    trades: Type.Union([Type.Integer(), Type.Null()], { description: 'Of the day' }),
    spread: amount('ask - bid of the latest quote; negative where they cross'),
    averageSpread: amount(
      'Mean of ask - bid at the end of each minute that has both, of the 60 before the latest ' +
        'quote, rounded half up to 8 digits',
    ),
    yearHigh: amount('Highest price of the last 52 weeks; null where they are not all known'),
    yearLow: amount('Lowest price of the last 52 weeks; null where they are not all known'),
    knownFrom: amount('Start of the first of the days known without a gap; 52 weeks at most'),
    knownDays: Type.Integer({ description: 'How many of them traded' }),
    knownHigh: amount('Highest price of those days'),
    knownLow: amount('Lowest price of those days'),
    averageVolume: amount(
      'Mean volume of the 30 days that traded before this one, rounded half up to 8 digits; null ' +
        'where fewer are known',
    ),
    volatility: ratio(
      'Sample standard deviation of the last 20 daily log returns, up to the last price; 0.01 is ' +
        '1 %',
    ),
    annualisedVolatility: ratio(
      'volatility x the square root of the trading days in a year: 365 where it trades all the ' +
        'time, else 252',
    ),
  },
  {
    $id: 'Statistics',
    description: 'Amounts are exact decimals, adjusted for splits; null where they are not known',
  },
);

export type Statistics = Static<typeof statisticsSchema>;

export interface StatisticsFacts {
  readonly symbol: string;
  readonly calendar: string;
  /** Event time of the latest trade. */
  readonly time: string | null;
  /** The newest that traded, ascending, adjusted for splits. */
  readonly days: readonly Candle[];
  readonly silences: readonly Pick<Mark, 'start' | 'end' | 'state'>[];
  readonly quote: { readonly bid: string | null; readonly ask: string | null } | null;
  /** Minutes of bid and ask prices, of the same span. */
  readonly bids: readonly Candle[];
  readonly asks: readonly Candle[];
}

export function statisticsOf(facts: StatisticsFacts, calendarDays: Days): Statistics {
  const { symbol, time, quote } = facts;
  const known = unbroken(facts);
  const day = known.at(-1);
  const before = known.at(-2);
  const reference = before?.close ?? null;
  const moved = reference !== null && day ? changeBetween(reference, day.close) : null;
  return {
    symbol,
    day: day?.start ?? null,
    time,
    last: day?.close ?? null,
    open: day?.open ?? null,
    high: day?.high ?? null,
    low: day?.low ?? null,
    previousClose: reference,
    change: moved?.change ?? null,
    changePercent: moved?.changePercent ?? null,
    volume: day?.volume ?? null,
    notional: day?.notional ?? null,
    vwap: day?.vwap ?? null,
    trades: day?.trades ?? null,
    spread: spreadOf(quote),
    averageSpread: averageSpread(facts),
    ...extremes(known, calendarDays),
    averageVolume: averageVolume(known),
    ...volatilityOf(known, facts.calendar),
  };
}

/** The newest days without one of which there is no data between them. */
function unbroken({ days, silences }: StatisticsFacts): readonly Candle[] {
  const newest = days.at(-1);
  if (!newest) return [];
  const gap = silences.findLast(({ state, end }) => state === 'no_data' && end <= newest.start);
  return gap ? days.filter(({ start }) => start >= gap.end) : days;
}

function extremes(known: readonly Candle[], calendarDays: Days) {
  const newest = known.at(-1);
  if (!newest) {
    const none = { yearHigh: null, yearLow: null, knownFrom: null, knownHigh: null };
    return { ...none, knownLow: null, knownDays: 0 };
  }
  const { number } = calendarDays.of(startOf(newest));
  const begin = calendarDays.numbered(number - yearDays + 1).start;
  const year = known.filter((day) => startOf(day) >= begin);
  const high = most(year, 'high', 1);
  const low = most(year, 'low', -1);
  // A day before them is known, and none in between is missing.
  const isWhole = year.length < known.length;
  return {
    yearHigh: isWhole ? high : null,
    yearLow: isWhole ? low : null,
    knownFrom: year[0].start,
    knownDays: year.length,
    knownHigh: high,
    knownLow: low,
  };
}

function most(days: readonly Candle[], field: 'high' | 'low', sign: 1 | -1): string {
  return days
    .map((day) => day[field])
    .reduce((best, one) =>
      Math.sign(compare(rationalOf(one), rationalOf(best))) === sign ? one : best,
    );
}

function averageVolume(known: readonly Candle[]): string | null {
  const days = known.slice(0, -1).slice(-averagedDays);
  return days.length < averagedDays ? null : mean(days.map(({ volume }) => rationalOf(volume)));
}

function spreadOf(quote: StatisticsFacts['quote']): string | null {
  if (!quote || quote.bid === null || quote.ask === null) return null;
  return signed(minus(rationalOf(quote.ask), rationalOf(quote.bid)), scaleMax);
}

function averageSpread({ bids, asks }: StatisticsFacts): string | null {
  const bidAt = new Map(bids.map(({ start, close }) => [start, close]));
  const spreads = asks.flatMap(({ start, close }) => {
    const bid = bidAt.get(start);
    return bid === undefined ? [] : [minus(rationalOf(close), rationalOf(bid))];
  });
  return spreads.length === 0 ? null : mean(spreads);
}

function mean(values: readonly Rational[]): string {
  const count = rationalOf(String(values.length));
  return signed(over(values.reduce(plus), count), averageDigits);
}

/** Rounded half up, away from zero. */
function signed(value: Rational, digits: number): string {
  if (compare(value, zero) >= 0) return rounded(value, digits);
  const magnitude = rounded(minus(zero, value), digits);
  return magnitude === '0' ? magnitude : `-${magnitude}`;
}

function volatilityOf(known: readonly Candle[], calendar: string) {
  const daysPerYear = calendar === alwaysOpenCalendar ? 365 : 252;
  const deviation = new Volatility(volatilityReturns, daysPerYear);
  const days = known.slice(-volatilityReturns - 1);
  const scales = days.map(scalesOf).reduce(finer, wholes);
  const values = days.map((day) => deviation.add(numbersOf(day, scales))).at(-1);
  const figure = (value: number | undefined): number | null =>
    value === undefined ? null : Number(value.toPrecision(ratioDigits));
  return {
    volatility: figure(values?.volatility),
    annualisedVolatility: figure(values?.annualised),
  };
}

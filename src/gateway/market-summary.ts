// The day of a symbol in one line: what a market overview shows. Everything comes from its daily
// candles, so the last price always lies between the day's low and high.

import { type Static, Type } from 'typebox';
import { divide, formatBigDecimal } from '../contracts/decimal.ts';
import type { Candle, Instrument, Trade } from '../contracts/wire-objects.ts';
import type { Live } from './live.ts';

const amount = Type.Union([Type.String(), Type.Null()]);
const describedAmount = (description: string) => Type.Union(amount.anyOf, { description });

export const summarySchema = Type.Object(
  {
    symbol: Type.String(),
    name: Type.String(),
    last: describedAmount('Last price of the newest day that traded, exact decimal'),
    reference: describedAmount("What the change is against: the previous day's close, else open"),
    change: describedAmount('last - reference, exact decimal'),
    changePercent: describedAmount('100 x change / reference, rounded half up to 2 digits'),
    dayHigh: describedAmount('Exact decimal'),
    dayLow: describedAmount('Exact decimal'),
    dayVolume: describedAmount('Exact decimal'),
    trend: Type.Enum(['up', 'down', 'flat'], { description: 'The sign of the change' }),
    day: describedAmount('Start of the day, ISO 8601 UTC'),
    time: describedAmount('Event time of the latest trade, ISO 8601 UTC'),
  },
  { $id: 'Summary', description: 'Amounts are null for a symbol that has not traded yet' },
);

export type Summary = Static<typeof summarySchema>;

const percentDigits = 2;

/** As memory has it now. */
export function summaryNow(live: Live, symbol: string): Summary {
  const latest = live.trades(symbol).latest();
  return summaryOf(live.instrument(symbol), live.lastDays(symbol), latest);
}

/** `days` are the newest two daily candles, oldest first; there may be fewer. */
export function summaryOf(
  { symbol, name }: Instrument,
  days: readonly Candle[],
  latest: Trade | null,
): Summary {
  const day = days.at(-1);
  const time = latest?.time ?? null;
  if (!day) {
    const none = { last: null, reference: null, change: null, changePercent: null, day: null };
    return {
      symbol,
      name,
      ...none,
      dayHigh: null,
      dayLow: null,
      dayVolume: null,
      trend: 'flat',
      time,
    };
  }
  const reference = days.at(-2)?.close ?? day.open;
  const { change, changePercent, trend } = changeBetween(reference, day.close);
  return {
    symbol,
    name,
    last: day.close,
    reference,
    change,
    changePercent,
    dayHigh: day.high,
    dayLow: day.low,
    dayVolume: day.volume,
    trend,
    day: day.start,
    time,
  };
}

/** Exact; the percentage, half up away from zero, is null against a price that is not positive. */
export function changeBetween(
  reference: string,
  last: string,
): Pick<Summary, 'change' | 'changePercent' | 'trend'> {
  const scale = Math.max(digitsAfterPoint(reference), digitsAfterPoint(last));
  const from = toScale(reference, scale);
  const difference = toScale(last, scale) - from;
  const magnitude = difference < 0n ? -difference : difference;
  const percent = from > 0n ? divide(magnitude * 100n, from, percentDigits) : null;
  const signed = difference < 0n && percent !== null ? -percent : percent;
  return {
    change: formatBigDecimal(difference, scale),
    changePercent: signed === null ? null : formatBigDecimal(signed, percentDigits),
    trend: difference > 0n ? 'up' : difference < 0n ? 'down' : 'flat',
  };
}

function digitsAfterPoint(decimal: string): number {
  return decimal.includes('.') ? decimal.length - decimal.indexOf('.') - 1 : 0;
}

function toScale(decimal: string, scale: number): bigint {
  const zeros = '0'.repeat(scale - digitsAfterPoint(decimal));
  return BigInt(decimal.replace('.', '') + zeros);
}

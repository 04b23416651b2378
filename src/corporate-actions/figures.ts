// The figures of a candle, exactly: adjusted by factors, put together, and rounded once at the end.
//
//   prices   x price factor
//   volume   / split factor: the same money is in more, smaller shares; a dividend leaves it alone
//   notional x price factor / split factor: a split leaves it alone
//   VWAP     notional / volume, so that the three agree before they are rounded
//
// Each is rounded half up to 8 digits after the point, or to as many as the raw one has, if more.

import { vwapScale } from '../contracts/candle.ts';
import type { Candle } from '../contracts/wire-objects.ts';
import {
  compare,
  one,
  over,
  plus,
  type Rational,
  rationalOf,
  reduced,
  rounded,
  times,
  zero,
} from './rational.ts';

/** What adjusted = raw x factor needs. */
export interface Factors {
  readonly price: Rational;
  readonly volume: Rational;
}

export const unadjusted: Factors = { price: one, volume: one };

export function product(a: Factors, b: Factors): Factors {
  return {
    price: reduced(times(a.price, b.price)),
    volume: reduced(times(a.volume, b.volume)),
  };
}

type Part = readonly [candle: Candle, factors: Factors];

/** One candle, or several that follow each other, with their factors, as the one they fill. */
export function folded(parts: readonly Part[], whole: Candle): Candle {
  const [only] = parts;
  if (parts.length === 1 && only[1] === unadjusted && only[0] === whole) return only[0];
  // As everywhere: trades that may set a price go before those that count to the volume only.
  const areAnyPriced = parts.some(([{ priced }]) => priced > 0);
  const priced = parts.filter(([candle]) => candle.priced > 0 || !areAnyPriced);
  const [[first, firstFactors]] = priced;
  const [last, lastFactors] = priced[priced.length - 1];
  const highs = priced.map(([{ high }, { price }]) => times(rationalOf(high), price));
  const lows = priced.map(([{ low }, { price }]) => times(rationalOf(low), price));
  const volume = total(parts, ({ volume: shares }) => shares, 'volume');
  // Bars do not tell it, and then nobody knows that of the whole.
  const isTold = parts.every(([candle]) => candle.notional !== null);
  const notional = isTold ? total(parts, (own) => times(own.price, own.volume), 'notional') : null;
  const price = (number: Rational): string =>
    rounded(number, digitsOf(parts, ['open', 'high', 'low', 'close']));
  return {
    symbol: parts[parts.length - 1][0].symbol,
    price: first.price,
    interval: whole.interval,
    start: whole.start,
    open: price(times(rationalOf(first.open), firstFactors.price)),
    high: price(highs.reduce((a, b) => (compare(a, b) < 0 ? b : a))),
    low: price(lows.reduce((a, b) => (compare(b, a) < 0 ? b : a))),
    close: price(times(rationalOf(last.close), lastFactors.price)),
    volume: rounded(volume, digitsOf(parts, ['volume'])),
    notional: notional && rounded(notional, digitsOf(parts, ['notional'])),
    vwap:
      notional === null || volume.numerator === 0n
        ? null
        : rounded(over(notional, volume), vwapScale),
    trades: parts.reduce((sum, [{ trades }]) => sum + trades, 0),
    priced: parts.reduce((sum, [part]) => sum + part.priced, 0),
    revision: whole.revision,
    state: whole.state,
  };
}

/** Parts of the same factors are added up raw, so that long fractions are multiplied once. */
function total(
  parts: readonly Part[],
  factorOf: (factors: Factors) => Rational,
  figure: 'volume' | 'notional',
): Rational {
  const byFactors = Map.groupBy(parts, ([, factors]) => factors);
  return [...byFactors].reduce((sum, [factors, own]) => {
    const raw = own.map(([candle]) => rationalOf(candle[figure] as string)).reduce(plus);
    return plus(sum, times(raw, factorOf(factors)));
  }, zero);
}

type Figure = 'open' | 'high' | 'low' | 'close' | 'volume' | 'notional';

/** To how many digits after the point a figure is written. */
function digitsOf(parts: readonly Part[], figures: Figure[]): number {
  const texts = parts.flatMap(([candle]) => figures.map((figure) => candle[figure] ?? ''));
  return Math.max(vwapScale, ...texts.map((text) => text.split('.')[1]?.length ?? 0));
}

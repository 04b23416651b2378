// Exact rational numbers. A factor such as 1 / 28 is no decimal, so figures are kept as fractions
// of integers and are rounded once, when they are written.

import { divide, formatBigDecimal } from '../contracts/decimal.ts';

/** The denominator is above zero; only `reduced` and `plus` give lowest terms. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const one: Rational = { numerator: 1n, denominator: 1n };

export const zero: Rational = { numerator: 0n, denominator: 1n };

export function fraction(numerator: bigint, denominator: bigint): Rational {
  return { numerator, denominator };
}

/** In lowest terms. Costly for long numbers, so it is not done after each multiplication. */
export function reduced({ numerator, denominator }: Rational): Rational {
  const shared = greatestDivisor(numerator, denominator);
  return { numerator: numerator / shared, denominator: denominator / shared };
}

const plain = /^(\d{1,40})(?:\.(\d{0,20}))?$/;

/** A plain decimal without sign or exponent; null for any other text. */
export function parseRational(text: string): Rational | null {
  const parts = plain.exec(text);
  if (!parts) return null;
  const [, whole, digits = ''] = parts;
  return fraction(BigInt(whole + digits), 10n ** BigInt(digits.length));
}

/** A decimal that is known to be one, such as a figure of a candle. */
export function rationalOf(text: string): Rational {
  const number = parseRational(text);
  if (!number) throw new RangeError(`"${text}" is not a plain decimal`);
  return number;
}

export function plus(a: Rational, b: Rational): Rational {
  return reduced({
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  });
}

export function minus(a: Rational, b: Rational): Rational {
  return plus(a, { numerator: -b.numerator, denominator: b.denominator });
}

export function times(a: Rational, b: Rational): Rational {
  return fraction(a.numerator * b.numerator, a.denominator * b.denominator);
}

/** `b` is above zero. */
export function over(a: Rational, b: Rational): Rational {
  return fraction(a.numerator * b.denominator, a.denominator * b.numerator);
}

/** Below zero when a < b, zero when they are equal. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : Number(difference > 0n);
}

/** As a decimal, half up to so many digits after the point. Not for negative numbers. */
export function rounded({ numerator, denominator }: Rational, digits: number): string {
  return formatBigDecimal(divide(numerator, denominator, digits), digits);
}

/**
 * The fraction of the smallest terms in [low, high], which is above zero: the Stern-Brocot tree
 * (Graham, Knuth, Patashnik: Concrete Mathematics, 4.5) by its continued fraction.
 */
export function simplestWithin(low: Rational, high: Rational): Rational {
  const whole = low.numerator / low.denominator;
  const rest = low.numerator % low.denominator;
  if (rest === 0n) return fraction(whole, 1n);
  if (whole < high.numerator / high.denominator) return fraction(whole + 1n, 1n);
  const floor = fraction(whole, 1n);
  const deeper = simplestWithin(over(one, minus(high, floor)), over(one, minus(low, floor)));
  return plus(floor, over(one, deeper));
}

const decimalDigitsMax = 12;

/** The decimal of the fewest digits in [low, high], which are not negative; null beyond 12. */
export function shortestWithin(low: Rational, high: Rational): string | null {
  const middle = over(plus(low, high), fraction(2n, 1n));
  for (let digits = 0; digits <= decimalDigitsMax; digits++) {
    const text = rounded(middle, digits);
    const value = rationalOf(text);
    if (compare(value, low) >= 0 && compare(value, high) <= 0) return text;
  }
  return null;
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  let [large, small] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (small > 0n) [large, small] = [small, large % small];
  return large;
}

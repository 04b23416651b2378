// Exact decimals in the page: amounts stay strings, are compared and subtracted as whole numbers,
// and become floating point only to place a pixel.

export type Direction = 'up' | 'down' | 'flat';

/** How an amount changed against a reference: exact, and in percent with two digits. */
export interface Change {
  readonly amount: string;
  /** Null against a reference that is not positive. */
  readonly percent: string | null;
  readonly direction: Direction;
}

export function change(last: string, reference: string): Change {
  const scale = Math.max(digitsAfterPoint(last), digitsAfterPoint(reference));
  const from = toUnits(reference, scale);
  const difference = toUnits(last, scale) - from;
  return {
    amount: fromUnits(difference, scale),
    percent: from > 0n ? fromUnits(roundedRatio(difference * 10_000n, from), 2) : null,
    direction: difference > 0n ? 'up' : difference < 0n ? 'down' : 'flat',
  };
}

/** a - b, exact. */
export function minus(a: string, b: string): string {
  const scale = Math.max(digitsAfterPoint(a), digitsAfterPoint(b));
  return fromUnits(toUnits(a, scale) - toUnits(b, scale), scale);
}

/** -1, 0 or 1, as a is less than, equal to or greater than b. */
export function compare(a: string, b: string): -1 | 0 | 1 {
  const difference = minus(a, b);
  if (difference.startsWith('-')) return -1;
  return /[1-9]/.test(difference) ? 1 : 0;
}

/** The spread of a quote against its middle, in basis points with one digit; null at zero. */
export function basisPoints(bid: string, ask: string): string | null {
  const scale = Math.max(digitsAfterPoint(bid), digitsAfterPoint(ask));
  const [from, to] = [toUnits(bid, scale), toUnits(ask, scale)];
  return from + to > 0n ? fromUnits(roundedRatio((to - from) * 200_000n, from + to), 1) : null;
}

/** Where `value` lies between `low` and `high`, from 0 to 1: for drawing. */
export function position(value: string, low: string, high: string): number {
  const span = Number(high) - Number(low);
  return span > 0 ? Math.min(1, Math.max(0, (Number(value) - Number(low)) / span)) : 0.5;
}

export function digitsAfterPoint(decimal: string): number {
  const point = decimal.indexOf('.');
  return point < 0 ? 0 : decimal.length - point - 1;
}

function toUnits(decimal: string, scale: number): bigint {
  return BigInt(decimal.replace('.', '') + '0'.repeat(scale - digitsAfterPoint(decimal)));
}

function fromUnits(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale);
  return `${units < 0n ? '-' : ''}${whole}${fraction ? `.${fraction}` : ''}`;
}

/** Half up, away from zero. */
function roundedRatio(numerator: bigint, denominator: bigint): bigint {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const rounded = (2n * magnitude + denominator) / (2n * denominator);
  return numerator < 0n ? -rounded : rounded;
}

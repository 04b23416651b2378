// Comparisons of integers, which are exact, and the figures that people are told.

import { divide, formatBigDecimal } from '../../contracts/decimal.ts';
import type { Severity } from '../../contracts/signal.ts';

/** Percent beyond which something is of a severity, from the worst on. */
export type Steps = readonly (readonly [percent: number, Severity])[];

/** Below this, times a small factor is still a safe integer. */
const productSafeMax = 2 ** 46;

/** Whether a x factor > b x otherFactor, exactly; factors are small. */
export function isAbove(a: number, factor: number, b: number, otherFactor: number): boolean {
  if (a < productSafeMax && b < productSafeMax) return a * factor > b * otherFactor;
  return BigInt(a) * BigInt(factor) > BigInt(b) * BigInt(otherFactor);
}

/** The severity of the first step that a change is beyond, of either sign. */
export function stepOf(steps: Steps, change: number, of: number): Severity | null {
  const amount = Math.abs(change);
  return steps.find(([percent]) => isAbove(amount, 100, of, percent))?.[1] ?? null;
}

/** Half up to two digits. */
export function percentOf(change: number, of: number): string {
  const percent = formatBigDecimal(divide(BigInt(Math.abs(change)) * 100n, BigInt(of), 2), 2);
  return change < 0 ? `-${percent}` : percent;
}

// The average that EMA, MACD, RSI and ATR recur on: the mean of the first n values, and from then
// on average + (value - average) x weight. The weight is 2 / (n + 1) for an EMA and 1 / n for
// Wilder's. Every step multiplies the error it inherits by 1 - weight, so roundings do not add up:
// the error stays near n roundings of the largest value, however many came.

import { type ExactSum, plus, zeroSum } from './exact-sum.ts';

export interface RecursiveAverage {
  /** How many values the seed has so far; not counted further than that. */
  readonly count: number;
  readonly sum: ExactSum;
  /** Null until the seed is whole. */
  readonly average: number | null;
}

export const noAverage: RecursiveAverage = { count: 0, sum: zeroSum, average: null };

export function exponentialWeight(length: number): number {
  return 2 / (length + 1);
}

export function wilderWeight(length: number): number {
  return 1 / length;
}

/** The average after one more value. O(1). */
export function averageWith(
  { count, sum, average }: RecursiveAverage,
  value: number,
  length: number,
  weight: number,
): RecursiveAverage {
  if (average !== null) {
    return { count, sum, average: average + (value - average) * weight };
  }
  const seed = plus(sum, value);
  if (count + 1 < length) return { count: count + 1, sum: seed, average };
  return { count: length, sum: zeroSum, average: seed.sum / length };
}

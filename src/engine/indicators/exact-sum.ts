// A running sum that does not drift: the double nearest to it, and what that double rounds away.
// Exact for whole numbers while the sum stays below 2^105, whatever is added and taken away again.
// Source: the two-sum of Knuth, The Art of Computer Programming 2, section 4.2.2, theorem B.

export interface ExactSum {
  /** The sum, rounded to the nearest double. */
  readonly sum: number;
  readonly error: number;
}

export const zeroSum: ExactSum = { sum: 0, error: 0 };

/** Takes `value` away when it is negative. */
export function plus({ sum, error }: ExactSum, value: number): ExactSum {
  const rounded = sum + value;
  const rest = error + twoSumError(sum, value, rounded);
  const total = rounded + rest;
  return { sum: total, error: twoSumError(rounded, rest, total) };
}

/** a + b === sum + error, exactly, whichever of the two is larger. */
function twoSumError(a: number, b: number, sum: number): number {
  const ofB = sum - a;
  return a - (sum - ofB) + (b - ofB);
}

// The sum of squared deviations from the mean, which variances are made of. In two passes over the
// values and not from running sums of squares, which cancel: prices near 10^9 that differ by a few
// increments would keep no correct digit. Equal values give exactly 0.
// Source: Chan, Golub and LeVeque, "Algorithms for computing the sample variance: analysis and
// recommendations", The American Statistician 37 (1983), the two-pass algorithm on shifted data.

/** At least one value. O(values); the relative error is a few roundings, whatever the mean. */
export function squaredDeviations(values: Float64Array): number {
  // Relative to one of them the values are small, and for whole numbers no digit is lost by it.
  const origin = values[0] as number;
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += (values[index] as number) - origin;
  const mean = sum / values.length;
  let squares = 0;
  for (let index = 0; index < values.length; index++) {
    squares += ((values[index] as number) - origin - mean) ** 2;
  }
  return squares;
}

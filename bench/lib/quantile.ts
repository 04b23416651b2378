// What share of measured values is not above which of them.

export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Of milliseconds, as text. */
export function latency(values: ArrayLike<number>): string {
  if (values.length === 0) return 'none came in time';
  const [p50, p99] = [0.5, 0.99].map((share) => quantile(values, share).toFixed(1));
  return `p50 ${p50} ms, p99 ${p99} ms`;
}

// Reads the text that /metrics answers, and what can be told from one or two of them: sums, rates,
// and quantiles of histograms. Figures of ours, so floating point.

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** By name of the metric. */
export type Metrics = ReadonlyMap<string, readonly Sample[]>;

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export function parseMetrics(text: string): Metrics {
  const metrics = new Map<string, Sample[]>();
  for (const row of text.split('\n')) {
    const [, name, labels = '', value] = line.exec(row) ?? [];
    if (name === undefined) continue;
    const pairs = [...labels.matchAll(label)].map(([, key, given]) => [key, unescaped(given)]);
    const samples = metrics.get(name) ?? [];
    samples.push({ labels: Object.fromEntries(pairs), value: numberOf(value) });
    metrics.set(name, samples);
  }
  return metrics;
}

export function sum(metrics: Metrics, name: string, only: Sample['labels'] = {}): number {
  return samplesOf(metrics, name, only).reduce((total, { value }) => total + value, 0);
}

/** The sums by a label. */
export function sumsBy(metrics: Metrics, name: string, key: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { labels, value } of metrics.get(name) ?? []) {
    const of = labels[key] ?? '';
    sums.set(of, (sums.get(of) ?? 0) + value);
  }
  return sums;
}

/**
 * A quantile of a histogram, between its buckets as Prometheus does it; of what came since
 * `before`, where that is given. NaN where nothing came.
 */
export function quantile(
  part: number,
  name: string,
  now: Metrics,
  before: Metrics | null,
  only: Sample['labels'] = {},
): number {
  const counts = buckets(now, name, only);
  if (before)
    for (const [bound, count] of buckets(before, name, only)) subtract(counts, bound, count);
  const sorted = [...counts].sort(([a], [b]) => a - b);
  const wanted = part * (sorted.at(-1)?.[1] ?? 0);
  if (!(wanted > 0)) return Number.NaN;
  let [lower, below] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= wanted) {
      if (bound === Number.POSITIVE_INFINITY) return lower;
      return lower + ((bound - lower) * (wanted - below)) / (count - below);
    }
    [lower, below] = [bound, count];
  }
  return lower;
}

function buckets(metrics: Metrics, name: string, only: Sample['labels']): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { labels, value } of samplesOf(metrics, `${name}_bucket`, only)) {
    const bound = numberOf(labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return counts;
}

function subtract(counts: Map<number, number>, bound: number, count: number): void {
  counts.set(bound, (counts.get(bound) ?? 0) - count);
}

function samplesOf(metrics: Metrics, name: string, only: Sample['labels']): readonly Sample[] {
  const wanted = Object.entries(only);
  return (metrics.get(name) ?? []).filter(({ labels }) =>
    wanted.every(([key, value]) => labels[key] === value),
  );
}

function numberOf(text = ''): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
}

function unescaped(text = ''): string {
  return text.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}

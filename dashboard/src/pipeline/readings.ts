// The metrics of the last minutes, as often as they are asked for: a ring of bounded length, from
// which rates and their course are told.

import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../api.ts';
import { type Metrics, parseMetrics } from './prometheus.ts';

export interface Reading {
  /** Milliseconds of the browser's own clock, which only goes forward. */
  readonly at: number;
  readonly metrics: Metrics;
}

const askMs = 2_000;
const minuteMs = 60_000;
const heldMax = 90;

export interface Readings {
  /** Oldest first. */
  readonly all: readonly Reading[];
  readonly error: Error | null;
}

export function useReadings(): Readings {
  const [all, setAll] = useState<readonly Reading[]>([]);
  const { data, error, failureReason } = useQuery({
    queryKey: ['metrics'],
    queryFn: async ({ signal }): Promise<Reading> => {
      const metrics = parseMetrics(await api.metrics(signal));
      return { at: performance.now(), metrics };
    },
    refetchInterval: askMs,
    gcTime: 0,
  });
  useEffect(() => {
    if (data) setAll((before) => [...before, data].slice(-heldMax));
  }, [data]);
  return { all, error: error ?? failureReason };
}

/** The reading of a minute ago, or the oldest; null where there is none before the newest. */
export function minuteAgo(all: readonly Reading[]): Reading | null {
  const newest = all.at(-1);
  if (!newest || all.length < 2) return null;
  return all.find(({ at }) => newest.at - at <= minuteMs) ?? null;
}

/** Per second, between each reading and the one before; a counter that fell has begun anew. */
export function rates(all: readonly Reading[], count: (metrics: Metrics) => number): number[] {
  return all.slice(1).map(({ at, metrics }, index) => {
    const before = all[index] as Reading;
    const risen = count(metrics) - count(before.metrics);
    return (Math.max(0, risen) * 1000) / (at - before.at);
  });
}

// The days of a symbol up to now, the last of them live: what its price is, and its statistics.

import { useEffect, useState } from 'react';
import { api, type Candle, type ProblemError, patiently } from '../api.ts';
import { Cell, useCell } from '../cell.ts';
import { subscribe } from '../live.ts';

const daysMax = 31;

export function useDays(
  symbol: string,
  onProblem: (problem: ProblemError | null) => void,
): readonly Candle[] {
  const [days] = useState(() => new Cell<readonly Candle[]>([]));
  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    const load = async (): Promise<void> => {
      const question = { symbol, interval: '1d' as const, limit: daysMax };
      const ask = () => api.candles(question, signal);
      const page = await patiently(ask, signal, onProblem).catch(() => null);
      if (!page || signal.aborted) return;
      onProblem(null);
      days.set(merged(page.candles, days.newest));
    };
    const unsubscribe = subscribe(
      { stream: 'candles', symbol, interval: '1d' },
      { begin: () => void load(), next: (day) => days.set(merged(days.newest, [day])) },
    );
    return () => {
      stopped.abort();
      unsubscribe();
    };
  }, [symbol, days, onProblem]);
  return useCell(days);
}

/** By start, in ascending order; of two of one start the later, and none without a trade left. */
function merged(before: readonly Candle[], after: readonly Candle[]): readonly Candle[] {
  const byStart = new Map([...before, ...after].map((day) => [day.start, day]));
  return [...byStart.values()]
    .filter(({ open }) => open !== '0')
    .sort((a, b) => (a.start < b.start ? -1 : 1))
    .slice(-daysMax);
}

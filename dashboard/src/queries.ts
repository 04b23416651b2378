// What is asked over REST and kept: with patience while the server is away or starting, without
// where its answer will not change.

import { QueryClient, queryOptions } from '@tanstack/react-query';
import { api, type Interval, ProblemError } from './api.ts';
import { batched } from './batched.ts';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (_count, error) => error instanceof ProblemError && error.passes,
      retryDelay: 1_500,
      refetchOnWindowFocus: false,
      gcTime: 5 * 60_000,
    },
  },
});

/** While there are none yet, they are asked for again. */
export const askInstruments = queryOptions({
  queryKey: ['instruments'],
  queryFn: async ({ signal }) => await api.instruments(signal),
  staleTime: 30_000,
  refetchInterval: ({ state }) => (state.data?.length ? 60_000 : 3_000),
});

const sparkMinutes = 60;
const sparksAtOnce = 100;
const sparkOf = batched(sparksAtOnce, (symbols) => api.closes(symbols, sparkMinutes));

/** The closes of the last hour that traded. */
export const askSpark = (symbol: string) =>
  queryOptions({
    queryKey: ['spark', symbol],
    queryFn: async () => (await sparkOf(symbol)) ?? [],
    staleTime: 60_000,
    refetchInterval: 60_000,
  });

/** The live day goes on meanwhile. */
export const askStatistics = (symbol: string) =>
  queryOptions({
    queryKey: ['statistics', symbol],
    queryFn: async ({ signal }) => await api.statistics(symbol, signal),
    refetchInterval: 30_000,
  });

export const askCandleExplanation = (symbol: string, interval: Interval, start: string) =>
  queryOptions({
    queryKey: ['explain', symbol, interval, start],
    queryFn: async ({ signal }) => await api.explainCandle(symbol, interval, start, signal),
    gcTime: 0,
  });

export const askSignalExplanation = (id: string) =>
  queryOptions({
    queryKey: ['explain', id],
    queryFn: async ({ signal }) => await api.explainSignal(id, signal),
    gcTime: 0,
  });

export const askHealth = queryOptions({
  queryKey: ['health'],
  queryFn: async ({ signal }) => await api.health(signal),
  refetchInterval: 2_000,
});

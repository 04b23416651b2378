// The REST side: what it answers, or the problem that the server stated, with its cure. Amounts are
// exact decimal strings, times ISO 8601 in UTC.

import type { Health, Statistics } from '../../client/index.ts';
import type { CandleExplanation, SignalExplanation } from '../../src/contracts/explanation.ts';
import type { Interval } from '../../src/contracts/interval.ts';
import type { Candle, Instrument, Signal, Trade } from '../../src/contracts/wire-objects.ts';

export type { Article, Health, PartHealth, Statistics, Summary } from '../../client/index.ts';
export type {
  CandleExplanation,
  ExplainedTrade,
  SignalExplanation,
} from '../../src/contracts/explanation.ts';
export type { Interval } from '../../src/contracts/interval.ts';
export type { Severity, SignalKind } from '../../src/contracts/signal.ts';
export type { Candle, Instrument, Quote, Signal, Trade } from '../../src/contracts/wire-objects.ts';

/** By indicator, such as `sma:20`, its values: floating point, they round anyway. */
type Indicators = Readonly<Record<string, Readonly<Record<string, number>> | null>>;
export type IndicatedCandle = Candle & { readonly indicators?: Indicators | null };

export interface CandlePage {
  /** In ascending order. */
  readonly candles: readonly IndicatedCandle[];
  readonly hasOlder: boolean;
}

export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly cure: string;
}

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }

  /** The server is away, starting or busy: the same question may be answered later. */
  get passes(): boolean {
    return this.problem.status >= 429;
  }
}

export interface CandleQuestion {
  readonly symbol: string;
  readonly interval: Interval;
  readonly limit: number;
  readonly indicators?: readonly string[];
  /** Only those that start before, ISO 8601. */
  readonly to?: string;
}

/** Each throws ProblemError. */
export const api = {
  instruments: async (signal: AbortSignal): Promise<readonly Instrument[]> =>
    (await get<{ symbols: Instrument[] }>('/api/v1/symbols', signal)).symbols,

  candles: async (
    { symbol, interval, limit, indicators = [], to }: CandleQuestion,
    signal: AbortSignal,
  ): Promise<CandlePage> => {
    const query = new URLSearchParams({ interval, limit: String(limit) });
    if (indicators.length > 0) query.set('indicators', indicators.join(';'));
    if (to !== undefined) query.set('to', to);
    const path = `/api/v1/candles/${encodeURIComponent(symbol)}?${query}`;
    const answer = await get<{ candles: IndicatedCandle[]; next: string | null }>(path, signal);
    return { candles: answer.candles, hasOlder: answer.next !== null };
  },

  /** By symbol, those of the last minutes that traded. */
  closes: async (
    symbols: readonly string[],
    limit: number,
  ): Promise<Readonly<Record<string, readonly string[]>>> => {
    const query = new URLSearchParams({ symbols: symbols.join(), limit: String(limit) });
    const answer = await get<{ closes: Record<string, string[]> }>(`/api/v1/closes?${query}`);
    return answer.closes;
  },

  trades: async (symbol: string, limit: number, signal: AbortSignal): Promise<readonly Trade[]> => {
    const path = `/api/v1/trades/${encodeURIComponent(symbol)}?limit=${limit}`;
    return (await get<{ trades: Trade[] }>(path, signal)).trades;
  },

  statistics: async (symbol: string, signal: AbortSignal): Promise<Statistics> =>
    await get(`/api/v1/statistics/${encodeURIComponent(symbol)}`, signal),

  alerts: async (
    symbol: string | null,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly Signal[]> => {
    const query = new URLSearchParams({ limit: String(limit), ...(symbol ? { symbol } : {}) });
    return (await get<{ alerts: Signal[] }>(`/api/v1/alerts?${query}`, signal)).alerts;
  },

  explainCandle: async (
    symbol: string,
    interval: Interval,
    start: string,
    signal: AbortSignal,
  ): Promise<CandleExplanation> =>
    await get(
      `/api/v1/explain/candle/${[symbol, interval, start].map(encodeURIComponent).join('/')}`,
      signal,
    ),

  explainSignal: async (id: string, signal: AbortSignal): Promise<SignalExplanation> =>
    await get(`/api/v1/explain/signal/${encodeURIComponent(id)}`, signal),

  health: async (signal: AbortSignal): Promise<Health> => await get('/health', signal),

  metrics: async (signal: AbortSignal): Promise<string> =>
    await (await reach('/metrics', signal)).text(),
};

async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  const response = await reach(path, signal);
  if (response.ok) return (await response.json()) as Answer;
  throw new ProblemError(await problemOf(response));
}

async function reach(path: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(path, { signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ProblemError({
      title: 'The server cannot be reached',
      status: 503,
      detail: 'Tapeline does not answer.',
      cure: 'Check that it runs. This page goes on by itself once it does.',
    });
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const problem = (await response.json().catch(() => null)) as Problem | null;
  const { status, statusText } = response;
  return problem ?? { title: statusText, status, detail: `Status ${status}.`, cure: 'Try again.' };
}

const patienceMs = 1_500;

/** As `ask`, but waits out a server that is away or still starting; says why it waits. */
export async function patiently<Answer>(
  ask: () => Promise<Answer>,
  signal: AbortSignal,
  waits: (problem: ProblemError) => void = () => undefined,
): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ProblemError) || !error.passes) throw error;
      waits(error);
      await pause(patienceMs, signal);
      signal.throwIfAborted();
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const end = (): void => {
    clearTimeout(timer);
    resolve();
  };
  signal.addEventListener('abort', end, { once: true });
  return promise;
}

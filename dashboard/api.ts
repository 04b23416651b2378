// The REST side: an answer, or the problem that the server stated, with its cure.

import type { Problem } from './wire.ts';

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** Throws a ProblemError. */
export async function get<Answer>(path: string, signal: AbortSignal): Promise<Answer> {
  const response = await reach(path, signal);
  if (response.ok) return (await response.json()) as Answer;
  throw new ProblemError(await problemOf(response));
}

/** As `get`, but waits out a server that is away or still starting; says why it waits. */
export async function getPatiently<Answer>(
  path: string,
  signal: AbortSignal,
  waits: (problem: Problem) => void,
): Promise<Answer> {
  for (;;) {
    try {
      return await get<Answer>(path, signal);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.status < 429) throw error;
      waits(error.problem);
      await pause(1_500, signal);
    }
  }
}

async function reach(path: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(path, { signal, headers: { accept: 'application/json' } });
  } catch (error) {
    if (signal.aborted) throw error;
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener(
    'abort',
    () => {
      clearTimeout(timer);
      resolve();
    },
    { once: true },
  );
  return promise;
}

// One GET for feeds: bounded in time and size, and honest about what went wrong.

import type { Clock } from '../base/clock.ts';
import { Failure, messageOf } from '../base/failure.ts';

export interface HttpLimits {
  readonly msMax: number;
  readonly bytesMax: number;
}

export const httpLimits: HttpLimits = { msMax: 10_000, bytesMax: 32 * 2 ** 20 };

/** An answer other than 200. */
export class HttpRefusal extends Failure {
  readonly status: number;
  /** How long the server wants to be left alone; 0 when it does not say. */
  readonly retryAfterMs: number;

  constructor(url: string, status: number, retryAfterMs: number) {
    const message = `GET ${url} was answered with HTTP ${status}`;
    super('feed-unavailable', message, 'It is tried again by itself.');
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The body of a 200. Throws HttpRefusal for another answer and a Failure for none. */
export async function httpGet(
  url: string,
  clock: Clock,
  signal: AbortSignal,
  limits: HttpLimits = httpLimits,
): Promise<string> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  void clock.wait(limits.msMax, stop.signal).then(abort);
  try {
    // Coinbase turns away requests that do not say who they are.
    const headers = { 'user-agent': 'tapeline', accept: 'application/json' };
    const response = await fetch(url, { signal: stop.signal, headers });
    const text = await readText(response, limits.bytesMax);
    if (response.status === 200) return text;
    const wait = retryAfterMs(response.headers.get('retry-after') ?? undefined, clock.now());
    throw new HttpRefusal(url, response.status, wait);
  } catch (error) {
    if (error instanceof HttpRefusal) throw error;
    const why = stop.signal.aborted && !signal.aborted ? 'no answer in time' : causeOf(error);
    const cure = 'Check the network; it is tried again by itself.';
    throw new Failure('feed-unavailable', `GET ${url}: ${why}`, cure, { cause: error });
  } finally {
    signal.removeEventListener('abort', abort);
    abort();
  }
}

/** Milliseconds that a Retry-After header asks for (RFC 9110, 10.2.3): seconds or a date. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now / 1000;
  return ms > 0 ? ms : 0;
}

async function readText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** fetch says "fetch failed" and hides the reason below. */
function causeOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause ? error.cause : error);
}

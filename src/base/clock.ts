// The only door to time. Everything that waits or asks the hour takes a Clock, so that a test or
// a replay decides how time passes. Times are microseconds since the Unix epoch.

import { setTimeout as delay } from 'node:timers/promises';

declare const microsBrand: unique symbol;
/** A point in time: whole microseconds since 1970-01-01T00:00:00Z. Exact until the year 2255. */
export type Micros = number & { readonly [microsBrand]: true };

export const microsPerSecond = 1_000_000;
export const microsPerDay = 86_400 * microsPerSecond;

export function micros(value: number): Micros {
  return value as Micros;
}

export interface Clock {
  now(): Micros;
  /** Resolves after `ms` milliseconds of this clock, or at once when the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => micros(Math.floor((performance.timeOrigin + performance.now()) * 1000)),
  async wait(ms, signal) {
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};

interface Sleeper {
  readonly due: number;
  wake(): void;
}

/** A clock that moves only when told to: `advance` wakes the sleepers that fall due, in order. */
export class ManualClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];

  constructor(start: number) {
    this.#now = start;
  }

  now(): Micros {
    return micros(this.#now);
  }

  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper = { due: this.#now + ms * 1000, wake: resolve };
    this.#sleepers.push(sleeper);
    const abort = (): void => resolve();
    signal?.addEventListener('abort', abort, { once: true });
    await promise;
    signal?.removeEventListener('abort', abort);
    this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
  }

  /** How many callers are waiting now. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms * 1000;
    for (;;) {
      const next = this.#sleepers.filter((s) => s.due <= end).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.#now = Math.max(this.#now, next.due);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      next.wake();
      await new Promise(setImmediate);
    }
    this.#now = end;
    await new Promise(setImmediate);
  }
}

// How often each address has asked within its window, for the limit on requests. A gateway alone
// counts by itself. Several share a count, and each goes on by its own while that cannot be asked:
// a limit may then let through as much from each gateway, but no request waits or fails for it.

import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit';
import type { Clock } from '../base/clock.ts';
import { isLoopback } from './address.ts';
import type { PartHealth } from './health.ts';

export interface Count {
  /** Requests of the window, this one included. */
  readonly current: number;
  /** Milliseconds until the window is over. */
  readonly ttl: number;
}

/** Counts that several gateways share. */
export interface SharedCounts {
  /** Counts one more; null, at once or soon, when that cannot be done. Never rejects. */
  count(key: string, windowMs: number): Promise<Count | null>;
  health(): PartHealth;
  close(): Promise<void>;
}

/** Addresses remembered; the one that came first is forgotten for one more. */
const addressesMax = 5_000;

/**
 * Takes the larger of the two counts, so that what is shared may begin anew at any time. Loopback
 * is another machine at every gateway, and its count nobody else's.
 */
export function sharedStore(shared: SharedCounts, clock: Clock): FastifyRateLimitStoreCtor {
  return class implements FastifyRateLimitStore {
    readonly #own = new OwnCounts(clock);

    incr(
      key: string,
      callback: (error: Error | null, result?: Count) => void,
      windowMs: number,
    ): void {
      void this.#count(key, windowMs, callback);
    }

    async #count(
      key: string,
      windowMs: number,
      callback: (error: null, count: Count) => void,
    ): Promise<void> {
      const own = this.#own.count(key, windowMs);
      const all = isLoopback(key) ? null : await shared.count(key, windowMs);
      callback(null, all && all.current > own.current ? all : own);
    }

    /** For routes with a limit of their own, of which there are none. */
    child(): FastifyRateLimitStore {
      return this;
    }
  };
}

interface Window {
  current: number;
  /** Microseconds. */
  readonly end: number;
}

class OwnCounts {
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  count(key: string, windowMs: number): Count {
    const now = this.#clock.now();
    let window = this.#windows.get(key);
    if (!window || window.end <= now) {
      window = { current: 0, end: now + windowMs * 1_000 };
      this.#windows.delete(key);
      this.#windows.set(key, window);
      this.#bound();
    }
    window.current += 1;
    return { current: window.current, ttl: Math.ceil((window.end - now) / 1_000) };
  }

  #bound(): void {
    if (this.#windows.size <= addressesMax) return;
    for (const oldest of this.#windows.keys()) {
      this.#windows.delete(oldest);
      return;
    }
  }
}

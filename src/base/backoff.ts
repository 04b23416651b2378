// How long to wait before trying again: exponential growth with full jitter, between two bounds.
// Jitter after Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), with a
// floor, because a zero wait after a refusal is how clients turn an outage into a storm.

import type { Prng } from './prng.ts';

export interface BackoffOptions {
  readonly msMin: number;
  readonly msMax: number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Prng;
  #attempts = 0;

  constructor(options: BackoffOptions, random: Prng) {
    this.#options = options;
    this.#random = random;
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const { msMin, msMax } = this.#options;
    const ceiling = Math.min(msMax, msMin * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 32);
    return msMin + this.#random.uniform() * (ceiling - msMin);
  }

  /** To be called once a connection has proved itself, not when it is merely open. */
  reset(): void {
    this.#attempts = 0;
  }
}

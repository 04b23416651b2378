// How fast recorded time passes: at a multiple of the clock's, from the first row of each recording
// on; or not at all, when everything is due at once.

import type { Clock } from '../../base/clock.ts';

export class Pace {
  readonly #clock: Clock;
  readonly #speed: number;
  /** The recorded time of the first row, and when that was played. */
  #origin = Number.NaN;
  #start = 0;

  constructor(clock: Clock, speed: number | 'max') {
    this.#clock = clock;
    this.#speed = speed === 'max' ? Number.POSITIVE_INFINITY : speed;
  }

  /** False before the first row of a paced replay. */
  get begun(): boolean {
    return this.#speed === Number.POSITIVE_INFINITY || !Number.isNaN(this.#origin);
  }

  begin(origin: number): void {
    this.#origin = origin;
    this.#start = this.#clock.now();
  }

  /** What was recorded up to here is due now: microseconds. */
  get horizon(): number {
    if (this.#speed === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    if (!this.begun) return Number.NEGATIVE_INFINITY;
    return this.#origin + Math.floor((this.#clock.now() - this.#start) * this.#speed);
  }

  /** Resolves when `time` is due, or the signal aborts. */
  async wait(time: number, signal: AbortSignal): Promise<void> {
    const ms = (time - this.horizon) / this.#speed / 1000;
    if (ms > 0) await this.#clock.wait(Math.ceil(ms), signal);
  }

  /** Recorded microseconds in so many milliseconds of the clock. */
  recordedIn(ms: number): number {
    return ms * 1000 * this.#speed;
  }
}

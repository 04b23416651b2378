// What the prices of the newest minute and of the one before it lie within: wider than any window
// of a minute that ends there, so that where this range is narrow no window needs to be looked at.

import { bucketStart } from '../../contracts/interval.ts';
import { minute } from './span.ts';
import type { PriceWindow } from './windows.ts';

export class RecentRange {
  #start = Number.NEGATIVE_INFINITY;
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;
  #lowBefore = Number.POSITIVE_INFINITY;
  #highBefore = Number.NEGATIVE_INFINITY;

  /** Takes a second. A version of it that was taken before may have been wider: it stays in. */
  include(time: number, high: number, low: number): void {
    const start = bucketStart(time, minute);
    if (start > this.#start) this.#begin(start);
    if (start === this.#start) {
      if (low < this.#low) this.#low = low;
      if (high > this.#high) this.#high = high;
    } else if (start === this.#start - minute) {
      if (low < this.#lowBefore) this.#lowBefore = low;
      if (high > this.#highBefore) this.#highBefore = high;
    }
  }

  rebuild(seconds: PriceWindow): void {
    this.#start = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < seconds.length; index++) {
      this.include(seconds.start(index), seconds.high(index), seconds.low(index));
    }
  }

  get low(): number {
    return Math.min(this.#low, this.#lowBefore);
  }

  get high(): number {
    return Math.max(this.#high, this.#highBefore);
  }

  #begin(start: number): void {
    const isNext = start === this.#start + minute;
    this.#lowBefore = isNext ? this.#low : Number.POSITIVE_INFINITY;
    this.#highBefore = isNext ? this.#high : Number.NEGATIVE_INFINITY;
    this.#low = Number.POSITIVE_INFINITY;
    this.#high = Number.NEGATIVE_INFINITY;
    this.#start = start;
  }
}

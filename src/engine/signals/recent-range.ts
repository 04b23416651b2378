// What the prices of the newest minute and of the one before it lie within: wider than any window
// of a minute that ends there, so that where this range is narrow no window needs to be looked at.

import { bucketStart } from '../../contracts/interval.ts';
import { minute, type PriceSpan } from './span.ts';

interface Range {
  readonly low: number;
  readonly high: number;
}

const nothing: Range = { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY };

export class RecentRange {
  #start = Number.NEGATIVE_INFINITY;
  #newest = nothing;
  #before = nothing;

  /** Takes a second. A version of it that was taken before may have been wider: it stays in. */
  include(span: PriceSpan): void {
    const start = bucketStart(span.start, minute);
    if (start > this.#start) {
      this.#before = start === this.#start + minute ? this.#newest : nothing;
      this.#newest = nothing;
      this.#start = start;
    }
    if (start === this.#start) this.#newest = widened(this.#newest, span);
    else if (start === this.#start - minute) this.#before = widened(this.#before, span);
  }

  rebuild(spans: readonly PriceSpan[]): void {
    this.#start = Number.NEGATIVE_INFINITY;
    for (const span of spans) this.include(span);
  }

  get low(): number {
    return Math.min(this.#newest.low, this.#before.low);
  }

  get high(): number {
    return Math.max(this.#newest.high, this.#before.high);
  }
}

function widened(range: Range, { low, high }: PriceSpan): Range {
  if (low >= range.low && high <= range.high) return range;
  return { low: Math.min(range.low, low), high: Math.max(range.high, high) };
}

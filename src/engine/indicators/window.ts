// The last values of a series, a fixed number of them, with their exact sum. Everything can be
// asked as if one more value had come in, which is what an open candle needs.

import { strict as assert } from 'node:assert/strict';
import { type ExactSum, plus, zeroSum } from './exact-sum.ts';

export class Window {
  readonly length: number;
  /** Twice the length: the values lie in one piece, oldest first, and move down when it is full. */
  readonly #buffer: Float64Array;
  #count = 0;
  /** Where the values end; there is always a free place. */
  #end = 0;
  #sum: ExactSum = zeroSum;

  constructor(length: number, values: readonly number[] = []) {
    assert(Number.isSafeInteger(length) && length > 0, `a window of ${length} values`);
    assert(values.length <= length, `${values.length} values for a window of ${length}`);
    this.length = length;
    this.#buffer = new Float64Array(2 * length);
    for (const value of values) this.push(value);
  }

  get isFull(): boolean {
    return this.#count === this.length;
  }

  /** Whether one more value fills it, or it is full already. */
  get isFullWithNext(): boolean {
    return this.#count >= this.length - 1;
  }

  /** Of a full window. */
  get oldest(): number {
    return this.#buffer[this.#end - this.length] as number;
  }

  push(value: number): void {
    this.#sum = this.#plus(value);
    this.#buffer[this.#end++] = value;
    if (!this.isFull) this.#count++;
    if (this.#end < this.#buffer.length) return;
    this.#buffer.copyWithin(0, this.length);
    this.#end = this.length;
  }

  /** The sum after a push of `value`: exact for whole numbers, then rounded once. O(1). */
  sumWith(value: number): number {
    return this.#plus(value).sum;
  }

  /** The values after a push of `value`, oldest first; good until the next call. O(1). */
  valuesWith(value: number): Float64Array {
    this.#buffer[this.#end] = value;
    const kept = Math.min(this.#count, this.length - 1);
    return this.#buffer.subarray(this.#end - kept, this.#end + 1);
  }

  /** The values, oldest first. */
  values(): number[] {
    return [...this.#buffer.subarray(this.#end - this.#count, this.#end)];
  }

  #plus(value: number): ExactSum {
    return plus(this.isFull ? plus(this.#sum, -this.oldest) : this.#sum, value);
  }
}

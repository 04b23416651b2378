// The state of a log in memory, its keys in order.

import type { StateWrite } from '../log.ts';

export class SortedState {
  readonly #values: Map<string, Uint8Array>;
  readonly #keys: string[];

  constructor(entries: readonly (readonly [string, Uint8Array])[]) {
    this.#values = new Map(entries);
    this.#keys = entries.map(([key]) => key);
  }

  write({ key, value }: StateWrite): void {
    const isKnown = this.#values.has(key);
    if (value !== null) {
      if (!isKnown) this.#keys.splice(this.#placeOf(key), 0, key);
      this.#values.set(key, value);
    } else if (isKnown) {
      this.#keys.splice(this.#placeOf(key), 1);
      this.#values.delete(key);
    }
  }

  get(key: string): Uint8Array | null {
    return this.#values.get(key) ?? null;
  }

  withPrefix(prefix: string): (readonly [string, Uint8Array])[] {
    const found: (readonly [string, Uint8Array])[] = [];
    for (let place = this.#placeOf(prefix); place < this.#keys.length; place++) {
      const key = this.#keys[place]!;
      if (!key.startsWith(prefix)) break;
      found.push([key, this.#values.get(key)!]);
    }
    return found;
  }

  keys(from: string, to: string, max: number): readonly string[] {
    const first = this.#placeOf(from);
    return this.#keys.slice(first, Math.min(first + max, Math.max(first, this.#placeOf(to))));
  }

  /** Where the key is, or would be. */
  #placeOf(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

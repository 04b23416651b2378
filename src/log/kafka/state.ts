// The state of a role in memory, by key. A key is kept as the string of its UTF-8 bytes, so that
// the order of strings is the order of keys.

import type { StateWrite } from '../log.ts';

export class State {
  readonly #values = new Map<string, Uint8Array>();
  /** All keys in order, but for the fresh ones, and some that were deleted since. */
  #ordered: string[] = [];
  #fresh: string[] = [];

  set({ key, value }: StateWrite): void {
    const bytes = Buffer.from(key).toString('latin1');
    if (value === null) {
      this.#values.delete(bytes);
      return;
    }
    if (!this.#values.has(bytes)) this.#fresh.push(bytes);
    this.#values.set(bytes, Uint8Array.from(value));
  }

  get(key: string): Uint8Array | null {
    return this.#values.get(Buffer.from(key).toString('latin1')) ?? null;
  }

  *withPrefix(prefix: string): Generator<readonly [string, Uint8Array]> {
    const begin = Buffer.from(prefix).toString('latin1');
    for (const bytes of this.#from(begin)) {
      if (!bytes.startsWith(begin)) return;
      yield [keyOf(bytes), this.#values.get(bytes)!];
    }
  }

  *keys(from: string, to: string): Generator<string> {
    const end = Buffer.from(to).toString('latin1');
    for (const bytes of this.#from(Buffer.from(from).toString('latin1'))) {
      if (bytes >= end) return;
      yield keyOf(bytes);
    }
  }

  *#from(begin: string): Generator<string> {
    this.#order();
    const ordered = this.#ordered;
    let low = 0;
    for (let high = ordered.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (ordered[middle]! < begin) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < ordered.length; at++) {
      if (this.#values.has(ordered[at]!)) yield ordered[at]!;
    }
  }

  /** Merges the fresh keys in, and drops those that are no more. */
  #order(): void {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh.sort();
    const merged: string[] = [];
    let at = 0;
    const add = (key: string): void => {
      if (merged.at(-1) !== key && this.#values.has(key)) merged.push(key);
    };
    for (const key of this.#ordered) {
      while (at < fresh.length && fresh[at]! < key) add(fresh[at++]!);
      add(key);
    }
    while (at < fresh.length) add(fresh[at++]!);
    this.#ordered = merged;
    this.#fresh = [];
  }
}

function keyOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}

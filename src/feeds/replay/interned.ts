// Text that is the same on thousands of rows, such as a symbol or `P,20002020,0`: it is read once,
// and then known again by its bytes.

import { newline } from './scan.ts';

const slots = 1024;

interface Known<T> {
  readonly hash: number;
  /** With the byte that ends it. */
  readonly bytes: Uint8Array;
  readonly value: T;
}

export class Interned<T> {
  readonly #read: (text: string) => T;
  readonly #known = Array.from<Known<T> | undefined>({ length: slots });
  /** Behind the text found last and the byte that ends it. */
  end = 0;

  /** `read` says what a text means; it is given without the byte that ends it. */
  constructor(read: (text: string) => T) {
    this.#read = read;
  }

  /** What the bytes from here to `stop`, or to the end of the line, mean. */
  find(bytes: Uint8Array, from: number, stop: number): T {
    let hash = 0;
    let at = from;
    for (let byte = bytes[at]; byte !== stop && byte !== newline; byte = bytes[++at]) {
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    this.end = at + 1;
    const slot = (hash ^ (hash >>> 10)) & (slots - 1);
    const known = this.#known[slot];
    if (known && known.hash === hash && startsWith(bytes, from, known.bytes)) return known.value;
    const copy = Buffer.from(bytes.subarray(from, this.end));
    const value = this.#read(copy.toString('utf8', 0, at - from));
    this.#known[slot] = { hash, bytes: copy, value };
    return value;
  }
}

function startsWith(bytes: Uint8Array, from: number, start: Uint8Array): boolean {
  for (let index = 0; index < start.length; index++) {
    if (bytes[from + index] !== start[index]) return false;
  }
  return true;
}

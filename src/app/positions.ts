// How far the store has come in each topic, and what of it it could not read: a few words of memory
// that all threads of the process share. The store's thread writes them; retention and the gateway
// read what is true this moment.

import { type Topic, topics } from '../log/log.ts';

/** The position of a topic that the store does not keep: beyond all that is ever in the log. */
export const notStored = Number.MAX_SAFE_INTEGER;

export class Positions {
  readonly memory: SharedArrayBuffer;
  readonly #offsets: BigInt64Array;

  /** Without memory of another thread it begins anew, with nothing stored. */
  constructor(memory = new SharedArrayBuffer(2 * 8 * topics.length)) {
    this.memory = memory;
    this.#offsets = new BigInt64Array(memory);
  }

  /** The offset up to which the store surely holds the topic. */
  of(topic: Topic): number {
    return Number(Atomics.load(this.#offsets, topics.indexOf(topic)));
  }

  /** Where the newest range ends that the log had lost before the store read it; 0 for none. */
  lostBy(topic: Topic): number {
    return Number(Atomics.load(this.#offsets, topics.length + topics.indexOf(topic)));
  }

  setLost(topic: Topic, offset: number): void {
    Atomics.store(this.#offsets, topics.length + topics.indexOf(topic), BigInt(offset));
  }

  set(topic: Topic, offset: number): void {
    Atomics.store(this.#offsets, topics.indexOf(topic), BigInt(offset));
  }
}

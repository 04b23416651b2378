// The few words of memory that all threads of the process share for one log: how far each topic
// is durable, and a counter that tells sleepers that something has grown. Only the writer publishes
// these, and only what is on disk, so nobody can read what a power cut could take back.

import assert from 'node:assert/strict';
import { type Topic, topics } from '../log.ts';

/** Every topic has its slot, 0 to `slots` - 1. */
export const slots = topics.length;

export function slotOf(topic: Topic): number {
  const slot = topics.indexOf(topic);
  assert(slot >= 0, `no topic ${topic}`);
  return slot;
}

export function topicOf(slot: number): Topic {
  return topics[slot] as Topic;
}

const generationWord = 0;
const damagedWord = 1;
const suspectWord = 2;
const words = 4;

/** Bytes of the shared memory, for whoever makes it before the log is opened. */
export const signalBytes = 4 * words + 16 * slots;

export class Signal {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** Start and end of each slot. */
  readonly #ranges: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    assert(memory.byteLength >= signalBytes, `the signal needs ${signalBytes} bytes`);
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, words);
    this.#ranges = new BigInt64Array(memory, 4 * words, 2 * slots);
  }

  /** For the writer, at opening. */
  begin(damagedBatches: number): void {
    Atomics.store(this.#words, damagedWord, damagedBatches);
    Atomics.store(this.#words, suspectWord, 0);
  }

  /** 0 until a writer has opened the log, then positive. */
  get generation(): number {
    return Atomics.load(this.#words, generationWord);
  }

  start(slot: number): number {
    return Number(Atomics.load(this.#ranges, 2 * slot));
  }

  end(slot: number): number {
    return Number(Atomics.load(this.#ranges, 2 * slot + 1));
  }

  setRange(slot: number, start: number, end: number): void {
    Atomics.store(this.#ranges, 2 * slot, BigInt(start));
    Atomics.store(this.#ranges, 2 * slot + 1, BigInt(end));
  }

  /** Makes ranges that were set known: every `changed` resolves. */
  publish(): void {
    const next = Math.max(1, (this.generation + 1) & 0x7fffffff);
    Atomics.store(this.#words, generationWord, next);
    this.wake();
  }

  /** Lets everybody in `changed` look again. */
  wake(): void {
    Atomics.notify(this.#words, generationWord);
  }

  /** Resolves, with the generation now, once it is not `generation` or `isOver` says so. */
  async changed(generation: number, isOver: () => boolean): Promise<number> {
    while (this.generation === generation && !isOver()) {
      const waiting = Atomics.waitAsync(this.#words, generationWord, generation);
      if (waiting.async) await waiting.value;
    }
    return this.generation;
  }

  /** Damaged batches found so far, by any thread. */
  get damagedBatches(): number {
    return Atomics.load(this.#words, damagedWord);
  }

  addDamagedBatches(count: number): void {
    Atomics.add(this.#words, damagedWord, count);
  }

  /** Whether any thread met damage that only the next opening can mend. */
  get isSuspect(): boolean {
    return Atomics.load(this.#words, suspectWord) === 1;
  }

  suspect(): void {
    Atomics.store(this.#words, suspectWord, 1);
  }
}

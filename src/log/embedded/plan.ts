// What one LMDB transaction writes for a group of commits, and what holds once it is on disk: the
// offsets given and how far each topic then reaches. Making it touches neither LMDB nor the
// log, so a group that fails is simply forgotten.

import type { Append, StateWrite, StoredBatch } from '../log.ts';
import type { Bytes, Environment } from './environment.ts';
import { type Reach, reachBytes, reachFact } from './facts.ts';
import { frameOf, keyOf, recordHeadBytes, sealBytes, writeRecord, writeSealed } from './record.ts';
import { slotOf, slots } from './signal.ts';

/** What one caller wants to change. */
export interface Changes {
  readonly appends: readonly Append[];
  readonly state: readonly StateWrite[];
  readonly drop: Drop | null;
}

/** Batches at the start of a topic that go. */
export interface Drop {
  readonly slot: number;
  /** The offset that the topic then starts at. */
  readonly to: number;
  readonly keys: readonly Buffer[];
  /** What was stored under the keys. */
  readonly bytes: number;
}

interface Write {
  readonly tree: Bytes;
  readonly key: Buffer;
  /** null removes the key. */
  readonly value: Buffer | null;
  /** Whether it goes to the end of the tree, which fills pages instead of halving them. */
  readonly atEnd: boolean;
}

export class Plan {
  /** By slot. */
  readonly reaches: readonly Reach[];
  /** Of each caller's appends. */
  readonly offsets: readonly (readonly number[])[];
  readonly #environment: Environment;
  readonly #time: number;
  /** What it appends, as it will be read. */
  readonly appended: { readonly slot: number; readonly batch: StoredBatch }[] = [];
  readonly #writes: Write[] = [];
  readonly #reaches: Reach[];
  readonly #touched = new Set<number>();
  /** One piece of memory for all values: LMDB is told an address once, not for each of them. */
  readonly #memory: Buffer;
  #used = 0;

  /** `reaches` is how far the topics reach before, `time` what batches are stamped with. */
  constructor(
    environment: Environment,
    reaches: readonly Reach[],
    time: number,
    group: readonly Changes[],
  ) {
    this.#environment = environment;
    this.#time = time;
    this.#reaches = [...reaches];
    this.reaches = this.#reaches;
    const bytes = group.reduce((sum, changes) => sum + bytesOf(changes), 0);
    this.#memory = Buffer.allocUnsafeSlow(bytes + slots * factBytes);
    this.offsets = group.map((changes) => this.#add(changes));
    for (const slot of this.#touched) this.#put('facts', ...reachFact(slot, this.#reaches[slot]!));
  }

  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  /** To be called within an LMDB transaction. */
  write(): readonly Promise<boolean>[] {
    return this.#writes.map(({ tree, key, value, atEnd }) => {
      if (value === null) return tree.remove(key);
      return atEnd ? tree.put(key, value, { append: true }) : tree.put(key, value);
    });
  }

  #add({ appends, state, drop }: Changes): readonly number[] {
    const offsets = appends.map((append) => this.#append(append));
    for (const { key, value } of state) this.#put('state', Buffer.from(key), value);
    if (drop) this.#drop(drop);
    return offsets;
  }

  #append(append: Append): number {
    const slot = slotOf(append.topic);
    const { start, end: offset, bytes } = this.#reaches[slot]!;
    const end = offset + append.count;
    const value = this.#take(recordHeadBytes + append.bytes.length);
    writeRecord(value, append, offset, this.#time);
    const tree = this.#environment.records[slot]!;
    this.#writes.push({ tree, key: keyOf(end), value, atEnd: true });
    this.#reach(slot, { start, end, bytes: bytes + value.length });
    const batch = { offset, count: append.count, bytes: frameOf(value) };
    this.appended.push({ slot, batch });
    return offset;
  }

  #drop({ slot, to, keys, bytes: dropped }: Drop): void {
    const { end, bytes } = this.#reaches[slot]!;
    const tree = this.#environment.records[slot]!;
    for (const key of keys) this.#writes.push({ tree, key, value: null, atEnd: false });
    this.#reach(slot, { start: to, end, bytes: bytes - dropped });
  }

  #reach(slot: number, reach: Reach): void {
    this.#reaches[slot] = reach;
    this.#touched.add(slot);
  }

  #put(name: 'facts' | 'state', key: Buffer, value: Uint8Array | null): void {
    const sealed = value && this.#take(sealBytes + value.length);
    if (sealed) writeSealed(sealed, key, value);
    this.#writes.push({ tree: this.#environment[name], key, value: sealed, atEnd: false });
  }

  #take(bytes: number): Buffer {
    const taken = this.#memory.subarray(this.#used, this.#used + bytes);
    this.#used += aligned(bytes);
    return taken;
  }
}

/** Memory that the values to be written take. */
export function bytesOf({ appends, state }: Changes): number {
  let bytes = 0;
  for (const append of appends) bytes += aligned(recordHeadBytes + append.bytes.length);
  for (const { value } of state) bytes += value ? aligned(sealBytes + value.length) : 0;
  return bytes;
}

const factBytes = aligned(sealBytes + reachBytes);

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

// What the log knows about itself, in its own tree: the version of its format, its epoch, and how
// far each topic reaches. The reach stands apart from the batches, committed together with
// them, so that damage to the last of them cannot make the log hand out their offsets again.

import { randomUUID } from 'node:crypto';
import { recordsName } from './environment.ts';
import { slots } from './signal.ts';

export const formatVersion = 1;

export interface Reach {
  /** First offset held, and one past the last. */
  readonly start: number;
  readonly end: number;
  /** Bytes stored for the batches between them. */
  readonly bytes: number;
}

export interface Facts {
  readonly format: number;
  readonly epoch: string;
  /** By slot. */
  readonly reaches: readonly Reach[];
}

/** A fact as it is stored, before sealing. */
export type Fact = readonly [key: Buffer, value: Uint8Array];

/** Bytes of a reach, before sealing. */
export const reachBytes = 3 * Float64Array.BYTES_PER_ELEMENT;

const formatKey = 'format';
const epochKey = 'epoch';
const nothing: Reach = { start: 0, end: 0, bytes: 0 };

/** The facts of a log that begins. */
export function newFacts(): Facts {
  const reaches = Array.from({ length: slots }, () => nothing);
  return { format: formatVersion, epoch: randomUUID(), reaches };
}

export function identityFacts({ format, epoch }: Facts): readonly Fact[] {
  return [
    [Buffer.from(formatKey), Buffer.from(String(format))],
    [Buffer.from(epochKey), Buffer.from(epoch)],
  ];
}

export function reachFact(slot: number, { start, end, bytes }: Reach): Fact {
  const value = new Uint8Array(Float64Array.of(start, end, bytes).buffer);
  return [Buffer.from(reachKey(slot)), value];
}

/** Null when these are not the facts of any log. */
export function readFacts(stored: ReadonlyMap<string, Uint8Array>): Facts | null {
  const format = textOf(stored.get(formatKey));
  const epoch = textOf(stored.get(epochKey));
  if (!format || !epoch) return null;
  const reaches = Array.from({ length: slots }, (_, slot) => {
    const value = stored.get(reachKey(slot));
    return value ? reachOf(value) : nothing;
  });
  return { format: Number(format), epoch, reaches };
}

function reachKey(slot: number): string {
  return `reach ${recordsName(slot)}`;
}

function textOf(value: Uint8Array | undefined): string {
  return value ? Buffer.from(value).toString() : '';
}

function reachOf(value: Uint8Array): Reach {
  const [start = 0, end = 0, bytes = 0] = new Float64Array(Uint8Array.from(value).buffer);
  return { start, end, bytes };
}

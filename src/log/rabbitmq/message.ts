// What a message of the log's streams holds, in bytes: a transaction, the whole state of the log at
// the beginning of a stream, or what retention has taken. JSON tells of the parts that follow it,
// each on a multiple of eight bytes, so that columns are read where they lie.

import assert from 'node:assert/strict';
import { type StateWrite, type Topic, type Transaction, topics } from '../log.ts';

export interface PlacedAppend {
  readonly topic: Topic;
  readonly offset: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

export interface PlacedTransaction {
  /** Microseconds at which it was appended. */
  readonly time: number;
  readonly appends: readonly PlacedAppend[];
  readonly state: readonly StateWrite[];
}

/** By topic, in the order of `topics`. */
export type ByTopic = readonly number[];

/** About a mebibyte of a stream: where it begins, and what there is of each topic in it. */
export interface Page {
  /** Of the stream. */
  readonly segment: number;
  /** Of its first message: the offset in the stream, who wrote it, and the number they gave it. */
  readonly at: number;
  readonly writer: string;
  readonly number: number;
  /** Of each topic: the offset of its first record, and the bytes of its batches. */
  readonly starts: ByTopic;
  readonly bytes: ByTopic;
  /** When the newest batch was appended. */
  readonly time: number;
}

export interface Trim {
  readonly starts: ByTopic;
  /** Bytes of the batches that are left. */
  readonly held: ByTopic;
}

export interface Checkpoint extends Trim {
  readonly epoch: string;
  readonly ends: ByTopic;
  readonly pages: readonly Page[];
  /** The keys are in their order. */
  readonly state: readonly (readonly [string, Uint8Array])[];
}

export function encodeTransaction(
  { appends = [], state = [] }: Transaction,
  offsets: readonly number[],
  time: number,
): Uint8Array {
  const head = {
    time,
    appends: appends.map(({ topic, count, bytes }, index) => {
      return [topics.indexOf(topic), offsets[index], count, bytes.length];
    }),
    state: state.map(({ key, value }) => [key, value?.length ?? null]),
  };
  const values = state.map(({ value }) => value ?? new Uint8Array());
  return pack(head, [...appends.map(({ bytes }) => bytes), ...values]);
}

export function decodeTransaction(message: Uint8Array): PlacedTransaction {
  const { head, part } = unpack<{
    time: number;
    appends: [topic: number, offset: number, count: number, length: number][];
    state: [key: string, length: number | null][];
  }>(message);
  return {
    time: head.time,
    appends: head.appends.map(([topic, offset, count, length]) => {
      return { topic: topics[topic]!, offset, count, bytes: part(length) };
    }),
    // Values outlive the message by far, and it is larger than they are.
    state: head.state.map(([key, length]) => {
      return { key, value: length === null ? null : part(length).slice() };
    }),
  };
}

export function encodeCheckpoint({ state, ...rest }: Checkpoint): Uint8Array {
  const sizes = state.map(([key, value]) => [key, value.length]);
  return pack(
    { ...rest, state: sizes },
    state.map(([, value]) => value),
  );
}

export function decodeCheckpoint(message: Uint8Array): Checkpoint {
  const { head, part } = unpack<
    Omit<Checkpoint, 'state'> & { state: [key: string, length: number][] }
  >(message);
  return { ...head, state: head.state.map(([key, length]) => [key, part(length).slice()]) };
}

export function encodeTrim(trim: Trim): Uint8Array {
  return pack(trim, []);
}

export function decodeTrim(message: Uint8Array): Trim {
  return unpack<Trim>(message).head;
}

const headLengthBytes = 4;

function pack(head: object, parts: readonly Uint8Array[]): Uint8Array {
  const text = Buffer.from(JSON.stringify(head));
  let at = aligned(headLengthBytes + text.length);
  const places = parts.map(({ length }) => {
    const place = at;
    at = aligned(at + length);
    return place;
  });
  const message = Buffer.alloc(at);
  message.writeUInt32LE(text.length, 0);
  message.set(text, headLengthBytes);
  for (const [index, bytes] of parts.entries()) message.set(bytes, places[index]);
  return message;
}

function unpack<Head>(given: Uint8Array): { head: Head; part: (length: number) => Uint8Array } {
  // Small messages lie in a memory that they share.
  const message = given.byteOffset % 8 === 0 ? given : new Uint8Array(given);
  const { buffer, byteOffset } = message;
  const length = new DataView(buffer, byteOffset).getUint32(0, true);
  const text = new TextDecoder().decode(
    message.subarray(headLengthBytes, headLengthBytes + length),
  );
  let at = aligned(headLengthBytes + length);
  const part = (bytes: number): Uint8Array => {
    assert(at + bytes <= message.length, 'a message holds all its parts');
    const found = new Uint8Array(buffer, byteOffset + at, bytes);
    at = aligned(at + bytes);
    return found;
  };
  return { head: JSON.parse(text) as Head, part };
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}

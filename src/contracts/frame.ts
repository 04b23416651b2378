// The binary layout that every columnar batch shares in the log: a 16-byte head, a small JSON part
// (dictionaries), then the columns, each aligned to 8 bytes, little-endian. Reading one is a few
// typed-array views, no copy and no parsing per record.

import { strict as assert } from 'node:assert/strict';

assert.equal(new Uint8Array(Uint32Array.of(1).buffer)[0], 1, 'columns are little-endian');

/** What a batch holds; the number is on disk, so it is never reused for something else. */
export const frameKinds = {
  trades: 1,
  quotes: 2,
  heartbeat: 3,
  candles: 4,
  json: 5,
  bars: 6,
  marks: 7,
} as const;
export type FrameKind = keyof typeof frameKinds;

type Column = Float64Array | Uint32Array | Uint16Array | Uint8Array;
interface ColumnType<C extends Column> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): C;
}

const magic = 0x31504154; // "TAP1"
const headBytes = 16;
const kindOf = new Map<number, FrameKind>(
  Object.entries(frameKinds).map(([kind, code]) => [code, kind as FrameKind]),
);

/** The first `count` elements of each column, behind their dictionaries. */
export function encodeFrame(
  kind: FrameKind,
  count: number,
  meta: unknown,
  columns: readonly Column[],
): Uint8Array {
  const text = Buffer.from(JSON.stringify(meta));
  let size = align(headBytes + text.length);
  for (const column of columns) size += align(count * column.BYTES_PER_ELEMENT);
  // Not from the pool, so that it is aligned; not zeroed, so the gaps between columns are below.
  const bytes = Buffer.allocUnsafeSlow(size);
  const head = new Uint32Array(bytes.buffer, 0, headBytes / 4);
  head.set([magic, frameKinds[kind], count, text.length]);
  bytes.set(text, headBytes);
  let offset = align(headBytes + text.length);
  bytes.fill(0, headBytes + text.length, offset);
  for (const column of columns) {
    const length = count * column.BYTES_PER_ELEMENT;
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, length), offset);
    bytes.fill(0, offset + length, offset + align(length));
    offset += align(length);
  }
  return new Uint8Array(bytes.buffer);
}

/** Reads what `encodeFrame` wrote; the columns must be asked for in the order they were given. */
export class FrameReader {
  readonly kind: FrameKind;
  readonly count: number;
  readonly meta: unknown;
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
    const head = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, headBytes / 4);
    const [mark, code = 0, count = 0, metaLength = 0] = head;
    const kind = kindOf.get(code);
    assert(mark === magic && kind, 'not a Tapeline frame, or one from a newer version');
    this.kind = kind;
    this.count = count;
    const text = this.#bytes.subarray(headBytes, headBytes + metaLength);
    this.meta = JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.length).toString());
    this.#offset = align(headBytes + metaLength);
  }

  column<C extends Column>(type: ColumnType<C>): C {
    const start = this.#bytes.byteOffset + this.#offset;
    this.#offset += align(this.count * type.BYTES_PER_ELEMENT);
    return new type(this.#bytes.buffer, start, this.count);
  }
}

/** The kind of an encoded batch, without decoding it. */
export function frameKind(bytes: Uint8Array): FrameKind {
  const kind = kindOf.get((bytes[4] as number) | ((bytes[5] as number) << 8));
  assert(kind, 'not a Tapeline frame, or one from a newer version');
  return kind;
}

/** A batch of plain JSON records, for topics where a record is rare: instruments, dead letters. */
export function encodeJson(records: readonly unknown[]): Uint8Array {
  return encodeFrame('json', records.length, records, []);
}

export function decodeJson<T>(bytes: Uint8Array): readonly T[] {
  const frame = new FrameReader(bytes);
  assert.equal(frame.kind, 'json');
  return frame.meta as readonly T[];
}

function align(length: number): number {
  return (length + 7) & ~7;
}

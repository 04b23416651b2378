// WebSocket text frames (RFC 6455, section 5.2) as a server sends them: unmasked, so the same bytes
// suit every client. Frames are laid one behind the other and handed out as one Buffer, which is
// then written once per client.

const headBytes = 4;
const headBytesMax = 10;
const finalText = 0x81;
const length16 = 126;
const length64 = 127;
/** Bytes of UTF-8 for one unit of UTF-16, at most. */
const utf8BytesMax = 3;

/** Frames one behind the other, in a Buffer of their own, and where each of them ends. */
export interface Frames {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

/** Lays messages into one growing buffer: `begin`, write the payload, `end`; then `take` all. */
export class TextFrames {
  bytes = Buffer.allocUnsafeSlow(1 << 16);
  #start = 0;
  #end = 0;
  #ends: number[] = [];

  /** Where the next payload begins, with room for `payloadBytes` of it. */
  begin(payloadBytes: number): number {
    this.#start = this.#end;
    const needed = this.#start + headBytesMax + payloadBytes;
    if (needed > this.bytes.length) this.#grow(needed);
    return this.#start + headBytes;
  }

  /** Completes the frame whose payload ends before `end`. */
  end(end: number): void {
    const start = this.#start;
    const length = end - start - headBytes;
    if (length < length16 || length > 0xffff) {
      this.#end = this.#endUnusual(length);
    } else {
      this.bytes[start] = finalText;
      this.bytes[start + 1] = length16;
      this.bytes[start + 2] = length >> 8;
      this.bytes[start + 3] = length & 0xff;
      this.#end = end;
    }
    this.#ends.push(this.#end);
  }

  /** A whole message; for the rare ones. */
  message(message: object): void {
    const text = JSON.stringify(message);
    const at = this.begin(text.length * utf8BytesMax);
    this.end(at + this.bytes.write(text, at));
  }

  /** The frames since the last `take`. */
  take(): Frames {
    const bytes = Buffer.allocUnsafeSlow(this.#end);
    this.bytes.copy(bytes, 0, 0, this.#end);
    const ends = this.#ends;
    this.#end = 0;
    this.#ends = [];
    return { bytes, ends };
  }

  /** The payload was laid for a head of 4 bytes; short and huge ones have another. */
  #endUnusual(length: number): number {
    const start = this.#start;
    const head = length < length16 ? 2 : headBytesMax;
    this.bytes.copyWithin(start + head, start + headBytes, start + headBytes + length);
    this.bytes[start] = finalText;
    if (head === 2) {
      this.bytes[start + 1] = length;
    } else {
      this.bytes[start + 1] = length64;
      this.bytes.writeBigUInt64BE(BigInt(length), start + 2);
    }
    return start + head + length;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.#end);
    this.bytes = grown;
  }
}

/** The payload of each frame, as it lies among them. */
export function* framePayloads(frames: Buffer): Generator<Buffer> {
  for (let at = 0; at < frames.length; ) {
    const short = frames[at + 1];
    const head = short < length16 ? 2 : short === length16 ? headBytes : headBytesMax;
    const length =
      head === 2
        ? short
        : head === headBytes
          ? frames.readUInt16BE(at + 2)
          : Number(frames.readBigUInt64BE(at + 2));
    yield frames.subarray(at + head, at + head + length);
    at += head + length;
  }
}

const single = new TextFrames();

/** One message as a ready frame. */
export function textFrame(message: object): Buffer {
  single.message(message);
  return single.take().bytes;
}

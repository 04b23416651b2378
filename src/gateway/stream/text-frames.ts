// WebSocket text frames (RFC 6455, section 5.2) as a server sends them: unmasked, so the same bytes
// suit every client. Frames are laid one behind the other and handed out as one Buffer, which is
// then written once per client.

const headBytes = 4;
const headBytesMax = 10;
const finalText = 0x81;
/** RSV1: the payload is compressed (RFC 7692). */
const deflatedText = 0xc1;
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
    const head = frameHead(length, false);
    this.bytes.copyWithin(start + head.length, start + headBytes, start + headBytes + length);
    head.copy(this.bytes, start);
    return start + head.length + length;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.#end);
    this.bytes = grown;
  }
}

/** What stands before a payload of so many bytes. */
export function frameHead(length: number, isDeflated: boolean): Buffer {
  const bytes = length < length16 ? 2 : length <= 0xffff ? headBytes : headBytesMax;
  const head = Buffer.alloc(bytes);
  head[0] = isDeflated ? deflatedText : finalText;
  head[1] = bytes === 2 ? length : bytes === headBytes ? length16 : length64;
  if (bytes === headBytes) head.writeUInt16BE(length, 2);
  if (bytes === headBytesMax) head.writeBigUInt64BE(BigInt(length), 2);
  return head;
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

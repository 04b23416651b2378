// The part of a recorded file that is in memory: chunks go in at the end, a parser takes whole rows
// from the start, and an unfinished row stays until the rest of it has come.

import { newline } from './scan.ts';

/** The longest row we take: a REST answer in a capture has megabytes. */
export const windowBytesMax = 256 * 2 ** 20;

export class ByteWindow {
  bytes: Buffer = Buffer.alloc(2 ** 20);
  /** The first byte that has not been parsed, and the end of what has been read. */
  at = 0;
  end = 0;
  /** True once the last byte of the recording is in. */
  final = false;

  get size(): number {
    return this.end - this.at;
  }

  append(chunk: Uint8Array): void {
    this.#makeRoom(chunk.length + 1);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Ends the recording; its last row may lack a newline. */
  finish(): void {
    this.final = true;
    if (this.size === 0 || this.bytes[this.end - 1] === newline) return;
    this.#makeRoom(1);
    this.bytes[this.end++] = newline;
  }

  /** The end of the last whole line, or `at` when there is none. */
  get linesEnd(): number {
    const last = this.bytes.lastIndexOf(newline, this.end - 1);
    return this.size > 0 && last >= this.at ? last + 1 : this.at;
  }

  /** The end of the line at `from`, its newline included; -1 while it is unfinished. */
  lineEnd(from: number): number {
    const found = this.bytes.indexOf(newline, from);
    return found >= 0 && found < this.end ? found + 1 : -1;
  }

  /** What is there, up to `length` bytes. */
  head(length: number): Buffer {
    return this.bytes.subarray(this.at, Math.min(this.end, this.at + length));
  }

  #makeRoom(length: number): void {
    if (this.end + length <= this.bytes.length) return;
    const { bytes } = this;
    if (this.size + length > bytes.length) {
      this.bytes = Buffer.alloc(Math.max(bytes.length * 2, this.size + length));
    }
    bytes.copy(this.bytes, 0, this.at, this.end);
    this.end = this.size;
    this.at = 0;
  }
}

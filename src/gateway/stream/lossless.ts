// A subscription that loses nothing: every message in order, live while the client keeps up. When
// it does not, nothing is queued for it; it reads on from the log at its own pace until it is back
// at the live position. What the log no longer has is declared in a `gap` message.

import type { LostRange, ReadResult, StoredBatch } from '../../log/log.ts';
import { failureForClient, type Outlet } from './connection.ts';
import { textFrame } from './text-frames.ts';

/** Ready frames and how many messages they are. */
export interface Messages {
  readonly frames: Buffer;
  readonly count: number;
}

/** What a stream must answer so that a client can read it from the log. */
export interface LosslessStream {
  /** The offset up to which the live tail has told everything. */
  position(): number;
  read(offset: number): Promise<ReadResult>;
  /** The messages that a stored batch holds for this stream. */
  encode(stored: StoredBatch): Messages;
  /** What to tell last, once back at the live position; null for nothing. */
  trailing(): Buffer | null;
  gap(range: LostRange): object;
  readonly counted: StreamCounts;
}

export interface StreamCounts {
  messages(count: number): void;
  conflated(count: number): void;
  fellBack(): void;
  skipped(records: number): void;
}

export class LosslessSubscription {
  readonly #connection: Outlet;
  readonly #stream: LosslessStream;
  /** Where to read on; null while live. */
  #behindFrom: number | null = null;

  constructor(connection: Outlet, stream: LosslessStream) {
    this.#connection = connection;
    this.#stream = stream;
  }

  /** New messages of a batch whose first record is at `offset`. */
  deliver(offset: number, messages: Messages): void {
    if (this.#behindFrom !== null) return; // it will find them in the log
    if (!this.#connection.isFull) {
      this.#write(messages);
      return;
    }
    this.#behindFrom = offset;
    this.#stream.counted.fellBack();
    this.#catchUp(offset).catch((error: unknown) => {
      this.#connection.close(failureForClient(error));
    });
  }

  /** The live tail could not read this; a client that is behind will come to it by itself. */
  lost(range: LostRange): void {
    if (this.#behindFrom === null) this.#declare(range);
  }

  async #catchUp(offset: number): Promise<void> {
    let from = offset;
    while (this.#connection.isOpen) {
      if (this.#connection.isFull) {
        await this.#connection.drained();
        continue;
      }
      if (from >= this.#stream.position()) {
        this.#behindFrom = null;
        const trailing = this.#stream.trailing();
        if (trailing) this.#write({ frames: trailing, count: 1 });
        return;
      }
      from = this.#forward(await this.#stream.read(from));
    }
  }

  /** Tells what was read, but not what the live tail has yet to tell. Answers where to go on. */
  #forward({ batches, lost, next }: ReadResult): number {
    const position = this.#stream.position();
    const ranges = lost.filter((range) => range.from < position);
    for (const stored of batches) {
      while (ranges.length > 0 && ranges[0].from < stored.offset) this.#declare(ranges.shift());
      if (stored.offset < position) this.#write(this.#stream.encode(stored));
    }
    for (const range of ranges) this.#declare(range);
    return Math.min(next, position);
  }

  #declare(range: LostRange | undefined): void {
    if (!range) return;
    this.#stream.counted.skipped(range.to - range.from);
    this.#write({ frames: textFrame(this.#stream.gap(range)), count: 1 });
  }

  #write({ frames, count }: Messages): void {
    if (count === 0) return;
    this.#connection.write(frames);
    this.#stream.counted.messages(count);
  }
}

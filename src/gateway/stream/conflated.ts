// A subscription to a value of which only the newest matters. While the client keeps up it gets
// every change; while it does not, changes are skipped and counted, and the newest value follows as
// soon as there is room: the last thing it was told is never older than that.

import type { LostRange } from '../../log/log.ts';
import type { Outlet } from './connection.ts';
import type { Messages, StreamCounts } from './lossless.ts';
import { textFrame } from './text-frames.ts';

export interface ConflatedStream {
  /** The newest value as a ready frame. */
  newest(): Buffer | null;
  gap(range: LostRange): object;
  readonly counted: StreamCounts;
}

export class ConflatedSubscription {
  readonly #connection: Outlet;
  readonly #stream: ConflatedStream;
  #isBehind = false;

  constructor(connection: Outlet, stream: ConflatedStream) {
    this.#connection = connection;
    this.#stream = stream;
  }

  deliver({ frames, count }: Messages): void {
    if (this.#connection.isFull || this.#isBehind) {
      this.#stream.counted.conflated(count);
      if (!this.#isBehind) void this.#tellNewest();
      return;
    }
    this.#connection.write(frames);
    this.#stream.counted.messages(count);
  }

  lost(range: LostRange): void {
    this.#stream.counted.skipped(range.to - range.from);
    if (!this.#isBehind) this.#connection.write(textFrame(this.#stream.gap(range)));
  }

  async #tellNewest(): Promise<void> {
    this.#isBehind = true;
    await this.#connection.drained();
    this.#isBehind = false;
    const newest = this.#stream.newest();
    if (!newest) return;
    this.#connection.write(newest);
    this.#stream.counted.messages(1);
  }
}

// One subscription: every message of its stream and symbols, in the order of the log, while the
// client keeps up. While it does not, what happens is its policy: it reads on from the log at its
// own pace (lossless), is told the newest of each symbol once there is room (conflate), is told how
// much it missed (skip), or is closed (close). Nothing is ever queued for it but what its
// connection holds, and nothing is left out in silence.

import { Failure } from '../../base/failure.ts';
import type { LostRange, ReadResult, StoredBatch } from '../../log/log.ts';
import type { Policy } from './client-messages.ts';
import { failureForClient, type Outlet } from './connection.ts';
import { ready } from './ready.ts';
import type { Messages, Selection } from './shared-messages.ts';
import type { Group } from './stream-batch.ts';

/** What a subscription needs of its stream. */
export interface Source {
  /** Names it to its client; null where there is no other. */
  readonly id: string | null;
  readonly policy: Policy;
  /** The offset up to which the live tail has told everything. */
  readonly position: () => number;
  readonly read: (offset: number) => Promise<ReadResult>;
  /** Waits until it may read once, with regard for all others; null if it need not any more. */
  inTurn(work: () => Promise<void> | null): Promise<void>;
  /** The messages that a stored batch holds for it, from this offset on. */
  encode(stored: StoredBatch, from: number): Messages;
  /** The newest value as a message; null when there is none. */
  newest(group: Group): object | null;
  gap(range: LostRange): object;
  skip(skipped: Skipped): object;
  readonly counted: StreamCounts;
}

/** Messages that were dropped, and the log offsets of the first and the last. */
export interface Skipped {
  count: number;
  readonly from: number;
  to: number;
}

export interface StreamCounts {
  messages(count: number): void;
  conflated(count: number): void;
  fellBack(): void;
  dropped(count: number): void;
  /** Log records that were declared missing. */
  missed(records: number): void;
}

type State = 'live' | 'reading' | 'conflating' | 'skipping' | 'ended';

export class Subscription {
  readonly #outlet: Outlet;
  readonly #source: Source;
  #state: State;
  /** Everything before this offset is told, or is not wanted. */
  #from: number;
  /** While conflating: what has changed. */
  readonly #changed = new Map<string, Group>();
  #skipped: Skipped | null = null;

  /** Tells everything from this log offset on, which may lie before or after the live position. */
  constructor(outlet: Outlet, source: Source, from: number) {
    this.#outlet = outlet;
    this.#source = source;
    this.#from = from;
    this.#state = 'live';
    if (from < source.position()) this.#readOn(from);
  }

  deliver(selection: Selection): void {
    const { offset, end } = selection.batch;
    if (this.#state === 'live' && offset < this.#from) {
      // It is told already, but perhaps for its end.
      if (end > this.#from) this.#readOn(this.#from);
    } else if (this.#state === 'live') {
      if (this.#outlet.isFull) this.#fallBehind(selection);
      else this.#write(selection);
    } else if (this.#state === 'conflating') {
      this.#conflate(selection);
    } else if (this.#state === 'skipping') {
      this.#skip(selection);
    } // else it will find it in the log
  }

  /** The live tail could not read this; a client that is behind will come to it by itself. */
  lost(range: LostRange): void {
    const isTold = range.to <= this.#from;
    if (!isTold && this.#state !== 'reading' && this.#state !== 'ended') this.#declare(range);
  }

  end(): void {
    this.#state = 'ended';
  }

  #fallBehind(selection: Selection): void {
    const { policy, counted } = this.#source;
    switch (policy) {
      case 'lossless':
        counted.fellBack();
        this.#readOn(selection.batch.offset);
        return;
      case 'conflate':
        this.#state = 'conflating';
        this.#conflate(selection);
        void this.#onceDrained(() => this.#tellNewest());
        return;
      case 'skip':
        this.#state = 'skipping';
        this.#skip(selection);
        void this.#onceDrained(() => this.#tellSkipped());
        return;
      case 'close': {
        const cure = 'Read faster, or choose another policy.';
        this.#outlet.close(new Failure('slow-consumer', 'Too slow for the policy "close".', cure));
      }
    }
  }

  async #onceDrained(tell: () => void): Promise<void> {
    await this.#outlet.drained();
    if (this.#state === 'ended') return;
    this.#state = 'live';
    tell();
  }

  #conflate(selection: Selection): void {
    this.#source.counted.conflated(selection.count);
    for (const group of selection.groups()) {
      this.#changed.set(`${group.key} ${group.symbol}`, group);
    }
  }

  #tellNewest(): void {
    for (const group of this.#changed.values()) {
      const newest = this.#source.newest(group);
      if (!newest) continue;
      this.#say(newest);
      this.#source.counted.messages(1);
    }
    this.#changed.clear();
  }

  #skip(selection: Selection): void {
    const [from, to] = selection.ends();
    this.#skipped ??= { count: 0, from, to };
    this.#skipped.count += selection.count;
    this.#skipped.to = to;
    this.#source.counted.dropped(selection.count);
  }

  #tellSkipped(): void {
    if (this.#skipped) this.#say(this.#source.skip(this.#skipped));
    this.#skipped = null;
  }

  #readOn(from: number): void {
    this.#from = from;
    this.#state = 'reading';
    this.#readToLive().catch((error: unknown) => {
      this.#outlet.close(failureForClient(error));
    });
  }

  async #readToLive(): Promise<void> {
    while (this.#outlet.isOpen && this.#isReading()) {
      if (this.#outlet.isFull) await this.#outlet.drained();
      else await this.#source.inTurn(() => (this.#isReading() ? this.#readOnce() : null));
    }
  }

  /** Once it has come to the live position, it is live. */
  async #readOnce(): Promise<void> {
    const { position, read } = this.#source;
    if (this.#from < position()) {
      const found = await read(this.#from);
      if (!this.#isReading()) return;
      this.#from = this.#forward(found, this.#from);
    }
    if (this.#from >= position()) this.#state = 'live';
  }

  #isReading(): boolean {
    return this.#state === 'reading';
  }

  /** Tells what was read, but not what the live tail has yet to tell. Answers where to go on. */
  #forward({ batches, lost, next }: ReadResult, from: number): number {
    const position = this.#source.position();
    const ranges = lost.filter((range) => range.from < position);
    for (const stored of batches) {
      while (ranges.length > 0 && ranges[0].from < stored.offset) this.#declare(ranges.shift());
      if (stored.offset < position) this.#write(this.#source.encode(stored, from));
    }
    for (const range of ranges) this.#declare(range);
    return Math.min(next, position);
  }

  #declare(range: LostRange | undefined): void {
    if (!range) return;
    this.#source.counted.missed(range.to - range.from);
    this.#say(this.#source.gap(range));
  }

  #write(messages: Messages): void {
    if (messages.count === 0) return;
    this.#outlet.write(messages, this.#source.id);
    this.#source.counted.messages(messages.count);
  }

  #say(message: object): void {
    this.#outlet.write(ready(message), this.#source.id);
  }
}

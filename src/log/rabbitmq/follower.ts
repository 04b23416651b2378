// Follows the log through its segments, for the writer as for readers, and comes back to where it
// was after the broker was away. What it has once read is never unread: a broker that comes back
// with older data is an end, as what was acknowledged is not there.

import type { Channel } from 'rabbitmq-client';
import { systemClock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { type Broker, isMissing, type StreamMessage } from './broker.ts';
import { type Shard, Succession } from './shard.ts';

export interface Followed {
  readonly message: StreamMessage;
  /** Whether it counts; see Succession. */
  readonly counts: boolean;
  /** Of a transaction's appends. */
  readonly offsets: readonly number[];
}

const retryMs = 100;

export class Follower {
  readonly #broker: Broker;
  readonly #shard: Shard;
  readonly #onMessage: (followed: Followed) => void;
  #succession = new Succession('');
  segment: number;
  /** The newest message read of this segment. */
  #last: StreamMessage | null = null;
  #isResuming = false;
  #channel: Channel | null = null;
  #isClosed = false;
  #running: Promise<void> | null = null;
  #failed = Promise.withResolvers<never>();
  failure: Failure | null = null;

  constructor(
    broker: Broker,
    shard: Shard,
    segment: number,
    onMessage: (followed: Followed) => void,
  ) {
    this.#broker = broker;
    this.#shard = shard;
    this.segment = segment;
    this.#onMessage = onMessage;
    this.#failed.promise.catch(() => undefined);
  }

  /** Who writes, as far as was read. */
  get writer(): string {
    return this.#succession.writer;
  }

  /** Rejects when it cannot go on. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#channel?.close();
    await this.#running;
  }

  fail(failure: Failure): void {
    this.failure ??= failure;
    this.#failed.reject(this.failure);
    void this.#channel?.close();
  }

  get #isOver(): boolean {
    return this.#isClosed || this.failure !== null;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#follow(this.segment);
      } catch (error) {
        if (this.#isOver) return;
        if (isMissing(error)) this.fail(this.#gone());
        else await systemClock.wait(retryMs);
      }
    }
  }

  /** Until the segment ends, or the channel. */
  async #follow(segment: number): Promise<void> {
    const channel = await this.#broker.channel();
    channel.on('error', () => undefined);
    const closed = Promise.withResolvers<void>();
    channel.once('close', () => closed.resolve());
    channel.once('basic.cancel', () => this.fail(this.#gone()));
    this.#channel = channel;
    try {
      if (this.#isOver) return;
      // From the last message that was read, to see that it is still there.
      this.#isResuming = this.#last !== null;
      const from = this.#last?.streamOffset ?? 'first';
      const name = this.#broker.segmentName(segment);
      // What is asked for from beyond the end only comes once the stream has reached that.
      if (this.#last && (await this.#broker.endOf(name)) <= this.#last.streamOffset) {
        this.fail(this.#olderData());
      }
      await this.#broker.consume(channel, name, from, (message) => {
        if (this.segment === segment && !this.#isOver) this.#take(message, channel);
      });
      await closed.promise;
    } finally {
      this.#channel = null;
      await channel.close();
    }
  }

  #take(message: StreamMessage, channel: Channel): void {
    if (this.#isResuming) {
      this.#isResuming = false;
      if (!isSame(message, this.#last!)) this.fail(this.#olderData());
      return;
    }
    // A segment is begun by who may.
    if (this.writer === '') {
      const { kind, after = '', writer, number } = message;
      this.#succession = new Succession(kind === 'opened' ? after : writer, number);
    }
    const counts = this.#succession.accepts(message);
    this.#last = message;
    const offsets = counts ? this.#shard.apply(message, this.segment) : [];
    if (counts && message.kind === 'moved') {
      this.segment += 1;
      this.#last = null;
      void channel.close();
    }
    this.#onMessage({ message, counts, offsets });
  }

  #gone(): Failure {
    const message = `the log ${this.#broker.name} of ${this.#broker.where} is no longer there`;
    const cure = 'Restore it, or begin with an empty database; then restart Tapeline.';
    return new Failure('data-folder-unusable', message, cure);
  }

  #olderData(): Failure {
    const message =
      `${this.#broker.where} came back with older data than it had: ` +
      `what it had acknowledged of the log ${this.#broker.name} is not there`;
    const cure = 'Restore the newest copy of its data; then restart Tapeline.';
    return new Failure('data-folder-unusable', message, cure);
  }
}

function isSame(one: StreamMessage, other: StreamMessage): boolean {
  return (
    one.streamOffset === other.streamOffset && one.writer === other.writer && one.id === other.id
  );
}

// The one writer of a log. A commit is one message; it is acknowledged when it was read back from
// the stream, in its place, as from there nobody can take it away. After the connection was lost,
// the writer opens the log anew, reads whatever had come in until then, and sends again what had
// not: what comes in later from the lost connection counts no more.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Channel } from 'rabbitmq-client';
import { type Clock, systemClock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { type Topic, type Transaction, topics } from '../log.ts';
import { answerMsMax, type Broker, type Headers } from './broker.ts';
import type { Followed, Follower } from './follower.ts';
import { encodeCheckpoint, encodeTransaction, encodeTrim, type Trim } from './message.ts';
import type { Shard } from './shard.ts';

export interface WriterParts {
  readonly broker: Broker;
  readonly shard: Shard;
  readonly follower: Follower;
  readonly clock: Clock;
  /** Bytes of a segment after which the next begins. */
  readonly segmentBytes: number;
}

interface Pending {
  readonly kind: Headers['kind'];
  readonly id: string;
  readonly extra: Partial<Headers>;
  readonly body: Uint8Array;
  readonly startedAt: number;
  readonly done: PromiseWithResolvers<readonly number[]>;
}

type Sight = 'accepted' | 'refused';

const partBytes = 4 * 2 ** 20;
const retryMs = 100;

export class Writer {
  readonly #parts: WriterParts;
  readonly #ends = new Map<Topic, number>();
  #id = '';
  /** All under which it ever opened the log, also where it was not told whether it had. */
  readonly #ids = new Set<string>();
  #channel: Channel | null = null;
  #pending: Pending[] = [];
  /** Commits that wait for the next segment. */
  #waiting: (() => void)[] | null = null;
  #sight: { readonly id: string; readonly resolve: (sight: Sight) => void } | null = null;
  #numbers = 0;
  /** Messages under the present name. */
  #published = 0;
  readonly #closed = new AbortController();
  #isClosed = false;
  #working: Promise<void> = Promise.resolve();
  commits = 0;
  #commitMs: number[] = [];

  constructor(parts: WriterParts) {
    this.#parts = parts;
    parts.follower.failed.catch((failure: Failure) => this.#abandon(failure));
  }

  /** To be told of all that is read, in order. */
  see({ message, counts, offsets }: Followed): void {
    if (this.#sight?.id === message.id || message.kind === 'moved') {
      this.#sight?.resolve(counts && message.kind === 'opened' ? 'accepted' : 'refused');
      this.#sight = null;
    }
    const first = this.#pending[0];
    if (!counts || first?.id !== message.id) return;
    this.#pending.shift();
    if (message.kind === 'transaction') {
      this.commits += 1;
      this.#commitMs.push((systemClock.now() - first.startedAt) / 1_000);
    }
    first.done.resolve(offsets);
  }

  /** `root`: the segment that the root tells of, if it tells of one. */
  async open(root: number | null): Promise<void> {
    const { broker, shard, follower } = this.#parts;
    await broker.lock();
    do this.#id = follower.writer;
    while ((await this.#takeOver()) === 'refused');
    for (const topic of topics) this.#ends.set(topic, shard.end(topic));
    if (root !== follower.segment || shard.epoch === '') {
      await this.#writeCheckpoint(shard.epoch || randomUUID());
    }
    void this.#watch();
  }

  /** Opens the log anew when what was sent does not come back: the broker may have lost it. */
  async #watch(): Promise<void> {
    const { signal } = this.#closed;
    for (let first: Pending | undefined; !signal.aborted; first = this.#pending[0]) {
      await systemClock.wait(answerMsMax, signal);
      const isStuck = first !== undefined && first === this.#pending[0];
      if (isStuck && !this.#parts.broker.isFull) await this.#channel?.close();
    }
  }

  async commit(transaction: Transaction): Promise<readonly number[]> {
    const { broker, follower, clock } = this.#parts;
    while (this.#waiting) await new Promise<void>((resume) => this.#waiting?.push(resume));
    if (follower.failure) throw follower.failure;
    if (this.#isClosed) throw closedFailure();
    if (!this.#channel) throw broker.unavailable(new Error('the connection was lost'));
    if (broker.isFull) throw broker.full();
    const { appends = [], state = [] } = transaction;
    if (appends.length === 0 && state.length === 0) {
      await this.#settled();
      return [];
    }
    const offsets = appends.map(({ topic, count }) => this.#take(topic, count));
    const body = encodeTransaction(transaction, offsets, clock.now());
    const done = this.#send('transaction', body);
    if (this.#isSegmentFull) this.#work(() => this.#moveOn());
    return await done;
  }

  async trim(trim: Trim): Promise<void> {
    await this.#send('trim', encodeTrim(trim));
  }

  takeCommitMs(): readonly number[] {
    const taken = this.#commitMs;
    this.#commitMs = [];
    return taken;
  }

  /** Waits for what is on its way, if there is a connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#channel) {
      await this.#working;
      await this.#settled();
    }
    await this.#channel?.close();
  }

  /** Once it is closed, or takes too long. */
  leave(): void {
    this.#closed.abort();
    this.#abandon(unknownFailure());
  }

  #take(topic: Topic, count: number): number {
    const offset = this.#ends.get(topic) ?? 0;
    this.#ends.set(topic, offset + count);
    return offset;
  }

  /** Resolves once all that was sent is in. */
  async #settled(): Promise<void> {
    await this.#pending.at(-1)?.done.promise.catch(() => undefined);
  }

  get #isSegmentFull(): boolean {
    return this.#waiting === null && this.#parts.shard.segmentBytes >= this.#parts.segmentBytes;
  }

  #work(work: () => Promise<void>): void {
    this.#waiting ??= [];
    this.#working = this.#working
      .then(work)
      .catch(() => undefined)
      .finally(() => {
        const waiting = this.#waiting ?? [];
        this.#waiting = null;
        for (const resume of waiting) resume();
      });
  }

  async #send(
    kind: Headers['kind'],
    body: Uint8Array = new Uint8Array(),
    extra: Partial<Headers> = {},
  ): Promise<readonly number[]> {
    const done = Promise.withResolvers<readonly number[]>();
    const id = `${this.#id} ${this.#numbers++}`;
    const pending = { kind, id, extra, body, startedAt: systemClock.now(), done };
    this.#pending.push(pending);
    this.#publish(pending);
    return await done.promise;
  }

  #publish({ kind, id, extra, body }: Pending): void {
    const { broker, follower } = this.#parts;
    if (!this.#channel) return;
    const queue = broker.segmentName(follower.segment);
    const headers = { kind, id, writer: this.#id, number: this.#published++, ...extra };
    // A failure closes the channel, which has everything sent again.
    broker.publish(this.#channel, queue, headers, body).catch(() => undefined);
  }

  async #openChannel(): Promise<Channel> {
    const channel = await this.#parts.broker.channel();
    channel.on('error', () => undefined);
    return channel;
  }

  /** Opens the log after the writer that `#id` names; resolves once that was read back. */
  async #takeOver(): Promise<Sight> {
    const { broker, follower } = this.#parts;
    const channel = await this.#openChannel();
    const { promise, resolve } = Promise.withResolvers<Sight>();
    const id = randomUUID();
    this.#ids.add(id);
    this.#sight = { id, resolve };
    channel.once('close', () => resolve('refused'));
    const headers = { kind: 'opened', writer: id, id, after: this.#id } as const;
    broker.publish(channel, broker.segmentName(follower.segment), headers).catch(() => undefined);
    const patience = new AbortController();
    void systemClock.wait(answerMsMax, patience.signal).then(() => resolve('refused'));
    const sight = await promise;
    patience.abort();
    if (sight === 'refused') {
      await channel.close();
      if (follower.failure) throw follower.failure;
      return sight;
    }
    this.#id = id;
    this.#channel = channel;
    this.#published = 0;
    channel.once('close', () => this.#lose());
    for (const pending of this.#pending) this.#publish(pending);
    return sight;
  }

  #lose(): void {
    if (this.#channel === null || this.#isClosed) return;
    this.#channel = null;
    void this.#recover();
  }

  async #recover(): Promise<void> {
    const { broker, follower } = this.#parts;
    while (!this.#isClosed && !follower.failure) {
      try {
        await broker.lock();
        if ((await this.#takeOver()) === 'accepted') return;
        if (!this.#ids.has(follower.writer)) follower.fail(this.#takenOver());
        this.#id = follower.writer;
      } catch {
        await systemClock.wait(retryMs);
      }
    }
  }

  /** Once all is in, the next segment begins with what is known by then. */
  async #moveOn(): Promise<void> {
    const { broker, shard, follower } = this.#parts;
    await this.#settled();
    const channel = await this.#openChannel();
    try {
      await broker.declareSegment(channel, follower.segment + 1);
    } finally {
      await channel.close();
    }
    await this.#send('moved');
    await this.#writeCheckpoint(shard.epoch);
  }

  async #writeCheckpoint(epoch: string): Promise<void> {
    const { broker, shard, follower } = this.#parts;
    const whole = encodeCheckpoint(shard.checkpoint(epoch));
    const parts = Math.ceil(whole.length / partBytes);
    const sent = Array.from({ length: parts }, (_, part) => {
      const piece = whole.subarray(part * partBytes, (part + 1) * partBytes);
      return this.#send('checkpoint', piece, { part, parts });
    });
    await Promise.all(sent);
    assert(this.#channel, 'a checkpoint that is in was sent on a channel');
    const headers = { kind: 'root', writer: this.#id, id: '', segment: follower.segment } as const;
    await broker.publish(this.#channel, broker.name, headers);
  }

  #abandon(failure: Failure): void {
    this.#sight?.resolve('refused');
    for (const { done } of this.#pending.splice(0)) done.reject(failure);
  }

  #takenOver(): Failure {
    const { broker } = this.#parts;
    const message = `another process has taken over the log ${broker.name} of ${broker.where}`;
    return new Failure(
      'data-folder-in-use',
      message,
      'Stop one of the two; then restart this one.',
    );
  }
}

function closedFailure(): Failure {
  return new Failure('log-unavailable', 'the log is closed', 'Open the log again.');
}

function unknownFailure(): Failure {
  const message =
    'the log was closed while RabbitMQ was away: whether the commit is in is not known';
  return new Failure('log-unavailable', message, 'Start RabbitMQ, then Tapeline, which will see.');
}

// One connection to RabbitMQ, which comes back by itself, and the few things that the log does with
// it. A log is a chain of stream queues, its segments, each with the whole state at its beginning;
// one more small stream, the root, tells in which segment to begin.

import { randomUUID } from 'node:crypto';
import { type AsyncMessage, type Channel, Connection } from 'rabbitmq-client';
import { systemClock } from '../../base/clock.ts';
import { Failure, messageOf } from '../../base/failure.ts';

export interface Headers {
  /**
   * opened: from here on, what `writer` writes counts, if `after` was the one before.
   * moved: the log goes on in the next segment. mark: someone asked where the end is.
   */
  readonly kind: 'opened' | 'checkpoint' | 'transaction' | 'trim' | 'moved' | 'mark' | 'root';
  readonly writer: string;
  readonly id: string;
  /** Counts what was written under one name; what comes after a gap does not count. */
  readonly number?: number;
  readonly after?: string;
  /** Of a checkpoint. */
  readonly part?: number;
  readonly parts?: number;
  /** Of a root. */
  readonly segment?: number;
}

export interface StreamMessage extends Headers {
  readonly streamOffset: number;
  readonly body: Uint8Array;
}

export type From = 'first' | 'last' | number;

/** Messages on their way to us at once. */
const prefetch = 256;
/** The root holds a few bytes for each opening and each segment. */
const rootBytesMax = 16 * 2 ** 20;
/** A stream that only comes up with its broker may lose what is written to it, unsaid. */
export const answerMsMax = 5_000;
const lockTriesMax = 100;
const lockRetryMs = 50;

export class Broker {
  readonly name: string;
  readonly #connection: Connection;
  readonly #where: string;
  #isBlocked = false;
  #lastError = 'no connection yet';

  constructor(url: string, name: string) {
    this.name = name;
    const { host } = new URL(url);
    this.#where = `RabbitMQ at ${host}`;
    this.#connection = new Connection({
      url,
      connectionName: `tapeline ${name}`,
      frameMax: 131_072,
      noDelay: true,
      retryLow: 100,
      retryHigh: 2_000,
      acquireTimeout: 10_000,
      heartbeat: 10,
    });
    this.#connection.on('error', (error) => {
      this.#lastError = messageOf(error);
    });
    this.#connection.on('connection.blocked', () => {
      this.#isBlocked = true;
    });
    this.#connection.on('connection.unblocked', () => {
      this.#isBlocked = false;
    });
    this.#connection.on('connection', () => {
      this.#isBlocked = false;
    });
  }

  /** It takes nothing in, as its disk or memory is full. */
  get isFull(): boolean {
    return this.#isBlocked;
  }

  get where(): string {
    return this.#where;
  }

  segmentName(segment: number): string {
    return `${this.name}.${segment}`;
  }

  async channel(): Promise<Channel> {
    try {
      return await this.#connection.acquire({ emitErrorsFromChannel: true });
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  async declareSegment(channel: Channel, segment: number): Promise<void> {
    await channel.queueDeclare({
      queue: this.segmentName(segment),
      durable: true,
      arguments: { 'x-queue-type': 'stream' },
    });
  }

  async deleteSegment(segment: number): Promise<void> {
    const channel = await this.channel();
    channel.on('error', () => undefined);
    try {
      await channel.queueDelete({ queue: this.segmentName(segment) });
    } finally {
      await channel.close();
    }
  }

  /**
   * Holds while the channel's connection lasts. The broker may take a moment to see that a writer
   * before us is gone, so a lock that is held is tried for some seconds.
   */
  async lock(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const channel = await this.channel();
      channel.on('error', () => undefined);
      try {
        await channel.queueDeclare({ queue: `${this.name}.writer`, exclusive: true });
        return;
      } catch (error) {
        if (codeOf(error) !== 'RESOURCE_LOCKED') throw this.unavailable(error);
        if (tries === lockTriesMax) throw this.#inUse();
      } finally {
        await channel.close();
      }
      await systemClock.wait(lockRetryMs);
    }
  }

  async publish(
    channel: Channel,
    queue: string,
    headers: Headers,
    body: Uint8Array = new Uint8Array(),
  ): Promise<void> {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    await channel.basicPublish(
      { routingKey: queue, durable: true, headers: { ...headers } },
      bytes,
    );
  }

  /** Calls for each message from an offset on, in order, until the channel closes. */
  async consume(
    channel: Channel,
    queue: string,
    from: From,
    onMessage: (message: StreamMessage) => void,
  ): Promise<void> {
    await channel.basicQos({ prefetchCount: prefetch });
    let received = 0;
    await channel.basicConsume({ queue, arguments: { 'x-stream-offset': from } }, (message) => {
      if (!channel.active) return;
      received += 1;
      if (received % (prefetch / 4) === 0) {
        channel.basicAck({ deliveryTag: message.deliveryTag, multiple: true });
      }
      onMessage(parsed(message));
    });
  }

  /** Where a stream ends: the offset of a message that is written to learn it. */
  async endOf(queue: string): Promise<number> {
    const channel = await this.channel();
    channel.on('error', () => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    channel.once('close', () => reject(new Error(this.#lastError)));
    try {
      const mark = randomUUID();
      await this.consume(channel, queue, 'last', ({ id, streamOffset }) => {
        if (id === mark) resolve(streamOffset);
      });
      await this.publish(channel, queue, { kind: 'mark', writer: '', id: mark });
      return await inTime(promise);
    } finally {
      // Also when nobody has waited for it.
      promise.catch(() => undefined);
      await channel.close();
    }
  }

  /** The segment in which to begin; null for a log that there has never been. */
  async root(isWriter: boolean): Promise<number | null> {
    const channel = await this.channel();
    channel.on('error', () => undefined);
    try {
      await channel.queueDeclare({
        queue: this.name,
        ...(isWriter ? {} : { passive: true }),
        durable: true,
        arguments: {
          'x-queue-type': 'stream',
          'x-max-length-bytes': rootBytesMax,
          'x-stream-max-segment-size-bytes': rootBytesMax / 16,
        },
      });
      const id = randomUUID();
      await this.publish(channel, this.name, { kind: 'mark', writer: '', id });
      return await this.#readRoot(channel, id);
    } catch (error) {
      throw isMissing(error) ? this.#missing() : this.unavailable(error);
    } finally {
      await channel.close();
    }
  }

  async #readRoot(channel: Channel, mark: string): Promise<number | null> {
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    let found: number | null = null;
    channel.once('close', () => reject(new Error(this.#lastError)));
    await this.consume(channel, this.name, 'first', ({ kind, id, segment = 0 }) => {
      if (kind === 'root') found = Math.max(found ?? 0, segment);
      if (id === mark) resolve(found);
    });
    return await inTime(promise);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Leaves at once, also when the broker does not answer. */
  destroy(): void {
    this.#connection.unsafeDestroy();
  }

  unavailable(cause: unknown): Failure {
    if (cause instanceof Failure) return cause;
    const reason = codeOf(cause) === 'TIMEOUT' ? this.#lastError : messageOf(cause);
    const message = `the log cannot be reached, ${this.#where}: ${reason}`;
    const cure =
      'See that RabbitMQ runs and that RABBITMQ_URL names it; Tapeline goes on by itself.';
    return new Failure('log-unavailable', message, cure, { cause });
  }

  full(): Failure {
    const message = `${this.#where} takes nothing in: its disk or its memory is full`;
    return new Failure('disk-full', message, 'Free space there; Tapeline goes on by itself.');
  }

  #inUse(): Failure {
    const message = `another process writes the log ${this.name} of ${this.#where}`;
    const cure = 'Stop that process, or give this one another shard.';
    return new Failure('data-folder-in-use', message, cure);
  }

  #missing(): Failure {
    const message = `there is no log ${this.name} in ${this.#where} yet`;
    return new Failure('log-unavailable', message, 'Start the process that writes it.');
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const answered = new AbortController();
  const late = systemClock.wait(answerMsMax, answered.signal).then(() => {
    throw new Error(`no answer within ${answerMsMax} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    answered.abort();
  }
}

/** A stream that only comes up with the broker is not found either, in other words. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'NOT_FOUND' && messageOf(error).includes('no queue');
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function parsed({ headers, body }: AsyncMessage): StreamMessage {
  const { 'x-stream-offset': streamOffset, ...ours } = headers as Headers & {
    'x-stream-offset': number;
  };
  return { ...ours, streamOffset, body: body as Buffer };
}

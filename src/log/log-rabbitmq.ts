// The log past one machine, in RabbitMQ: a chain of stream queues, each message one transaction.
// See log.ts for what it promises and docs/RABBITMQ.md for how. Every opening follows the log on a
// connection of its own and has the state in memory; one of them, the writer, holds its lock.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../base/clock.ts';
import { Found } from './found.ts';
import { Growth } from './growth.ts';
import type { Log, LogStats, ReadResult, Retention } from './log.ts';
import { type Topic, type Transaction, topics } from './log.ts';
import { answerMsMax, Broker } from './rabbitmq/broker.ts';
import { type Followed, Follower } from './rabbitmq/follower.ts';
import type { Page, Trim } from './rabbitmq/message.ts';
import { PageCache } from './rabbitmq/page-cache.ts';
import { type PageBatches, Shard } from './rabbitmq/shard.ts';
import { Writer } from './rabbitmq/writer.ts';

export interface RabbitMqLogOptions {
  /** amqp:// or amqps://, with user, password and virtual host where it needs them. */
  readonly url: string;
  /** The names of the log's queues begin with it. */
  readonly prefix: string;
  readonly partition: number;
  readonly clock: Clock;
  /** For reading only; any number of them, in any process, beside one that writes. */
  readonly readOnly?: boolean;
  /** Bytes of a segment after which the next begins: what an opening reads, and retention takes. */
  readonly segmentBytes?: number;
}

const defaultSegmentBytes = 64 * 2 ** 20;
/** How long a broker that does not answer is waited for. */
const closingMsMax = 5_000;

/**
 * Rejects with Failure `log-unavailable` when the broker cannot be reached, and with
 * `data-folder-in-use` when another process writes the log.
 */
export async function openRabbitMqLog(options: RabbitMqLogOptions): Promise<Log> {
  const { url, prefix, partition } = options;
  const broker = new Broker(url, `${prefix}.${partition}`);
  try {
    return options.readOnly
      ? await openReader(broker, partition)
      : await openWriter(broker, options);
  } catch (error) {
    broker.destroy();
    throw broker.unavailable(error);
  }
}

async function openWriter(broker: Broker, options: RabbitMqLogOptions): Promise<Log> {
  const root = await broker.root(true);
  if (root === null) {
    const channel = await broker.channel();
    await broker.declareSegment(channel, 0);
    await channel.close();
  }
  const { partition, clock, segmentBytes = defaultSegmentBytes } = options;
  const parts = followedShard(broker, root ?? 0);
  const writer = new Writer({ ...parts, clock, segmentBytes });
  parts.tell.push((followed) => writer.see(followed));
  parts.follower.start();
  await orLeave(parts.follower, writer.open(root));
  return new OpenLog(partition, { ...parts, writer });
}

async function openReader(broker: Broker, partition: number): Promise<Log> {
  const root = await broker.root(false);
  const parts = followedShard(broker, root ?? 0);
  const { follower, tell } = parts;
  let id = '';
  let seen = Promise.withResolvers<boolean>();
  tell.push(({ message }) => {
    if (message.id === id || message.kind === 'moved') seen.resolve(message.id === id);
  });
  follower.start();
  const reachEnd = async (): Promise<void> => {
    const channel = await broker.channel();
    for (let isAtEnd = false; !isAtEnd; ) {
      seen = Promise.withResolvers();
      id = randomUUID();
      const segment = broker.segmentName(follower.segment);
      await broker.publish(channel, segment, { kind: 'mark', writer: '', id });
      const waiting = new AbortController();
      const late = systemClock.wait(answerMsMax, waiting.signal).then(() => false);
      isAtEnd = await Promise.race([seen.promise, follower.failed, late]);
      waiting.abort();
    }
    await channel.close();
  };
  await orLeave(follower, reachEnd());
  tell.length = 0;
  return new OpenLog(partition, parts);
}

/** Lets go of the log when it cannot be opened. */
async function orLeave(follower: Follower, opening: Promise<void>): Promise<void> {
  try {
    await opening;
  } catch (error) {
    void follower.close();
    throw error;
  }
}

interface Parts {
  readonly broker: Broker;
  readonly shard: Shard;
  readonly follower: Follower;
  readonly cache: PageCache;
  /** Who is told of all that is read. */
  readonly tell: ((followed: Followed) => void)[];
  readonly writer?: Writer;
}

function followedShard(broker: Broker, segment: number): Parts {
  const cache = new PageCache(broker);
  const shard = new Shard((page, batches) => cache.add(page, batches));
  const tell: Parts['tell'] = [];
  const follower = new Follower(broker, shard, segment, (followed) => {
    for (const told of tell) told(followed);
  });
  return { broker, shard, follower, cache, tell };
}

class OpenLog implements Log {
  readonly partition: number;
  readonly warnings: readonly string[] = [];
  readonly #parts: Parts;
  readonly #growth = new Growth();
  #closing: Promise<void> | null = null;

  constructor(partition: number, parts: Parts) {
    this.partition = partition;
    this.#parts = parts;
    parts.tell.unshift(({ message, counts }) => {
      if (counts && message.kind === 'transaction') this.#growth.grow();
    });
    // Who sleeps wakes to read, and is told.
    parts.follower.failed.catch(() => this.#growth.grow());
  }

  get epoch(): string {
    return this.#parts.shard.epoch;
  }

  async commit(transaction: Transaction): Promise<readonly number[]> {
    return await this.#writer.commit(transaction);
  }

  async read(topic: Topic, offset: number, bytesMax: number): Promise<ReadResult> {
    const { shard, follower } = this.#parts;
    if (follower.failure) throw follower.failure;
    const { start, end } = this.range(topic);
    const found = new Found(offset);
    found.lose(Math.min(start, end), 'retention');
    const index = topics.indexOf(topic);
    while (found.next < end && found.bytes < bytesMax) {
      const place = shard.pageOf(topic, found.next);
      const pageEnd = shard.pages[place + 1]?.starts[index] ?? end;
      for (const { offset: at, count, bytes } of (await this.#batchesAt(place))[index]!) {
        if (at + count <= found.next) continue;
        if (at >= end || found.bytes >= bytesMax) break;
        found.add({ offset: at, count, bytes }, at + count);
        found.bytes += bytes.length;
      }
      if (found.bytes < bytesMax) found.lose(Math.min(pageEnd, end), 'damaged');
    }
    return found.result;
  }

  range(topic: Topic): { readonly start: number; readonly end: number } {
    const { shard } = this.#parts;
    return { start: shard.start(topic), end: shard.end(topic) };
  }

  async grown(generation: number, signal?: AbortSignal): Promise<number> {
    return await this.#growth.since(generation, signal);
  }

  async state(key: string): Promise<Uint8Array | null> {
    return this.#parts.shard.state.get(key);
  }

  async *states(prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
    yield* this.#parts.shard.state.withPrefix(prefix);
  }

  async stateKeys(from: string, to: string, max: number): Promise<readonly string[]> {
    return this.#parts.shard.state.keys(from, to, max);
  }

  async trim(retention: Retention): Promise<number> {
    const { shard, broker } = this.#parts;
    const trims = await Promise.all(topics.map((topic) => this.#trimOf(topic, retention)));
    const taken = topics.reduce((sum, topic, at) => sum + trims[at]!.start - shard.start(topic), 0);
    if (taken === 0) return 0;
    const first = shard.pages[0]?.segment ?? 0;
    const trim: Trim = {
      starts: trims.map(({ start }) => start),
      held: trims.map(({ held }) => held),
    };
    await this.#writer.trim(trim);
    const last = shard.pages[0]?.segment ?? this.#parts.follower.segment;
    for (let segment = first; segment < last; segment++) await broker.deleteSegment(segment);
    return taken;
  }

  stats(): LogStats {
    const { shard, writer } = this.#parts;
    return {
      commits: writer?.commits ?? 0,
      commitMs: writer?.takeCommitMs() ?? [],
      bytesOnDisk: shard.bytes,
      damagedBatches: 0,
      trouble: this.#parts.follower.failure,
    };
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const { writer, follower, broker } = this.#parts;
    this.#growth.end();
    const left = new AbortController();
    const leave = async (): Promise<void> => {
      await writer?.close();
      await follower.close();
      await broker.close();
    };
    await Promise.race([leave(), systemClock.wait(closingMsMax, left.signal)]);
    left.abort();
    writer?.leave();
    broker.destroy();
  }

  /** What retention would leave of a topic: where it begins, and the bytes of its batches. */
  async #trimOf(
    topic: Topic,
    { before = Number.NEGATIVE_INFINITY, bytesMax = Number.POSITIVE_INFINITY, keepFrom }: Retention,
  ): Promise<{ start: number; held: number }> {
    const { shard } = this.#parts;
    const index = topics.indexOf(topic);
    const end = shard.end(topic);
    const keep = keepFrom(topic);
    let start = shard.start(topic);
    let held = shard.held(topic);
    while (start < end) {
      const place = shard.pageOf(topic, start);
      const page = shard.pages[place]!;
      const pageEnd = shard.pages[place + 1]?.starts[index] ?? end;
      const bytes = page.bytes[index]!;
      const goes = page.time < before || held - bytes >= bytesMax;
      if (goes && pageEnd <= keep && page.starts[index] === start) {
        start = pageEnd;
        held -= bytes;
        continue;
      }
      for (const batch of (await this.#batchesAt(place))[index]!) {
        if (batch.offset < start) continue;
        const isKept = batch.offset + batch.count > keep;
        if (isKept || (batch.time >= before && held <= bytesMax)) return { start, held };
        start = batch.offset + batch.count;
        held -= batch.bytes.length;
      }
      if (start < pageEnd) return { start, held };
    }
    return { start, held };
  }

  async #batchesAt(place: number): Promise<PageBatches> {
    const { shard, cache } = this.#parts;
    const page: Page = shard.pages[place]!;
    const isOpen = place === shard.pages.length - 1 && shard.isOpen;
    return isOpen ? shard.openBatches : (cache.held(page) ?? (await cache.read(page)));
  }

  get #writer(): Writer {
    const { writer } = this.#parts;
    assert(writer, 'this log was opened for reading');
    return writer;
  }
}

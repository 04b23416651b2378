// The log as a partition of Kafka's topics, for as many machines as there are partitions; see
// log.ts for what it promises, and kafka/ for how. A role writes its own topics and its own state,
// one process at a time; it follows topics that others write. Across processes a commit's topics
// become visible one after the other, each whole.

import { Admin } from '@platformatic/kafka';
import type { Clock } from '../base/clock.ts';
import type { Failure } from '../base/failure.ts';
import { Growth } from './growth.ts';
import {
  type ClusterOptions,
  closedFailure,
  clusterFailure,
  connection,
  epochOf,
  isUnknownTopic,
  logRoles,
  stateTopicName,
  topicName,
  type WriterRole,
  writerRoles,
} from './kafka/cluster.ts';
import { Fetcher } from './kafka/fetcher.ts';
import { batchOf, type PlacedBatch } from './kafka/messages.ts';
import { Shelf } from './kafka/shelf.ts';
import { Trouble } from './kafka/trouble.ts';
import { KafkaWriter, needsAt } from './kafka/writer.ts';
import {
  type LogStats,
  type ReadResult,
  type Retention,
  type Topic,
  type Transaction,
  topics,
} from './log.ts';
import type { Enclosed, Needs, ShardLog } from './shard-log.ts';

export interface KafkaLogOptions extends ClusterOptions {
  readonly partition: number;
  /** Who writes, which takes over from whoever did; null for reading only. */
  readonly role: WriterRole | null;
  /** Topics that the role writes. */
  readonly writes: readonly Topic[];
  /** Topics of others that are read here. */
  readonly follows: readonly Topic[];
  readonly clock: Clock;
  readonly logger: { warn(fields: object, message: string): void };
}

const tailBytes = 4 * 2 ** 20;
const tailWaitMs = 1_000;
const retryMs = 1_000;

/** Rejects with Failure `log-unavailable`. The topics must be there; see `createTopics`. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<ShardLog> {
  const log = new KafkaLog(options);
  try {
    await log.open();
    return log;
  } catch (error) {
    await log.close();
    throw clusterFailure(options, 'the log cannot be opened', error);
  }
}

class KafkaLog implements ShardLog {
  readonly partition: number;
  readonly warnings: readonly string[] = [];
  readonly #options: KafkaLogOptions;
  readonly #fetcher: Fetcher;
  readonly #shelves = new Map<Topic, Shelf>();
  readonly #writer: KafkaWriter | null = null;
  /** One to a topic that is followed. */
  readonly #followers: Fetcher[] = [];
  #following: Promise<unknown> = Promise.resolve();
  #epoch = '';
  readonly #growth = new Growth();
  readonly #trouble: Trouble;
  /** Why it has ended, if it has. */
  #failure: Failure | null = null;
  readonly #closed = new AbortController();
  #closing: Promise<void> | null = null;

  constructor(options: KafkaLogOptions) {
    const { partition, role, writes, follows, clock } = options;
    this.#options = options;
    this.partition = partition;
    this.#trouble = new Trouble(partition, options.logger);
    const names = topics.map((topic) => topicName(options, topic));
    const states = writerRoles.map((writer) => stateTopicName(options, writer));
    this.#fetcher = new Fetcher(options, [...names, ...states]);
    for (const topic of [...writes, ...follows]) {
      const place = { topic: topicName(options, topic), partition };
      this.#shelves.set(topic, new Shelf(place, this.#fetcher));
    }
    if (role === null) return;
    const shelves = new Map(writes.map((topic) => [topic, this.#shelf(topic)]));
    const onWritten = (): void => this.#growth.grow();
    const common = { cluster: options, role, partition, fetcher: this.#fetcher, clock };
    const trouble = this.#trouble;
    this.#writer = new KafkaWriter({ ...common, shelves, onWritten, trouble });
  }

  async open(): Promise<void> {
    const { follows } = this.#options;
    const states = logRoles.map((role) => stateTopicName(this.#options, role));
    const names = [...topics.map((topic) => topicName(this.#options, topic)), ...states];
    const ids: string[] = [];
    for (const name of names) ids.push(await this.#fetcher.topicId(name));
    this.#epoch = epochOf(ids);
    await this.#writer?.open();
    for (const topic of follows) await this.#shelf(topic).open();
    this.#following = Promise.all(follows.map((topic) => this.#follow(this.#shelf(topic))));
    this.#growth.grow();
  }

  get epoch(): string {
    return this.#epoch;
  }

  async commit(transaction: Transaction): Promise<readonly number[]> {
    return await this.#written.commit(transaction);
  }

  enclose(messages: readonly Enclosed[]): void {
    this.#written.enclose(messages);
  }

  async need(needs: Needs): Promise<void> {
    await this.#written.need(needs);
  }

  async neededBy(role: 'engine' | 'publish'): Promise<Needs | null> {
    const place = { topic: stateTopicName(this.#options, role), partition: this.partition };
    const what = `what ${role} needs cannot be read`;
    return await this.#reachable(what, async () => {
      try {
        return await needsAt(this.#fetcher, place);
      } catch (error) {
        // Who deletes what a role remembers has given it up.
        if (isUnknownTopic(error)) return null;
        throw error;
      }
    });
  }

  get #written(): KafkaWriter {
    if (!this.#writer) throw new TypeError('this log was opened for reading');
    if (this.#failure) throw this.#failure;
    return this.#writer;
  }

  async read(topic: Topic, offset: number, bytesMax: number): Promise<ReadResult> {
    const shelf = this.#shelf(topic);
    return await this.#reachable('the log cannot be read', () => shelf.read(offset, bytesMax));
  }

  range(topic: Topic): { readonly start: number; readonly end: number } {
    const { start, end } = this.#shelf(topic).reach;
    return { start, end };
  }

  async grown(generation: number, signal?: AbortSignal): Promise<number> {
    return await this.#growth.since(generation, signal);
  }

  async state(key: string): Promise<Uint8Array | null> {
    return this.#writer?.state.get(key) ?? null;
  }

  async *states(prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
    yield* this.#writer?.state.withPrefix(prefix) ?? [];
  }

  async stateKeys(from: string, to: string, max: number): Promise<readonly string[]> {
    return this.#writer?.state.keys(from, to).take(max).toArray() ?? [];
  }

  /** Kafka keeps the newest message of each topic: it says where the topic ends. */
  async trim(retention: Retention): Promise<number> {
    return await this.#reachable('retention failed', async () => {
      const staying = new Map<Topic, PlacedBatch | null>();
      const starts = new Map<Topic, number>();
      let records = 0;
      for (const [topic, shelf] of this.#shelves) {
        const { start, end, bytes } = shelf.reach;
        if (start === end) continue;
        const stays = await shelf.firstStaying(isFree(retention, topic, bytes));
        const from = stays?.offset ?? end;
        if (from <= start) continue;
        starts.set(topic, from);
        staying.set(topic, stays);
        records += from - start;
      }
      if (starts.size > 0) await this.#drop(starts, staying);
      return records;
    });
  }

  /** Batches are withdrawn before they go, so that a reader who misses them knows why. */
  async #drop(
    starts: ReadonlyMap<Topic, number>,
    staying: ReadonlyMap<Topic, PlacedBatch | null>,
  ): Promise<void> {
    const { writes, partition } = this.#options;
    for (const [topic, start] of starts)
      this.#shelf(topic).withdraw(start, staying.get(topic) ?? null);
    await this.#writer?.begin(new Map([...starts].filter(([topic]) => writes.includes(topic))));
    const deleted = [...staying].flatMap(([topic, stays]) => {
      const shelf = this.#shelf(topic);
      const offset = shelf.deletable(stays);
      return offset === null ? [] : [{ shelf, offset }];
    });
    if (deleted.length === 0) return;
    const admin = new Admin(connection(this.#options));
    try {
      await admin.deleteRecords({
        topics: deleted.map(({ shelf, offset }) => {
          return { name: shelf.place.topic, partitions: [{ partition, offset: BigInt(offset) }] };
        }),
      });
    } finally {
      await admin.close();
    }
    for (const { shelf, offset } of deleted) shelf.begun(offset);
  }

  stats(): LogStats {
    const held = [...this.#shelves.values()].map((shelf) => shelf.bytesHeld);
    return {
      commits: this.#writer?.commits ?? 0,
      commitMs: this.#writer?.takeCommitMs() ?? [],
      bytesOnDisk: held.reduce((sum, bytes) => sum + bytes, 0),
      damagedBatches: 0,
      trouble: this.#failure ?? this.#trouble.now,
    };
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#writer?.close();
    this.#closed.abort();
    this.#growth.end();
    await Promise.all([this.#fetcher, ...this.#followers].map((fetcher) => fetcher.close()));
    await this.#following;
  }

  /** Shows what others append, as it becomes durable. */
  async #follow(shelf: Shelf): Promise<void> {
    const { clock } = this.#options;
    const { topic } = shelf.place;
    const fetcher = new Fetcher(this.#options, [shelf.place.topic]);
    this.#followers.push(fetcher);
    const { signal } = this.#closed;
    const limits = { bytesMax: tailBytes, waitMs: tailWaitMs };
    for (let next = shelf.behind; !signal.aborted; ) {
      try {
        const fetched = await fetcher.fetch(shelf.place, next, limits);
        for (const message of fetched.messages) shelf.follow(batchOf(message));
        next = fetched.next;
        this.#trouble.end(topic);
        if (fetched.messages.length > 0) this.#growth.grow();
      } catch (error) {
        if (signal.aborted) return;
        const failure = clusterFailure(this.#options, `${topic} cannot be followed`, error);
        if (!failure.kind.retryable) return this.#fail(failure);
        this.#trouble.begin(topic, failure);
        await clock.wait(retryMs, signal);
      }
    }
  }

  /** For good: who sleeps wakes to read, and is told. */
  #fail(failure: Failure): void {
    this.#failure ??= failure;
    this.#trouble.begin('the log', failure);
    this.#growth.grow();
  }

  #shelf(topic: Topic): Shelf {
    const shelf = this.#shelves.get(topic);
    if (!shelf) throw new TypeError(`this log was opened without ${topic}`);
    return shelf;
  }

  async #reachable<T>(what: string, act: () => Promise<T>): Promise<T> {
    if (this.#closed.signal.aborted) throw closedFailure();
    if (this.#failure) throw this.#failure;
    try {
      return await act();
    } catch (error) {
      if (this.#closed.signal.aborted) throw closedFailure();
      throw clusterFailure(this.#options, what, error);
    }
  }
}

/** Whether retention lets a batch of a topic go that has had so many bytes, ever. */
function isFree(
  { before, bytesMax, keepFrom }: Retention,
  topic: Topic,
  bytes: number,
): (batch: PlacedBatch) => boolean {
  const kept = keepFrom(topic);
  return ({ offset, count, timeMs, bytesBefore }) => {
    if (offset + count > kept) return false;
    const isOld = before !== undefined && timeMs * 1000 < before;
    return isOld || (bytesMax !== undefined && bytes - bytesBefore > bytesMax);
  };
}

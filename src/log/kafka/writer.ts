// The writing half, for one role: each group of commits is one Kafka transaction over its topics
// and its state. Invariant: a transaction's message `reach` says its number and how far each topic
// then reaches, so that after any failure it can be found out whether it was committed, and offsets
// are never given twice. Who opens the same partition in the same role later takes over: the
// servers then refuse what this one writes.

import { Producer } from '@platformatic/kafka';
import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { GroupCommit } from '../group-commit.ts';
import type { Append, StateWrite, Topic, Transaction } from '../log.ts';
import type { Enclosed, Needs } from '../shard-log.ts';
import {
  type ClusterOptions,
  closedFailure,
  clusterFailure,
  connection,
  isTakenOver,
  stateTopicName,
  takenOverFailure,
  topicName,
  transactionalId,
  type WriterRole,
} from './cluster.ts';
import type { Fetcher, Place } from './fetcher.ts';
import { headersOf, type KafkaMessage, type PlacedBatch } from './messages.ts';
import type { Reach, Shelf } from './shelf.ts';
import { State } from './state.ts';
import type { Trouble } from './trouble.ts';

export interface WriterOptions {
  readonly cluster: ClusterOptions;
  readonly role: WriterRole;
  readonly partition: number;
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  /** Of the topics that the role writes. */
  readonly shelves: ReadonlyMap<Topic, Shelf>;
  /** Told after each transaction. */
  readonly onWritten: () => void;
  readonly trouble: Trouble;
}

interface Pending {
  readonly appends: readonly Append[];
  readonly state: readonly StateWrite[];
  /** Where topics begin from now on. */
  readonly starts: ReadonlyMap<Topic, number>;
  /** What the role needs from now on; null: as before. */
  readonly needs: Needs | null;
  readonly patienceMs: number;
  readonly resolve: (offsets: readonly number[]) => void;
  readonly reject: (failure: Failure) => void;
}

/** What the message `reach` holds. */
interface Reached {
  /** The transaction's number. */
  readonly commit: number;
  readonly topics: Readonly<Partial<Record<Topic, Reach>>>;
  readonly needs?: Needs;
}

interface Message extends Enclosed {
  readonly headers?: Map<Buffer, Buffer>;
  readonly timestamp: bigint;
}

/** A batch on its way, whose place Kafka will say. */
type SentBatch = Omit<PlacedBatch, 'kafkaOffset'> & { kafkaOffset: number };

interface Plan {
  readonly messages: readonly Message[];
  readonly enclosed: readonly Enclosed[];
  /** Of each caller's appends. */
  readonly offsets: readonly (readonly number[])[];
  readonly batches: readonly { readonly topic: Topic; readonly batch: SentBatch }[];
  readonly reached: Reached;
}

const statePrefix = 'state ';
const reachKey = 'reach';
const troubled = 'writer';
/** Of one request, before compression. */
const requestBytesMax = 4 * 2 ** 20;
/** The same of messages to other topics: below what a server takes unless told otherwise. */
const enclosedBytesMax = 900_000;
const stateFetchBytes = 4 * 2 ** 20;
const retryMsMin = 100;
const retryMsMax = 5_000;
const commitMsMax = 10_000;
/** What is asked takes milliseconds; a server that is silent for so long is asked anew. */
const requestMsMax = 10_000;
/** So long a commit may take before it is told of. */
const slowMs = 5_000;
/** How long closing waits for a commit. */
const closingMs = 5_000;
/** For `InitProducerId`: whoever wrote before, it is taken over. */
const fromAnybody = { producerId: -1n, producerEpoch: -1 };

type KafkaProducer = Producer<Buffer, Buffer, Buffer, Buffer>;

export class KafkaWriter {
  readonly state = new State();
  readonly #options: WriterOptions;
  readonly #statePlace: Place;
  readonly #producer: KafkaProducer;
  readonly #groups: GroupCommit<Pending>;
  readonly #closing = new AbortController();
  #reached: Reached = { commit: 0, topics: {} };
  /** What the next transaction sends beside. */
  #enclosed: readonly Enclosed[] = [];
  /** Up to where all that the topic of the state holds is known. */
  #stateNext = 0;
  #dead: Failure | null = null;
  #commits = 0;
  #commitMs: number[] = [];

  constructor(options: WriterOptions) {
    const { cluster, role, partition, clock } = options;
    this.#options = options;
    this.#statePlace = { topic: stateTopicName(cluster, role), partition };
    this.#producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      ...connection(cluster),
      requestTimeout: requestMsMax,
      idempotent: true,
      transactionalId: transactionalId(cluster, role, partition),
      compression: 'zstd',
    });
    this.#groups = new GroupCommit<Pending>(clock, bytesOf, (group) => this.#write(group));
  }

  /** Takes over, and reads the state: all earlier transactions are decided by then. */
  async open(): Promise<void> {
    const transaction = await this.#producer.beginTransaction(fromAnybody);
    await transaction.cancel();
    this.#stateNext = await this.#options.fetcher.begin(this.#statePlace);
    await this.#readState((write) => this.state.set(write));
    for (const [topic, shelf] of this.#options.shelves)
      await shelf.open(this.#reached.topics[topic]);
  }

  get commits(): number {
    return this.#commits;
  }

  /** Milliseconds of the transactions since the last call, at most the newest 10,000. */
  takeCommitMs(): readonly number[] {
    const taken = this.#commitMs;
    this.#commitMs = [];
    return taken;
  }

  async commit({ appends = [], state = [], patienceMs = 0 }: Transaction) {
    return await this.#submit({ appends, state, patienceMs, starts: new Map(), needs: null });
  }

  /** Until a transaction has sent them they wait for the next. */
  enclose(messages: readonly Enclosed[]): void {
    this.#enclosed = [...this.#enclosed, ...messages];
  }

  /** Remembers where topics begin. */
  async begin(starts: ReadonlyMap<Topic, number>): Promise<void> {
    await this.#submit({ appends: [], state: [], patienceMs: 0, starts, needs: null });
  }

  /** Remembers what the role needs, for others to ask. */
  async need(needs: Needs): Promise<void> {
    await this.#submit({ appends: [], state: [], patienceMs: 0, starts: new Map(), needs });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#groups.hurry();
    const done = new AbortController();
    const late = this.#options.clock.wait(closingMs, done.signal);
    await Promise.race([this.#groups.done(), late]);
    done.abort();
    // What waits for a server that is silent fails then.
    await this.#producer.close(true);
    await this.#groups.done();
  }

  async #submit(wanted: Omit<Pending, 'resolve' | 'reject'>): Promise<readonly number[]> {
    if (this.#closing.signal.aborted) throw closedFailure();
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
    this.#groups.add({ ...wanted, resolve, reject });
    return await promise;
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const plan = this.#planOf(group);
    const failure = this.#dead ?? (await this.#transact(plan));
    if (failure) {
      for (const { reject } of group) reject(failure);
      return;
    }
    if (plan.messages.length > 0) this.#show(plan, group);
    for (const [index, { resolve }] of group.entries()) resolve(plan.offsets[index]!);
  }

  /** Null once it is durable. */
  async #transact({ messages, enclosed, batches, reached }: Plan): Promise<Failure | null> {
    if (messages.length === 0) return null;
    const startedAt = this.#options.clock.now();
    const answered = new AbortController();
    void this.#tellSlow(answered.signal);
    try {
      const transaction = await this.#producer.beginTransaction();
      let sent = 0;
      let stateNext = this.#stateNext;
      for (const request of requestsOf(enclosed, enclosedBytesMax)) {
        await transaction.send({ messages: request });
      }
      for (const request of requestsOf(messages, requestBytesMax)) {
        const { offsets = [] } = await transaction.send({ messages: request });
        const next = new Map(offsets.map(({ topic, offset }) => [topic, Number(offset)]));
        // Batches are the first of all messages.
        for (const { topic } of request) {
          const kafkaOffset = next.get(topic)!;
          next.set(topic, kafkaOffset + 1);
          if (topic === this.#statePlace.topic) stateNext = kafkaOffset + 1;
          if (sent < batches.length) batches[sent]!.batch.kafkaOffset = kafkaOffset;
          sent += 1;
        }
      }
      await transaction.commit();
      this.#stateNext = stateNext;
    } catch (error) {
      const failure = await this.#settle(reached.commit, error);
      if (failure) return failure;
    } finally {
      answered.abort();
    }
    this.#options.trouble.end(troubled);
    this.#commits += 1;
    this.#commitMs.push((this.#options.clock.now() - startedAt) / 1000);
    if (this.#commitMs.length > commitMsMax) this.#commitMs.shift();
    return null;
  }

  async #tellSlow(answered: AbortSignal): Promise<void> {
    const { cluster, clock, trouble } = this.#options;
    await clock.wait(slowMs, answered);
    if (answered.aborted) return;
    const silence = new Error(`no answer for ${slowMs / 1000} s`);
    trouble.begin(troubled, clusterFailure(cluster, 'a commit waits', silence));
  }

  /** Finds out whether a transaction that failed was committed after all; null when it was. */
  async #settle(commit: number, cause: unknown): Promise<Failure | null> {
    const { cluster, role, partition, clock, trouble } = this.#options;
    let error = cause;
    for (let waitMs = retryMsMin; ; waitMs = Math.min(2 * waitMs, retryMsMax)) {
      if (isTakenOver(error)) {
        this.#dead = takenOverFailure(role, partition, error);
        return this.#dead;
      }
      if (error instanceof Failure) {
        this.#dead = error;
        return error;
      }
      // What became of it the next opening will know.
      if (this.#closing.signal.aborted) return closedFailure();
      trouble.begin(troubled, clusterFailure(cluster, 'a commit waits', error));
      try {
        await this.#renew();
        let newest = this.#reached.commit;
        await this.#readState(
          () => undefined,
          (reached) => (newest = reached.commit),
        );
        if (newest === commit) return null;
        return clusterFailure(cluster, 'a commit failed', cause);
      } catch (failed) {
        error = failed;
        await clock.wait(waitMs, this.#closing.signal);
      }
    }
  }

  /** Ends what is open of ours, unless another has taken over; then it throws. */
  async #renew(): Promise<void> {
    const producer = this.#producer;
    const { producerId, producerEpoch } = producer;
    if (producerId === undefined || producerEpoch === undefined) throw new Error('not begun yet');
    await producer.transaction?.cancel();
    const transaction = await producer.beginTransaction();
    await producer.initIdempotentProducer({ producerId, producerEpoch });
    await transaction.cancel();
  }

  /** Makes what is durable seen by the readers of this log. */
  #show({ enclosed, batches, reached }: Plan, group: readonly Pending[]): void {
    const { shelves, onWritten } = this.#options;
    this.#reached = reached;
    this.#enclosed = this.#enclosed.slice(enclosed.length);
    for (const { topic, batch } of batches) shelves.get(topic)!.add(batch);
    for (const { state } of group) {
      for (const write of state) this.state.set(write);
    }
    onWritten();
  }

  #planOf(group: readonly Pending[]): Plan {
    const { clock, cluster, partition, shelves } = this.#options;
    const timestamp = BigInt(Math.floor(clock.now() / 1000));
    const reaches = new Map([...shelves].map(([topic, shelf]) => [topic, shelf.reach]));
    const messages: Message[] = [];
    const batches: { topic: Topic; batch: SentBatch }[] = [];
    const state = new Map<string, Uint8Array | null>();
    const append = (one: Append): number => {
      const { topic, count, bytes } = one;
      const { start, end: offset, bytes: bytesBefore } = reachOf(reaches, topic);
      const headers = headersOf(one, offset, bytesBefore);
      const value = asBuffer(bytes);
      messages.push({ topic: topicName(cluster, topic), partition, value, headers, timestamp });
      const timeMs = Number(timestamp);
      // Readers of this log get a copy: the bytes are the caller's.
      const own = Uint8Array.from(bytes);
      const batch = { offset, count, bytes: own, bytesBefore, kafkaOffset: Number.NaN, timeMs };
      batches.push({ topic, batch });
      reaches.set(topic, { start, end: offset + count, bytes: bytesBefore + bytes.length });
      return offset;
    };
    const offsets = group.map(({ appends, state: writes, starts }) => {
      for (const { key, value } of writes) state.set(key, value);
      for (const [topic, start] of starts)
        reaches.set(topic, { ...reachOf(reaches, topic), start });
      return appends.map(append);
    });
    const needs = group.findLast((one) => one.needs)?.needs ?? this.#reached.needs ?? {};
    const reached: Reached = {
      commit: this.#reached.commit + 1,
      topics: Object.fromEntries(reaches),
      needs,
    };
    const isEmpty = group.every(
      ({ appends, state: writes, starts, needs: said }) =>
        appends.length + writes.length + starts.size === 0 && said === null,
    );
    if (!isEmpty) {
      const keyed = (key: string, value: Uint8Array | null): Message => {
        const tombstone = { ...this.#statePlace, key: Buffer.from(key), timestamp };
        return value === null ? tombstone : { ...tombstone, value: asBuffer(value) };
      };
      for (const [key, value] of state) messages.push(keyed(statePrefix + key, value));
      messages.push(keyed(reachKey, Buffer.from(JSON.stringify(reached))));
    }
    // They belong to what moves a position, which is state.
    const enclosed = state.size > 0 ? this.#enclosed : [];
    return { messages, enclosed, offsets, batches, reached };
  }

  /** Reads on in the topic of the state, to its end. */
  async #readState(
    onWrite: (write: StateWrite) => void,
    onReached: (reached: Reached) => void = (reached) => {
      this.#reached = reached;
    },
  ): Promise<void> {
    const { fetcher } = this.#options;
    const limits = { bytesMax: stateFetchBytes, waitMs: 500 };
    const end = await fetcher.end(this.#statePlace);
    // Where the topic ends before what was committed, fetching says so.
    if (end < this.#stateNext) await fetcher.fetch(this.#statePlace, this.#stateNext, limits);
    while (this.#stateNext < end) {
      const { messages, next } = await fetcher.fetch(this.#statePlace, this.#stateNext, limits);
      for (const { key, value } of messages as readonly KafkaMessage[]) {
        const name = key?.toString() ?? '';
        if (name === reachKey && value) onReached(JSON.parse(value.toString()) as Reached);
        else if (name.startsWith(statePrefix))
          onWrite({ key: name.slice(statePrefix.length), value });
      }
      this.#stateNext = next;
    }
  }
}

/** What a role said last that it needs of a partition; null when it never wrote there. */
export async function needsAt(fetcher: Fetcher, place: Place): Promise<Needs | null> {
  const [begin, end] = [await fetcher.begin(place), await fetcher.end(place)];
  const limits = { bytesMax: stateFetchBytes, waitMs: 500 };
  // It is the last message of each transaction.
  for (let back = 16; ; back *= 16) {
    const from = Math.max(begin, end - back);
    let newest: Reached | null = null;
    for (let next = from; next < end; ) {
      const fetched = await fetcher.fetch(place, next, limits);
      for (const { key, value } of fetched.messages) {
        if (key?.toString() === reachKey && value) newest = JSON.parse(value.toString()) as Reached;
      }
      next = fetched.next;
    }
    if (newest) return newest.needs ?? {};
    if (from === begin) return null;
  }
}

function reachOf(reaches: ReadonlyMap<Topic, Reach>, topic: Topic): Reach {
  const reach = reaches.get(topic);
  if (!reach) throw new TypeError(`this role does not write ${topic}`);
  return reach;
}

function* requestsOf<M extends Enclosed>(messages: readonly M[], bytesMax: number): Generator<M[]> {
  let request: M[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = (message.key?.length ?? 0) + (message.value?.length ?? 0);
    if (request.length > 0 && bytes + size > bytesMax) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(message);
    bytes += size;
  }
  if (request.length > 0) yield request;
}

function bytesOf({ appends, state }: Pending): number {
  const batches = appends.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return batches + state.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

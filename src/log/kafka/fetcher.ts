// Fetches of committed messages, one at a time over a connection of its own: a fetch that waits for
// news holds up whatever shares its connection.

import { Consumer, type ConsumerOptions } from '@platformatic/kafka';
import { type ClusterOptions, connection, isSaid } from './cluster.ts';
import { committed, endOf, type KafkaMessage } from './messages.ts';

/** A partition of a topic of Kafka's. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export interface Fetched {
  readonly messages: readonly KafkaMessage[];
  /** Kafka's offset to fetch on from. */
  readonly next: number;
}

export interface FetchLimits {
  /** Compressed, and at least one batch of Kafka's. */
  readonly bytesMax: number;
  /** How long to wait for a message when there is none. */
  readonly waitMs: number;
}

const readCommitted = 1;
const earliest = -2n;
const latest = -1n;

export class Fetcher {
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;
  #turn: Promise<unknown> = Promise.resolve();

  /** `topics` is all that will be fetched from. */
  constructor(options: ClusterOptions, topics: readonly string[]) {
    // The name of a group is asked for, though none is joined.
    const settings: ConsumerOptions<Buffer, Buffer, Buffer, Buffer> = {
      ...connection(options),
      groupId: options.clientId,
    };
    this.#consumer = new Consumer(settings);
    this.#consumer.topics.trackAll(...topics);
  }

  /** The cluster's name for the life of a topic. */
  async topicId(topic: string): Promise<string> {
    const { topics } = await this.#consumer.metadata({ topics: [topic] });
    const found = topics.get(topic);
    if (!found) throw new Error(`there is no topic ${topic}`);
    return found.id;
  }

  /** Kafka's offset of the first message there is; before which there may be marks only. */
  async begin(place: Place): Promise<number> {
    return await this.#offset(place, earliest);
  }

  /** Kafka's offset up to which all is decided. */
  async end(place: Place): Promise<number> {
    return await this.#offset(place, latest);
  }

  async fetch(place: Place, offset: number, limits: FetchLimits): Promise<Fetched> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      return await this.#fetch(place, offset, limits);
    } catch (error) {
      if (!isSaid(error, 'OFFSET_OUT_OF_RANGE')) throw error;
      // Retention was quicker.
      const begin = await this.begin(place);
      if (begin <= offset) throw error;
      return { messages: [], next: begin };
    } finally {
      resolve();
    }
  }

  async close(): Promise<void> {
    await this.#consumer.close(true);
  }

  async #fetch(
    { topic, partition }: Place,
    offset: number,
    { bytesMax, waitMs }: FetchLimits,
  ): Promise<Fetched> {
    const { topics } = await this.#consumer.metadata({ topics: [topic] });
    const found = topics.get(topic);
    const node = found?.partitions[partition]?.leader;
    if (!found || node === undefined)
      throw new Error(`there is no partition ${partition} of ${topic}`);
    const wanted = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: -1,
      partitionMaxBytes: bytesMax,
    };
    const { responses } = await this.#consumer.fetch({
      node,
      topics: [{ topicId: found.id, partitions: [wanted] }],
      isolationLevel: readCommitted,
      minBytes: 1,
      maxBytes: bytesMax,
      maxWaitTime: waitMs,
    });
    const fetched = responses[0]?.partitions[0];
    const last = fetched?.records?.at(-1);
    if (!fetched || !last) return { messages: [], next: offset };
    const messages = [...committed(fetched)].filter((message) => message.offset >= offset);
    return { messages, next: Math.max(offset, endOf(last)) };
  }

  async #offset({ topic, partition }: Place, timestamp: bigint): Promise<number> {
    const offsets = await this.#consumer.listOffsets({
      topics: [topic],
      partitions: { [topic]: [partition] },
      timestamp,
      isolationLevel: readCommitted,
    });
    const offset = offsets.get(topic)?.[partition];
    if (offset === undefined) throw new Error(`there is no partition ${partition} of ${topic}`);
    return Number(offset);
  }
}

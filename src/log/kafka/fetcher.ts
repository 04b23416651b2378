// Fetches of committed messages, one at a time over a connection of its own: a fetch that waits for
// news holds up whatever shares its connection.

import {
  Consumer,
  type ConsumerOptions,
  fetchV11,
  fetchV12,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
} from '@platformatic/kafka';
import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
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
  /** What was asked for is gone: the topic begins at `next`. */
  readonly isGone?: boolean;
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
const triesMax = 6;
const retryMs = 100;
const fetchVersions = [
  fetchV17,
  fetchV16,
  fetchV15,
  fetchV14,
  fetchV13,
  fetchV12,
  fetchV11,
] as const;
/** Earlier ones name topics. */
const firstWithTopicIds = 13;

/** Only messages that were committed are ever asked for, so all of them have been there. */
export function olderData({ topic, partition }: Place, cause?: unknown): Failure {
  return new Failure(
    'data-folder-unusable',
    `Kafka has older data than it had: ${topic}, partition ${partition}, ends before what was read`,
    'Restore the newest copy of its data. Without one Tapeline goes on from what is there.',
    { cause },
  );
}

export class Fetcher {
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;
  readonly #clock: Clock;
  #api: Promise<typeof fetchV17.api> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  /** `topics` is all that will be fetched from. */
  constructor(options: ClusterOptions & { readonly clock: Clock }, topics: readonly string[]) {
    this.#clock = options.clock;
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

  /** Rejects with Failure `data-folder-unusable` when the topic ends before `offset`. */
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
      if (begin <= offset) throw olderData(place, error);
      return { messages: [], next: begin, isGone: true };
    } finally {
      resolve();
    }
  }

  async close(): Promise<void> {
    await this.#consumer.close(true);
  }

  /** Tries again where that may help: a partition may just have moved to another server. */
  async #fetch(place: Place, offset: number, limits: FetchLimits): Promise<Fetched> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#fetchOnce(place, offset, limits);
      } catch (error) {
        const isFinal = isSaid(error, 'OFFSET_OUT_OF_RANGE') || this.#consumer.closed;
        if (isFinal || tries === triesMax) throw error;
        this.#consumer.clearMetadata();
        await this.#clock.wait(retryMs * tries);
      }
    }
  }

  /**
   * Asks by the protocol's own request. The client's `fetch` would also leave out what lies between
   * an aborted transaction and the mark of a later one that wrote nothing, committed or not.
   */
  async #fetchOnce(
    { topic, partition }: Place,
    offset: number,
    { bytesMax, waitMs }: FetchLimits,
  ): Promise<Fetched> {
    const { topics } = await this.#consumer.metadata({ topics: [topic] });
    const found = topics.get(topic);
    const leader = found?.partitions[partition]?.leader;
    if (!found || leader === undefined) {
      throw new Error(`there is no partition ${partition} of ${topic}`);
    }
    const connection = (await this.#consumer.connectToBrokers([leader])).get(leader);
    if (!connection) throw new Error(`the server ${leader} is not known`);
    const api = await this.#fetchApi();
    const wanted = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: -1,
      partitionMaxBytes: bytesMax,
    };
    const topicId = api.version < firstWithTopicIds ? topic : found.id;
    const asked = [{ topicId, partitions: [wanted] }];
    const session = [0, -1] as const;
    const { responses } = await api.async(
      connection,
      waitMs,
      1,
      bytesMax,
      readCommitted,
      ...session,
      asked,
      [],
      '',
    );
    const fetched = responses[0]?.partitions[0];
    const last = fetched?.records?.at(-1);
    if (!fetched || !last) return { messages: [], next: offset };
    const messages = [...committed(fetched)].filter((message) => message.offset >= offset);
    return { messages, next: Math.max(offset, endOf(last)) };
  }

  /** The newest version of the request that the servers know too. */
  async #fetchApi(): Promise<typeof fetchV17.api> {
    this.#api ??= (async () => {
      const spoken = (await this.#consumer.listApis()).find(({ name }) => name === 'Fetch');
      const known = fetchVersions.find(({ api: { version } }) => {
        return spoken && spoken.minVersion <= version && version <= spoken.maxVersion;
      });
      if (!known) throw new Error('the servers speak none of the versions of Fetch known here');
      return known.api as typeof fetchV17.api;
    })();
    try {
      return await this.#api;
    } catch (error) {
      this.#api = null;
      throw error;
    }
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

// The cluster as a log sees it: how to reach it, what its topics are called, and what is said when
// it does not answer. Topics are made by whoever comes first, with what the log needs of them:
// nothing leaves one by itself (`trim` knows what is still needed), and state is compacted.

import { createHash } from 'node:crypto';
import { Admin, type BaseOptions, findErrorBy } from '@platformatic/kafka';
import { systemClock } from '../../base/clock.ts';
import { Failure, messageOf } from '../../base/failure.ts';
import { type Topic, topics } from '../log.ts';

export interface ClusterOptions {
  /** `host:port` of some of its servers. */
  readonly bootstrapServers: readonly string[];
  /** Tells us from others in the servers' own logs. */
  readonly clientId: string;
  /** What the names of all topics and transactions begin with. */
  readonly prefix: string;
}

/** The roles that write topics of the log. */
export const logRoles = ['ingest', 'engine'] as const;
/** The roles that write at all, each with state of its own. */
export const writerRoles = [...logRoles, 'publish'] as const;
export type WriterRole = (typeof writerRoles)[number];

/** Of one message, compressed: a batch of a replay is a few megabytes. */
const messageBytesMax = 16 * 2 ** 20;
const stateSegmentBytes = 32 * 2 ** 20;
const knownTriesMax = 10;
const knownWaitMs = 300;

export function topicName({ prefix }: ClusterOptions, topic: Topic): string {
  return `${prefix}.${topic}`;
}

export function stateTopicName({ prefix }: ClusterOptions, role: WriterRole): string {
  return `${prefix}.state.${role}`;
}

export function transactionalId(
  { prefix }: ClusterOptions,
  role: WriterRole,
  partition: number,
): string {
  return `${prefix}-${role}-${partition}`;
}

/** What every client of the cluster is made with. */
export function connection({ bootstrapServers, clientId }: ClusterOptions): BaseOptions {
  return {
    clientId,
    bootstrapBrokers: [...bootstrapServers],
    timeout: 15_000,
    retries: 8,
    retryDelay: (_client, _operation, attempt) => Math.min(10 * 2 ** (attempt - 1), 500),
    metadataMaxAge: 60_000,
  };
}

/** Makes topics that are not there. Rejects with Failure `bad-configuration` when they differ. */
export async function createTopics(options: ClusterOptions, partitions: number): Promise<void> {
  const admin = new Admin(connection(options));
  try {
    const names = topics.map((topic) => topicName(options, topic));
    const states = writerRoles.map((role) => stateTopicName(options, role));
    const limit = { name: 'max.message.bytes', value: String(messageBytesMax) };
    await make(admin, names, partitions, [
      limit,
      { name: 'cleanup.policy', value: 'delete' },
      { name: 'retention.ms', value: '-1' },
      { name: 'retention.bytes', value: '-1' },
      { name: 'compression.type', value: 'producer' },
    ]);
    await make(admin, states, partitions, [
      limit,
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'segment.bytes', value: String(stateSegmentBytes) },
      { name: 'compression.type', value: 'producer' },
    ]);
    for (const [name, partitionsCount] of await partitionsOf(admin, [...names, ...states])) {
      if (partitionsCount === partitions) continue;
      throw new Failure(
        'bad-configuration',
        `The topic ${name} has ${partitionsCount} partitions; KAFKA_PARTITIONS is ${partitions}.`,
        `Set KAFKA_PARTITIONS to ${partitionsCount}: more would part symbols from their past.`,
      );
    }
  } catch (error) {
    throw clusterFailure(options, 'the topics cannot be made', error);
  } finally {
    await admin.close();
  }
}

/** By topic. One that was just made is not known to every server at once. */
async function partitionsOf(admin: Admin, names: string[]): Promise<Map<string, number>> {
  for (let tries = 1; ; tries++) {
    try {
      const { topics: made } = await admin.metadata({ topics: names });
      return new Map([...made].map(([name, { partitionsCount }]) => [name, partitionsCount]));
    } catch (error) {
      if (tries === knownTriesMax) throw error;
      await systemClock.wait(knownWaitMs);
    }
  }
}

type TopicConfigs = NonNullable<Parameters<Admin['createTopics']>[0]['configs']>;

async function make(
  admin: Admin,
  names: readonly string[],
  partitions: number,
  configs: TopicConfigs,
): Promise<void> {
  const present = new Set(await admin.listTopics());
  for (const name of names.filter((one) => !present.has(one))) {
    try {
      await admin.createTopics({ topics: [name], partitions, configs });
    } catch (error) {
      // Another process was faster.
      if (!isSaid(error, 'TOPIC_ALREADY_EXISTS')) throw error;
    }
  }
}

/** Another when any topic was deleted and made again: offsets then count anew. */
export function epochOf(topicIds: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const id of topicIds) hash.update(id);
  return hash.digest('base64url').slice(0, 22);
}

/** Whether a server answered with this error of Kafka's protocol. */
export function isSaid(error: unknown, id: string): boolean {
  return error instanceof Error && findErrorBy(error, 'apiId', id) !== null;
}

/** Kafka's ways of saying that a newer writer has taken over. */
const takenOver = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'];

export function isTakenOver(error: unknown): boolean {
  return takenOver.some((id) => isSaid(error, id));
}

export function clusterFailure(options: ClusterOptions, what: string, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const servers = options.bootstrapServers.join(', ');
  return new Failure(
    'log-unavailable',
    `Kafka at ${servers}: ${what}: ${reasonOf(cause)}`,
    'Check that these servers run and can be reached, and KAFKA_BOOTSTRAP_SERVERS.',
    { cause },
  );
}

export function takenOverFailure(role: WriterRole, partition: number, cause?: unknown): Failure {
  return new Failure(
    'log-taken-over',
    `another process writes partition ${partition} of the log as ${role} now`,
    'Nothing: this one stops writing it. Start each process with an id of its own if it recurs.',
    { cause },
  );
}

export function closedFailure(): Failure {
  return new Failure('log-unavailable', 'the log is closed', 'Open the log again.');
}

/** The innermost reason: the client wraps what the servers said. */
function reasonOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors.at(-1) : undefined;
  return inner === undefined ? messageOf(error) : reasonOf(inner);
}

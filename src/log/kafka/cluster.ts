// The cluster as a log sees it: how to reach it, what its topics are called, and what is said when
// it does not answer. Topics are made by whoever comes first, with what the log needs of them:
// nothing leaves one by itself (`trim` knows what is still needed), and state is compacted.

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
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
  /** In the clear and as nobody without. */
  readonly security?: Security;
}

export interface Security {
  /** `ca`: who is trusted to vouch for servers, PEM; null: whom this machine trusts. */
  readonly tls: { readonly ca: string | null } | null;
  readonly sasl: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  } | null;
}

/** Where servers are, and how to be let in. */
export type Servers = Pick<ClusterOptions, 'bootstrapServers' | 'clientId' | 'security'>;

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
export function connection({ bootstrapServers, clientId, security }: Servers): BaseOptions {
  return {
    clientId,
    bootstrapBrokers: [...bootstrapServers],
    timeout: 15_000,
    retries: 8,
    retryDelay: (_client, _operation, attempt) => Math.min(10 * 2 ** (attempt - 1), 500),
    metadataMaxAge: 60_000,
    ...(security ? securityOf(security, bootstrapServers) : {}),
  };
}

function securityOf({ tls, sasl }: Security, servers: readonly string[]) {
  // Servers behind one address are told apart by name, which an address is none.
  const areNamed = servers.every((server) => isIP(server.slice(0, server.lastIndexOf(':'))) === 0);
  const secure = tls && {
    tls: tls.ca === null ? {} : { ca: tls.ca },
    ...(areNamed ? { tlsServerName: true } : {}),
  };
  return { ...secure, ...(sasl ? { sasl } : {}) };
}

/** Makes topics that are not there. Rejects with Failure `bad-configuration` when they differ. */
export async function createTopics(options: ClusterOptions, partitions: number): Promise<void> {
  const admin = new Admin(connection(options));
  try {
    const names = topics.map((topic) => topicName(options, topic));
    const states = writerRoles.map((role) => stateTopicName(options, role));
    const limit = { name: 'max.message.bytes', value: String(messageBytesMax) };
    await makeTopics(admin, names, partitions, [
      limit,
      { name: 'cleanup.policy', value: 'delete' },
      { name: 'retention.ms', value: '-1' },
      { name: 'retention.bytes', value: '-1' },
      { name: 'compression.type', value: 'producer' },
    ]);
    await makeTopics(admin, states, partitions, [
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
export async function partitionsOf(admin: Admin, names: string[]): Promise<Map<string, number>> {
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

export async function makeTopics(
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

/** Whether there is no such topic: the client says so by itself where it knows all topics. */
export function isUnknownTopic(error: unknown): boolean {
  return isSaid(error, 'UNKNOWN_TOPIC_OR_PARTITION') || /Unknown topic/i.test(messageOf(error));
}

/** Whether a server answered with this error of Kafka's protocol. */
export function isSaid(error: unknown, id: string): boolean {
  return error instanceof Error && findErrorBy(error, 'apiId', id) !== null;
}

/** What a server says that it will go on saying. */
const cures = {
  MESSAGE_TOO_LARGE: `Raise max.message.bytes of the topic to ${messageBytesMax}.`,
  RECORD_LIST_TOO_LARGE: `Raise max.message.bytes of the topic to ${messageBytesMax}.`,
  TOPIC_AUTHORIZATION_FAILED:
    'Let this user read and write the topics of KAFKA_PREFIX, and those of published rows.',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'Let this user use transactional ids of KAFKA_PREFIX.',
  NOT_ENOUGH_REPLICAS: 'Start the servers that are away, or lower min.insync.replicas.',
};

function cureOf(cause: unknown): string {
  const said = Object.entries(cures).find(([id]) => isSaid(cause, id));
  return said?.[1] ?? reachable;
}

const reachable =
  'Check that these servers run, can be reached and have room on their disks, ' +
  'and KAFKA_BOOTSTRAP_SERVERS.';

/** Kafka's ways of saying that a newer writer has taken over. */
const takenOver = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'];

export function isTakenOver(error: unknown): boolean {
  return takenOver.some((id) => isSaid(error, id));
}

export function clusterFailure(options: Servers, what: string, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const servers = options.bootstrapServers.join(', ');
  const refused = refusalOf(options, cause);
  if (refused) {
    const message = `Kafka at ${servers}: ${what}: ${refused.reason}`;
    return new Failure('bad-configuration', message, refused.cure, { cause });
  }
  return new Failure(
    'log-unavailable',
    `Kafka at ${servers}: ${what}: ${reasonOf(cause)}`,
    cureOf(cause),
    { cause },
  );
}

/** What Node says of a certificate that it does not trust. */
const untrusted = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];
const certificateCures: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'Renew the certificate of these servers.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'Name the servers in KAFKA_BOOTSTRAP_SERVERS as their certificate names them.',
};

/** Why we or the servers do not let the other in, and the cure; null when it is something else. */
function refusalOf({ security }: Servers, cause: unknown) {
  const errors = [...errorsIn(cause)];
  const certificate = errors.find(({ code }) => {
    return untrusted.includes(String(code)) || String(code) in certificateCures;
  });
  if (certificate) {
    return {
      reason: `their certificate is not trusted: ${messageOf(certificate)}`,
      cure:
        certificateCures[String(certificate.code)] ??
        'Set KAFKA_TLS_CA_FILE to the certificate of who signed theirs, as PEM.',
    };
  }
  const isRefused = errors.some((error) => {
    const id = String(error.apiId);
    return id === 'SASL_AUTHENTICATION_FAILED' || id === 'UNSUPPORTED_SASL_MECHANISM';
  });
  if (!isRefused && !errors.some(({ code }) => code === 'PLT_KFK_AUTHENTICATION')) return null;
  const user = security?.sasl ? `${security.sasl.username} by ${security.sasl.mechanism}` : 'us';
  return {
    reason: `they do not let ${user} in: ${reasonOf(errors.at(-1))}`,
    cure: 'Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM.',
  };
}

type KafkaError = Error & { readonly code?: unknown; readonly apiId?: unknown };

/** An error and all that it came from, the innermost last. */
function* errorsIn(error: unknown): Generator<KafkaError> {
  if (!(error instanceof Error)) return;
  yield error;
  if (error instanceof AggregateError) for (const inner of error.errors) yield* errorsIn(inner);
  yield* errorsIn(error.cause);
}

export function takenOverFailure(role: WriterRole, partition: number, cause?: unknown): Failure {
  return new Failure(
    'log-taken-over',
    `partition ${partition} of the log is no longer ours to write as ${role}: another process ` +
      'has taken over, or the servers had waited for this one too long',
    'Nothing: what was not committed is done again. Where it recurs, give each process an id of ' +
      'its own.',
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

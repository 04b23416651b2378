// Rows in topics of Kafka: with the commits of a log in the same Kafka, or by a producer of their
// own, which is idempotent, so that a retry of its own adds nothing.

import { createHash } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import { Failure, messageOf } from '../base/failure.ts';
import type { KafkaLog } from './log-kafka.ts';
import type { Row, Rows } from './rows.ts';

export interface RowsOptions {
  /** Host and port of each broker. */
  readonly brokers: readonly string[];
  /** Topics that are missing are made, compacted: of a key the newest row stays. */
  readonly topics: readonly string[];
  readonly partitions: number;
  /** Whose commits take the rows along; null: they are sent as they come. */
  readonly log?: Pick<KafkaLog, 'enclose'> | null;
}

/** Messages of one request, below what a broker takes by default. */
const requestMax = 2_000;

export async function openKafkaRows(options: RowsOptions): Promise<Rows> {
  const { brokers, topics, partitions, log = null } = options;
  const connection = { clientId: 'tapeline-rows', bootstrapBrokers: [...brokers] };
  const counts = await ensureTopics(new Admin(connection), topics, partitions).catch(refuse);
  const messagesOf = (topic: string, rows: readonly Row[]) => {
    return rows.map((row) => messageOfRow(topic, row, counts.get(topic) ?? 1));
  };
  if (log) {
    return {
      async send(topic, rows) {
        log.enclose(messagesOf(topic, rows));
      },
      async close() {},
    };
  }
  const settings = { ...connection, idempotent: true, acks: -1 };
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>(settings);
  return {
    async send(topic, rows) {
      for (let from = 0; from < rows.length; from += requestMax) {
        const messages = messagesOf(topic, rows.slice(from, from + requestMax));
        await producer.send({ messages }).catch(refuse);
      }
    },
    async close() {
      await producer.close();
    },
  };
}

function messageOfRow(topic: string, { key, value, group }: Row, partitions: number) {
  const partition = createHash('sha256').update(group).digest().readUInt32BE(0) % partitions;
  const named = { topic, key: Buffer.from(key), partition };
  return value === null ? named : { ...named, value: Buffer.from(value) };
}

/** How many partitions each topic has, once all of them are there. */
async function ensureTopics(
  admin: Admin,
  topics: readonly string[],
  partitions: number,
): Promise<ReadonlyMap<string, number>> {
  try {
    const held = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !held.has(topic));
    if (missing.length > 0) {
      const configs = [{ name: 'cleanup.policy', value: 'compact' }];
      await admin.createTopics({ topics: missing, partitions, configs });
    }
    const metadata = await admin.metadata({ topics: [...topics], forceUpdate: true });
    return new Map(
      Array.from(metadata.topics, ([topic, { partitionsCount }]) => [topic, partitionsCount]),
    );
  } finally {
    await admin.close();
  }
}

function refuse(error: unknown): never {
  throw new Failure(
    'log-unavailable',
    `Kafka does not take rows: ${rootOf(error)}.`,
    'Start it, or set KAFKA_BOOTSTRAP_SERVERS to where it runs.',
    { cause: error },
  );
}

/** The client's errors hold those of each attempt, and those of each connection. */
function rootOf(error: unknown): string {
  const [first] = (error as { errors?: readonly unknown[] }).errors ?? [];
  return first === undefined ? messageOf(error).replace(/\.$/, '') : rootOf(first);
}

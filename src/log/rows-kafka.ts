// Rows in topics of Kafka: JSON, which people can read, and Avro beside it in topics of its own
// where there is a schema registry. The producer is idempotent, so a retry of its own adds nothing.

import { createHash } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import type { TObject } from 'typebox';
import { Failure, messageOf } from '../base/failure.ts';
import type { Row, Rows } from './rows.ts';
import { registerRows } from './schema-registry.ts';

export interface RowsOptions {
  /** Host and port of each broker. */
  readonly brokers: readonly string[];
  /** Topics that are missing are made, compacted: of a key the newest row stays. */
  readonly topics: readonly string[];
  readonly partitions: number;
  /** Rows of these topics are also in `<topic>.avro`, under the same keys; without it, in none. */
  readonly avro?: {
    readonly registryUrl: string;
    readonly contracts: Readonly<Record<string, TObject>>;
  };
}

/** A topic that rows are written to, and how. */
interface Form {
  readonly topic: string;
  readonly encode: (value: NonNullable<Row['value']>) => Buffer;
}

/** Messages of one request, below what a broker takes by default. */
const requestMax = 2_000;

/** Throws Failure `log-unavailable`, or what `registerRows` does. */
export async function openKafkaRows(options: RowsOptions): Promise<Rows> {
  const { brokers, topics, partitions } = options;
  const connection = { clientId: 'tapeline-rows', bootstrapBrokers: [...brokers] };
  const forms = await formsOf(options);
  const written = new Set([...topics, ...[...forms.values()].flat().map(({ topic }) => topic)]);
  const counts = await ensureTopics(new Admin(connection), [...written], partitions).catch(refuse);
  const producer = new Producer({ ...connection, idempotent: true, acks: -1 });
  return {
    async send(topic, rows) {
      for (const form of forms.get(topic) ?? []) {
        const count = counts.get(form.topic) ?? 1;
        for (let from = 0; from < rows.length; from += requestMax) {
          const messages = rows
            .slice(from, from + requestMax)
            .map((row) => messageOfRow(form, row, count));
          await producer.send({ messages }).catch(refuse);
        }
      }
    },
    async close() {
      await producer.close();
    },
  };
}

/** Of each topic, where its rows go. */
async function formsOf({ topics, avro }: RowsOptions): Promise<ReadonlyMap<string, Form[]>> {
  const forms = new Map<string, Form[]>(
    topics.map((topic) => [topic, [{ topic, encode: encodeJson }]]),
  );
  for (const [topic, contract] of Object.entries(avro?.contracts ?? {})) {
    const named = `${topic}.avro`;
    const encode = await registerRows(avro?.registryUrl as string, named, contract);
    forms.get(topic)?.push({ topic: named, encode });
  }
  return forms;
}

function encodeJson(value: NonNullable<Row['value']>): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function messageOfRow({ topic, encode }: Form, { key, value, group }: Row, partitions: number) {
  const partition = createHash('sha256').update(group).digest().readUInt32BE(0) % partitions;
  const message = { topic, key: Buffer.from(key), partition };
  return value === null ? message : { ...message, value: encode(value) };
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

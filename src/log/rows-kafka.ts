// Rows in topics of Kafka: JSON, which people can read, and Avro beside it in topics of its own
// where there is a schema registry. They go with the commits of a log in the same Kafka, or by a
// producer of their own, which is idempotent, so that a retry of its own adds nothing.

import { createHash } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import type { TObject } from 'typebox';
import {
  clusterFailure,
  connection,
  makeTopics,
  partitionsOf,
  type Servers,
} from './kafka/cluster.ts';
import type { Row, Rows } from './rows.ts';
import { registerRows } from './schema-registry.ts';
import type { ShardLog } from './shard-log.ts';

export interface RowsOptions extends Servers {
  /** Topics that are missing are made, compacted: of a key the newest row stays. */
  readonly topics: readonly string[];
  readonly partitions: number;
  /** Whose commits take the rows along; null: they are sent as they come. */
  readonly log?: Pick<ShardLog, 'enclose'> | null;
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
  const { topics, partitions, log = null } = options;
  const refuse = (error: unknown): never => {
    throw clusterFailure(options, 'rows are not taken', error);
  };
  const forms = await formsOf(options);
  const written = new Set([...topics, ...[...forms.values()].flat().map(({ topic }) => topic)]);
  const admin = new Admin(connection(options));
  const counts = await ensureTopics(admin, [...written], partitions).catch(refuse);
  const messagesOf = (topic: string, rows: readonly Row[]) =>
    (forms.get(topic) ?? []).flatMap((form) => {
      const count = counts.get(form.topic) ?? 1;
      return rows.map((row) => messageOfRow(form, row, count));
    });
  if (log) {
    return {
      async send(topic, rows) {
        log.enclose(messagesOf(topic, rows));
      },
      async close() {},
    };
  }
  const settings = { ...connection(options), idempotent: true, acks: -1 };
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
  const named = { topic, key: Buffer.from(key), partition };
  return value === null ? named : { ...named, value: encode(value) };
}

/** How many partitions each topic has, once all of them are there. */
async function ensureTopics(
  admin: Admin,
  topics: readonly string[],
  partitions: number,
): Promise<ReadonlyMap<string, number>> {
  try {
    await makeTopics(admin, topics, partitions, [{ name: 'cleanup.policy', value: 'compact' }]);
    return await partitionsOf(admin, [...topics]);
  } finally {
    await admin.close();
  }
}

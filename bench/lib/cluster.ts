// A Kafka and a PostgreSQL of the benchmark's own, roles of ours as processes beside them, and how
// far those have come.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import type { Client } from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import { membersOf } from '../../src/log/kafka/group.ts';
import { type Topic, topics } from '../../src/log/log.ts';
import { connect } from '../../src/store/database.ts';
import { type RunningPostgres, startPostgres } from '../../src/store/embedded-postgres.ts';
import { fullSpeed } from '../../test/cluster/java.ts';
import { Kafka } from '../../test/cluster/kafka.ts';
import { Progress } from './progress.ts';
import { Running } from './running.ts';

const quiet = { info: () => undefined, warn: () => undefined };
const session = { application: 'bench', statementSeconds: 60 };
const pollMs = 50;
/** For a process that has joined to open its partition. */
const openMs = 2_000;

export class Cluster {
  readonly kafka: Kafka;
  readonly postgres: RunningPostgres;
  readonly folder: string;
  readonly #admin: Admin;
  readonly #running = new Set<Running>();

  static async start(): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-bench-cluster-'));
    const kafka = await Kafka.start({ java: fullSpeed });
    try {
      return new Cluster(folder, kafka, await startPostgres({ folder, logger: quiet }));
    } catch (error) {
      await kafka.stop();
      throw error;
    }
  }

  private constructor(folder: string, kafka: Kafka, postgres: RunningPostgres) {
    this.folder = folder;
    this.kafka = kafka;
    this.postgres = postgres;
    this.#admin = new Admin({ clientId: 'bench', bootstrapBrokers: [kafka.bootstrap] });
  }

  /** A plant of its own in both servers: a prefix of topics, and a database of the same name. */
  async plant(name: string): Promise<Plant> {
    const admin = await connect(this.postgres.connection, session);
    await admin.query(`create database ${name}`);
    await admin.end();
    const database = { ...this.postgres.connection, database: name };
    const { user, host, port } = database;
    const databaseUrl = `postgres://${user}@${encodeURIComponent(host)}:${port}/${name}`;
    const client = await connect(database, session);
    return new Plant({ cluster: this, admin: this.#admin, name, client, databaseUrl });
  }

  async createTopic(name: string): Promise<void> {
    const configs = [{ name: 'max.message.bytes', value: String(32 * 2 ** 20) }];
    await this.#admin.createTopics({ topics: [name], partitions: 1, replicas: 1, configs });
  }

  run(args: readonly string[], env: Readonly<Record<string, string>>): Running {
    const running = new Running(args, env);
    this.#running.add(running);
    return running;
  }

  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#running, async (one) => await one.stop()));
    await this.#admin.close();
    await this.kafka.stop();
    await this.postgres.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 9 });
  }
}

interface PlantParts {
  readonly cluster: Cluster;
  readonly admin: Admin;
  readonly name: string;
  readonly client: Client;
  readonly databaseUrl: string;
}

/** All roles have one partition. */
export class Plant {
  readonly #parts: PlantParts;

  constructor(parts: PlantParts) {
    this.#parts = parts;
  }

  get env(): Readonly<Record<string, string>> {
    const { cluster, name, databaseUrl } = this.#parts;
    return {
      DATA_DIR: join(cluster.folder, name),
      DATABASE_URL: databaseUrl,
      KAFKA_BOOTSTRAP_SERVERS: cluster.kafka.bootstrap,
      KAFKA_PARTITIONS: '1',
      KAFKA_PREFIX: name,
    };
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    return this.#parts.cluster.run(args, { ...this.env, ...env });
  }

  /** Resolves once a process of each role has joined, and had a moment to open its partition. */
  async joined(roles: readonly string[]): Promise<void> {
    const { cluster, name: prefix } = this.#parts;
    const bootstrapServers = [cluster.kafka.bootstrap];
    for (const role of roles) {
      const options = { bootstrapServers, clientId: 'bench', prefix };
      while ((await membersOf(options, role)) === 0) await systemClock.wait(pollMs);
    }
    await systemClock.wait(openMs);
  }

  /** Seconds from `from` until `done`, asked again and again. */
  async until(from: number, done: (progress: Progress) => Promise<boolean>): Promise<number> {
    const { cluster, name } = this.#parts;
    const progress = await Progress.follow(cluster.kafka.bootstrap, name);
    try {
      while (!(await done(progress))) await systemClock.wait(pollMs);
      return (systemClock.now() - from) / 1e6;
    } finally {
      await progress.close();
    }
  }

  /** Whether the engine is done, and PostgreSQL has all its trades, candles and signals. */
  async isStored(progress: Progress): Promise<boolean> {
    if (!progress.isDerived) return false;
    const asked = 'select next_offset::int from tapeline.consumed where topic = $1';
    for (const topic of ['market.trades', 'market.candles', 'market.signals'] as const) {
      const answer = await this.#parts.client.query(asked, [topic]).catch(() => null);
      if ((answer?.rows[0]?.next_offset ?? 0) < progress.end(topic)) return false;
    }
    return true;
  }

  async count(table: string): Promise<number> {
    const { rows } = await this.#parts.client.query(`select count(*)::int from ${table}`);
    return rows[0].count;
  }

  async databaseBytes(): Promise<number> {
    const asked = 'select pg_database_size(current_database())::float8 as size';
    return (await this.#parts.client.query(asked)).rows[0].size;
  }

  /** On the broker's disk, by topic. */
  async topicBytes(): Promise<ReadonlyMap<Topic, number>> {
    const { admin, name } = this.#parts;
    const asked = topics.map((topic) => ({ name: `${name}.${topic}`, partitions: [0] }));
    const [broker] = await admin.describeLogDirs({ topics: asked });
    const held = broker?.results.flatMap((result) => result.topics) ?? [];
    return new Map(
      held.map(({ name: topic, partitions }) => [
        topic.slice(name.length + 1) as Topic,
        partitions.reduce((sum, { partitionSize }) => sum + Number(partitionSize), 0),
      ]),
    );
  }

  async close(): Promise<void> {
    await this.#parts.client.end();
  }
}

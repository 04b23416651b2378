// A real PostgreSQL for one test file, in a temporary folder, and an empty database of its own for
// each test that asks.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import type { Client } from 'pg';
import { connect, type DatabaseAddress } from '../../src/store/database.ts';
import { type RunningPostgres, startPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';

export const session = { application: 'test', statementSeconds: 30 };

const quiet = { info: () => undefined, warn: () => undefined };

export class Cluster {
  #server: RunningPostgres | undefined;
  #databases = 0;
  folder = '';

  async start(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'tapeline-store-'));
    this.#server = await startPostgres({ folder: this.folder, logger: quiet });
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 9 });
  }

  get address(): DatabaseAddress {
    if (!this.#server) throw new Error('the cluster runs only while tests do');
    return this.#server.connection;
  }

  async emptyDatabase(): Promise<DatabaseAddress> {
    const database = `test_${++this.#databases}`;
    const client = await connect(this.address, session);
    await client.query(`create database ${database}`);
    await client.end();
    return { ...this.address, database };
  }

  async migratedDatabase(): Promise<DatabaseAddress> {
    const database = await this.emptyDatabase();
    await migrate(database);
    return database;
  }
}

/** To be called at the top of a test file. */
export function testCluster(): Cluster {
  const cluster = new Cluster();
  before(async () => await cluster.start());
  after(async () => await cluster.stop());
  return cluster;
}

/** A connection that ends with the test. */
export async function connected(t: TestContext, database: DatabaseAddress): Promise<Client> {
  const client = await connect(database, session);
  t.after(async () => await client.end());
  return client;
}

/** The rows of a query as lines, their cells between bars; what is null is ∅. */
export async function linesOf(client: Client, sql: string): Promise<string[]> {
  const { rows } = await client.query<(string | number | null)[]>({ text: sql, rowMode: 'array' });
  return rows.map((row) => row.map((cell) => cell ?? '∅').join('|'));
}

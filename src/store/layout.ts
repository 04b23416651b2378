// How a database holds trades and candles: in partitions of ours by month, or in hypertables where
// its server has TimescaleDB. Chosen once, while they are empty, and written down in the database.

import { readFile } from 'node:fs/promises';
import type { Client } from 'pg';
import { Failure } from '../base/failure.ts';
import { type Database, describeDatabase, sqlState } from './database.ts';

type Layout = 'partitions' | 'timescaledb';

/** The migration that makes the table `layout`. */
export const layoutMigration = '0003-layout.sql';

const folder = new URL('./timescaledb/', import.meta.url);
const insufficientPrivilege = '42501';

export async function layoutOf(client: Client): Promise<Layout> {
  const { rows } = await client.query<{ kind: Layout }>('select kind from layout');
  return rows[0]?.kind ?? 'partitions';
}

/** In the transaction that makes the table `layout`. */
export async function chooseLayout(client: Client): Promise<void> {
  const { rows } = await client.query<{ is_new: boolean }>(
    'select not exists (select from instruments) as is_new',
  );
  if (!rows[0]?.is_new || !(await hasExtension(client))) return;
  // Its functions are where it was created, which need not be by us.
  await client.query(`
    select set_config('search_path', 'tapeline, ' || extnamespace::regnamespace::text, true)
    from pg_extension where extname = 'timescaledb'`);
  await client.query(await readFile(new URL('hypertables.sql', folder), 'utf8'));
  if (await isCommunityEdition(client)) {
    await client.query(await readFile(new URL('compression.sql', folder), 'utf8'));
  }
}

/** Creates it in the database if it can be. */
async function hasExtension(client: Client): Promise<boolean> {
  const { isLoaded, isAvailable, isCreated } = await extension(client);
  // Without its library loaded at the server's start, to create it would end the connection.
  if (!isLoaded || !isAvailable) return false;
  if (isCreated) return true;
  try {
    await client.query('savepoint extension');
    await client.query('create extension timescaledb schema public');
    return true;
  } catch (error) {
    if (sqlState(error) !== insufficientPrivilege) throw error;
    await client.query('rollback to extension');
    return false;
  }
}

interface Extension {
  readonly isLoaded: boolean;
  readonly isAvailable: boolean;
  readonly isCreated: boolean;
}

async function extension(client: Client): Promise<Extension> {
  // The list of what the server preloads is for superusers; that it has this setting is for all.
  const { rows } = await client.query<Extension>(`
    select
      current_setting('timescaledb.disable_load', true) is not null as "isLoaded",
      exists (select from pg_available_extensions where name = 'timescaledb') as "isAvailable",
      exists (select from pg_extension where extname = 'timescaledb') as "isCreated"`);
  return rows[0]!;
}

async function isCommunityEdition(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ license: string | null }>(
    `select current_setting('timescaledb.license', true) as license`,
  );
  return rows[0]?.license === 'timescale';
}

/** Rejects with Failure `database-mismatch` when what the tables were made with is not there. */
export async function requireLayout(client: Client, database: Database): Promise<void> {
  if ((await layoutOf(client)) === 'partitions') return;
  const { isLoaded, isCreated } = await extension(client);
  if (isLoaded && isCreated) return;
  throw new Failure(
    'database-mismatch',
    `${describeDatabase(database)} holds trades and candles in TimescaleDB, which is not loaded`,
    'Add timescaledb to shared_preload_libraries and restart PostgreSQL, or point DATABASE_URL ' +
      'at an empty database; docs/TIMESCALEDB.md says how to take the data along.',
  );
}

// Brings a database to the schema that this version knows: the SQL files in `migrations/`, in the
// order of their names, each in a transaction of its own and recorded with its checksum.
// Invariant: a database that other files made than ours is left as it was.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Client } from 'pg';
import { Failure } from '../base/failure.ts';
import { connect, type Database, describeDatabase, explained, inTransaction } from './database.ts';
import { chooseLayout, layoutMigration, requireLayout } from './layout.ts';

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface Applied {
  readonly name: string;
  readonly checksum: string;
}

const folder = new URL('./migrations/', import.meta.url);
/** `trim_scale` and `with ties` came with 13; 14 is the oldest that PostgreSQL still mends. */
const serverVersionMin = 140_000;

/**
 * Returns the names of the files it applied. Three queries when there is nothing to do; safe when
 * several instances start at once. Rejects with Failure 'database-unavailable' when the database
 * cannot be used, and 'database-mismatch' when it is newer than we are, altered, or too old.
 */
export async function migrate(database: Database): Promise<readonly string[]> {
  const migrations = await readMigrations();
  const client = await connect(database, { application: 'migrate', statementSeconds: 300 });
  try {
    const applied = await readApplied(client);
    const done: string[] = [];
    let todo = pending(migrations, applied, database).length;
    if (todo > 0) await requireServer(client, database);
    while (todo > 0) todo = await applyNext(client, migrations, database, done);
    await requireLayout(client, database);
    return done;
  } catch (error) {
    throw explained(error, database);
  } finally {
    await client.end();
  }
}

async function readMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function readApplied(client: Client): Promise<readonly Applied[]> {
  // Asked first, because PostgreSQL would log the failure to read a table that is not there yet.
  const [found] = (
    await client.query<{ exists: boolean }>(
      `select to_regclass('tapeline.migrations') is not null as exists`,
    )
  ).rows;
  if (!found?.exists) return [];
  const { rows } = await client.query<Applied>(
    'select name, checksum from tapeline.migrations order by name',
  );
  return rows;
}

/** What is still to do, once what was done is known to be ours. */
function pending(
  migrations: readonly Migration[],
  applied: readonly Applied[],
  database: Database,
): readonly Migration[] {
  for (const [index, { name, checksum }] of applied.entries()) {
    const ours = migrations[index];
    if (ours?.name !== name) throw newer(name, database);
    if (ours.checksum !== checksum) throw altered(name, database);
  }
  return migrations.slice(applied.length);
}

/** Applies the first pending file, if no other instance has; returns how many are then to do. */
async function applyNext(
  client: Client,
  migrations: readonly Migration[],
  database: Database,
  done: string[],
): Promise<number> {
  return await inTransaction(client, async () => {
    await client.query(`select pg_advisory_xact_lock(hashtext('tapeline.migrations'))`);
    await client.query(`
      create schema if not exists tapeline;
      create table if not exists tapeline.migrations (
        name       text primary key,
        checksum   text not null,
        applied_at timestamptz not null default now()
      )`);
    const [next, ...later] = pending(migrations, await readApplied(client), database);
    if (!next) return 0;
    await client.query(next.sql);
    if (next.name === layoutMigration) await chooseLayout(client);
    await client.query('insert into tapeline.migrations (name, checksum) values ($1, $2)', [
      next.name,
      next.checksum,
    ]);
    done.push(next.name);
    return later.length;
  });
}

async function requireServer(client: Client, database: Database): Promise<void> {
  const { rows } = await client.query<{ version: number; name: string }>(`
    select
      current_setting('server_version_num')::int as version,
      current_setting('server_version') as name`);
  const { version = 0, name = '' } = rows[0] ?? {};
  if (version >= serverVersionMin) return;
  const what = `${describeDatabase(database)} runs PostgreSQL ${name}`;
  throw new Failure('database-mismatch', what, 'Use PostgreSQL 14 or newer.');
}

function newer(name: string, database: Database): Failure {
  const what = `${describeDatabase(database)} was written by a newer version (it has ${name})`;
  const cure = 'Start the version that wrote it, or point DATABASE_URL at another database.';
  return new Failure('database-mismatch', what, cure);
}

function altered(name: string, database: Database): Failure {
  const what = `${describeDatabase(database)} was made by another text of ${name}`;
  const cure = `Restore src/store/migrations/${name} as released; put changes in a new file.`;
  return new Failure('database-mismatch', what, cure);
}

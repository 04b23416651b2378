// Reaching and preparing a database: whatever is wrong with it is said with its name and the cure.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Failure, type FailureCode } from '../../src/base/failure.ts';
import { connect, type Database, type DatabaseAddress } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { connected, linesOf, session, testCluster } from './cluster.ts';

const cluster = testCluster();
const secret = 'hunter2secret';

/** The Failure of a call, which never tells the password. */
async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert(error instanceof Failure, `not a Failure: ${String(error)}`);
  assert.doesNotMatch(`${error.message} ${error.cure}`, new RegExp(secret));
  return error;
}

async function failsWith(
  database: Database,
  code: FailureCode,
  ...parts: readonly RegExp[]
): Promise<void> {
  const failure = await failureOf(migrate(database));
  assert.equal(failure.code, code, failure.message);
  for (const part of parts) assert.match(`${failure.message} ${failure.cure}`, part);
}

const folder = new URL('../../src/store/migrations/', import.meta.url);
/** Of the migrations, in their order. */
const names = readdirSync(folder).sort();

/** As a version left it that knew only the migrations up to this one. */
async function databaseOf(last: string): Promise<DatabaseAddress> {
  const database = await cluster.emptyDatabase();
  const client = await connect(database, session);
  await client.query(`
    create schema tapeline;
    create table migrations (name text, checksum text, applied_at timestamptz default now())`);
  for (const name of names.slice(0, names.indexOf(last) + 1)) {
    const sql = await readFile(new URL(name, folder), 'utf8');
    await client.query(sql);
    const checksum = createHash('sha256').update(sql).digest('hex');
    await client.query('insert into migrations values ($1, $2)', [name, checksum]);
  }
  await client.end();
  return database;
}

suite('migrate', () => {
  test('makes an empty database ours, once', async (t) => {
    const database = await cluster.emptyDatabase();
    assert.deepEqual(await migrate(database), names);
    assert.deepEqual(await migrate(database), []);
    const client = await connected(t, database);
    assert.deepEqual(await linesOf(client, 'select name from migrations order by name'), names);
    assert.deepEqual(await linesOf(client, 'select * from trades'), []);
    assert.deepEqual(await linesOf(client, 'select * from candles'), []);
  });

  test('is done once when several instances start together', async () => {
    const database = await cluster.emptyDatabase();
    const done = await Promise.all(Array.from({ length: 4 }, () => migrate(database)));
    assert.deepEqual(done.flat().sort(), names);
  });

  test('moves candles of up to an hour into months, and loses none', async (t) => {
    const database = await databaseOf('0003-layout.sql');
    const client = await connected(t, database);
    await client.query(`
      select make_month('candle_rows_fine', '2013-10-01', 'fillfactor = 80');
      insert into candle_rows
      select instrument, 0, interval_id, timestamptz '2013-10-01' + hours * interval '1 hour',
        hours, 1, 1, 1, 1, 1, 1, 1, 0, 1
      from generate_series(1, 3) instrument, generate_series(1, 6) interval_id,
        generate_series(0, 743, 24) hours;
      insert into candle_rows
      select 1, 0, 4, timestamptz '2014-02-28 23:00', 1, 1, 1, 1, 1, 1, 1, 1, 0, 1`);
    const all = 'select * from candle_rows order by 1, 2, 3, 4';
    const before = await linesOf(client, all);
    assert.deepEqual(await migrate(database), names.slice(names.indexOf('0004-months.sql')));
    assert.deepEqual(await linesOf(client, all), before);
    const where = `select tableoid::regclass, array_agg(distinct interval_id order by interval_id)
      from candle_rows group by 1 order by tableoid::regclass::text`;
    assert.deepEqual(await linesOf(client, where), [
      'candle_rows_coarse|5,6',
      'candle_rows_fine_2013_10|1,2,3,4',
      'candle_rows_fine_2014_02|4',
    ]);
  });

  test('refuses a database that a newer version wrote', async (t) => {
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    await client.query(`insert into migrations (name, checksum) values ('9999-later.sql', 'x')`);
    await failsWith(database, 'database-mismatch', /newer version/, /9999-later/, /DATABASE_URL/);
  });

  test('refuses a database that another text of the same file made', async (t) => {
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    await client.query(`update migrations set checksum = 'other'`);
    await failsWith(database, 'database-mismatch', /0001-market-data\.sql/, /Restore/);
  });

  test('says that the user may not make tables', async (t) => {
    const database = await cluster.emptyDatabase();
    const client = await connected(t, database);
    await client.query('create role guest login');
    await failsWith({ ...database, user: 'guest' }, 'database-unavailable', /grant create/);
  });
});

suite('reaching the database', () => {
  test('names a database that does not exist', async () => {
    const database = { ...cluster.address, database: 'nowhere' };
    await failsWith(database, 'database-unavailable', /database nowhere at /, /createdb/);
  });

  test('names a user that does not exist', async () => {
    const database = { ...cluster.address, user: 'nobody' };
    await failsWith(database, 'database-unavailable', /nobody/, /Correct user and password/);
  });

  test('says that the password is wrong, and not which', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query(`create role locked login password '${secret}'`);
    const path = join(cluster.folder, 'cluster', 'pg_hba.conf');
    const open = await readFile(path, 'utf8');
    await writeFile(path, `local all locked scram-sha-256\n${open}`);
    await client.query('select pg_reload_conf()');
    const { host, database } = cluster.address;
    const url = (password: string): string =>
      `postgres://locked:${password}@/${database}?host=${encodeURIComponent(host)}`;
    const wrong = url(`${secret}x`);
    await failsWith(
      wrong,
      'database-unavailable',
      /database tapeline at the socket in/,
      /password/,
    );
    const right = await connect(url(secret), session);
    await right.end();
  });

  test('says that nothing listens there', async () => {
    const url = `postgres://someone:${secret}@127.0.0.1:1/prices`;
    await failsWith(url, 'database-unavailable', /database prices at 127\.0\.0\.1:1/, /Start/);
    const database = { ...cluster.address, host: '/nonexistent' };
    await failsWith(database, 'database-unavailable', /socket in \/nonexistent/, /Start/);
  });

  test('says that what listens there is no PostgreSQL', async (t) => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const port = await listening(server);
    t.after(() => server.close());
    const failure = await failureOf(migrate(`postgres://u:${secret}@127.0.0.1:${port}/prices`));
    assert.equal(failure.code, 'database-unavailable', failure.message);
    assert.match(failure.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
  });

  test('tells a URL that is none', async () => {
    for (const url of ['prices', 'http://localhost/prices', `postgres//u:${secret}@x`, '']) {
      await failsWith(url, 'bad-configuration', /DATABASE_URL/, /postgres:\/\/USER/);
    }
  });
});

async function listening(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  return address.port;
}

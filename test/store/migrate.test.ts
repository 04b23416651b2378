// Reaching and preparing a database: whatever is wrong with it is said with its name and the cure.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Failure, type FailureCode } from '../../src/base/failure.ts';
import { connect, type Database } from '../../src/store/database.ts';
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

/** Of the migrations, in their order. */
const names = readdirSync(new URL('../../src/store/migrations', import.meta.url)).sort();

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

// Months that are over are put in the order of their key, whatever else reads and writes meanwhile.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Client } from 'pg';
import { micros, microsPerDay } from '../../src/base/clock.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { exportCandles } from '../../src/store/export.ts';
import { orderMonth } from '../../src/store/month-order.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { candleBatch } from './batches.ts';
import { connected, linesOf, testCluster } from './cluster.ts';

const cluster = testCluster();
const october = Date.UTC(2013, 9, 1) * 1000;
const november = Date.UTC(2013, 10, 1) * 1000;
const minute = 60_000_000;
const table = 'candle_rows_fine_2013_10';
const symbols = Array.from({ length: 50 }, (_, index) => `S${100 + index}`);
const minutes = 1_400;
const never = new AbortController().signal;

/** Minutes of 50 symbols as they come live: all symbols of a minute beside each other. */
async function filled(t: TestContext): Promise<{ client: Client; database: DatabaseAddress }> {
  const database = await cluster.migratedDatabase();
  const client = await connected(t, database);
  await client.query('insert into instruments (symbol) select unnest($1::text[])', [symbols]);
  await client.query(`select make_month('candle_rows_fine', '2013-10-01', 'fillfactor = 80')`);
  await fill(client, 1);
  return { client, database };
}

/** `price` is a price kind of its own, so that it may be called again. */
async function fill(client: Client, price: number): Promise<void> {
  await client.query(`
    insert into ${table}
    select instrument_id, ${price}, 1, timestamptz '2013-10-01' + minute * interval '1 minute',
      minute, 1.25, 1.25, 1.25, 100, 125, 7, 7, 0, 1
    from generate_series(0, ${minutes - 1}) minute, instruments
    order by minute, instrument_id`);
}

async function ordered(database: DatabaseAddress, at = november + 3 * microsPerDay) {
  return await orderMonth(database, micros(at), never);
}

/** How many pages a reader of 500 candles of one symbol meets. */
async function pagesOf500(client: Client): Promise<number> {
  const [pages] = await linesOf(
    client,
    `select count(distinct (ctid::text::point)[0]) from (
       select ctid from ${table} where instrument_id = 17 and price_kind = 1 and interval_id = 1
       order by start limit 500
     ) candles`,
  );
  return Number(pages);
}

/** Of all candles: how many, and a sum that tells any change. */
async function contents(client: Client): Promise<string[]> {
  return await linesOf(client, 'select count(*), sum(hashtext(c::text)::bigint) from candles c');
}

const waitingAs = (application: string): string => `
  select count(*) from pg_stat_activity
  where datname = current_database() and application_name = 'tapeline ${application}'
    and wait_event_type = 'Lock'`;

/** Ordering that has written the month anew, and waits for a reader to let it take its place. */
async function held(t: TestContext, database: DatabaseAddress, client: Client) {
  const reader = await connected(t, database);
  await reader.query('begin');
  await reader.query('select count(*) from candle_rows');
  const stopped = new AbortController();
  const at = micros(november + 3 * microsPerDay);
  const ordering = orderMonth(database, at, stopped.signal);
  ordering.catch(() => undefined);
  while ((await linesOf(client, waitingAs('orders months')))[0] !== '1');
  return { reader, stopped, ordering };
}

suite('a month that is over', { timeout: 60_000 }, () => {
  test('is put in order: 500 candles lie on few pages, and none is changed', async (t) => {
    const { client, database } = await filled(t);
    const before = await contents(client);
    const pages = await pagesOf500(client);
    assert(pages > 300, `${pages} pages`);
    assert.equal(await ordered(database), table);
    assert((await pagesOf500(client)) <= 10, `${await pagesOf500(client)} pages`);
    assert.deepEqual(await contents(client), before);
    assert.equal(await ordered(database), null, 'once is enough');
  });

  test('takes late candles and revisions afterwards', async (t) => {
    const { client, database } = await filled(t);
    assert.equal(await ordered(database), table);
    const sink = openCandlesSink({ database, epoch: 'e', partition: 0 });
    t.after(async () => await sink.close());
    const late = [0, 20 * 1_440].map((index) => ({
      symbol: 'S100',
      start: october + index * minute,
      price: 'bid' as const,
      interval: '1m' as const,
      revision: 3,
    }));
    await sink.write([candleBatch(0, late)], 2);
    assert.deepEqual(
      await linesOf(
        client,
        `select micros(start), close from candles where revision = 3 order by 1`,
      ),
      late.map(({ start }) => `${start}|10`),
    );
  });

  test('is left alone until two days after its end', async (t) => {
    const { database } = await filled(t);
    assert.equal(await ordered(database, november + 2 * microsPerDay - 1), null);
    assert.equal(await ordered(database, november + 2 * microsPerDay), table);
  });

  test('is put in order again when as much has come since', async (t) => {
    const { client, database } = await filled(t);
    assert.equal(await ordered(database), table);
    await fill(client, 2);
    const before = await contents(client);
    assert.equal(await ordered(database), table);
    assert.deepEqual(await contents(client), before);
    assert.equal(await ordered(database), null);
  });
});

suite('ordering a month', { timeout: 60_000 }, () => {
  test('ends when somebody waits for it, whose change is kept', async (t) => {
    const { client, database } = await filled(t);
    const { reader, ordering } = await held(t, database, client);
    await client.query(`update candle_rows set close = 99 where instrument_id = 3`);
    await assert.rejects(ordering, { code: 'database-unavailable' });
    await reader.query('commit');
    assert.equal(await ordered(database), table);
    assert.deepEqual(await linesOf(client, 'select count(*) from candles where close = 99'), [
      String(minutes),
    ]);
  });

  test('ends when it is told to, and leaves nothing behind', async (t) => {
    const { client, database } = await filled(t);
    const { stopped, ordering } = await held(t, database, client);
    stopped.abort();
    await assert.rejects(ordering, { code: 'database-unavailable' });
    const left = `select to_regclass('candle_rows_ordered') is null`;
    assert.deepEqual(await linesOf(client, left), ['true']);
  });

  test('loses nothing when its server process is killed, and begins anew', async (t) => {
    const { client, database } = await filled(t);
    const before = await contents(client);
    const { reader, ordering } = await held(t, database, client);
    await client.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'tapeline orders months'`);
    await assert.rejects(ordering, { code: 'database-unavailable' });
    assert.deepEqual(await contents(client), before);
    await reader.query('commit');
    assert.equal(await ordered(database), table);
    assert.deepEqual(await contents(client), before);
  });

  test('waits for an export, whose snapshot could not see the new rows', async (t) => {
    const { client, database } = await filled(t);
    const other = await connected(t, database);
    await other.query('begin; lock table instruments in access exclusive mode');
    const exported = Array.fromAsync(exportCandles(database, { format: 'csv', price: 'bid' }));
    while ((await linesOf(client, waitingAs('exports')))[0] !== '1');
    const ordering = ordered(database);
    const order = waitingAs('orders months');
    const isOrdered = ordering.then(() => true);
    while ((await linesOf(client, order))[0] !== '1') {
      assert(!(await Promise.race([isOrdered, Promise.resolve(false)])), 'the export is not over');
    }
    await other.query('commit');
    const lines = Buffer.concat(await exported)
      .toString()
      .trimEnd()
      .split('\n');
    assert.equal(lines.length, 1 + symbols.length * minutes);
    assert.equal(await ordering, table);
  });

  test('is the work of one process at a time', async (t) => {
    const { client, database } = await filled(t);
    const { reader, ordering } = await held(t, database, client);
    assert.equal(await ordered(database), null);
    await reader.query('commit');
    assert.equal(await ordering, table);
  });
});

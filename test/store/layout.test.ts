// Where the server has TimescaleDB. It cannot be installed here: an extension stands in for it that
// has its functions and refuses what it refuses. Compression is not among what that can show.

import assert from 'node:assert/strict';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { microsPerDay } from '../../src/base/clock.ts';
import { connect, type DatabaseAddress } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { candleBatch, tradeBatch } from './batches.ts';
import { connected, linesOf, session, testCluster } from './cluster.ts';

const cluster = testCluster();
const noon = Date.UTC(2013, 9, 7, 12) * 1000;

/** A database whose server has the extension, loaded or not. */
async function offered(isLoaded: boolean): Promise<DatabaseAddress> {
  const extensions = join(cluster.folder, 'stand-in', 'extension');
  await mkdir(extensions, { recursive: true });
  const standIn = new URL('./timescaledb-stand-in/', import.meta.url);
  await cp(new URL('timescaledb.control', standIn), join(extensions, 'timescaledb.control'));
  await cp(new URL('functions.sql', standIn), join(extensions, 'timescaledb--0.sql'));
  const database = await cluster.emptyDatabase();
  const client = await connect(database, session);
  const path = `${join(cluster.folder, 'stand-in')}:$system`;
  const set = `alter database ${database.database} set`;
  await client.query(`${set} extension_control_path = '${path}'`);
  if (isLoaded) await client.query(`${set} timescaledb.disable_load = off`);
  await client.query(`${set} timescaledb.license = 'apache'`);
  await client.end();
  return database;
}

const kindOf = 'select kind from layout';

/** What the sinks store and people read. */
async function stored(t: TestContext, database: DatabaseAddress): Promise<string[]> {
  const options = { database, epoch: 'e', partition: 0 };
  const tradesSink = openTradesSink(options);
  const candlesSink = openCandlesSink(options);
  t.after(async () => await Promise.all([tradesSink.close(), candlesSink.close()]));
  const days = [0, 1, 40].map((day) => ({ symbol: 'AAA', time: noon + day * microsPerDay }));
  await tradesSink.write([tradeBatch(0, days)], days.length);
  const candles = [
    { symbol: 'AAA', start: noon, interval: '1m' as const },
    { symbol: 'AAA', start: noon, interval: '1h' as const },
  ];
  await candlesSink.write([candleBatch(0, candles)], 2);
  await candlesSink.write([candleBatch(2, candles)], 4);
  const client = await connected(t, database);
  return [
    ...(await linesOf(client, 'select * from trades order by time, id')),
    ...(await linesOf(client, 'select * from candles order by start, interval')),
  ];
}

suite('the layout of a new database', () => {
  test('is hypertables where TimescaleDB is loaded, and holds the same', async (t) => {
    const database = await offered(true);
    await migrate(database);
    const client = await connected(t, database);
    assert.deepEqual(await linesOf(client, kindOf), ['timescaledb']);
    assert.deepEqual(
      await linesOf(
        client,
        'select relation, time_column, chunk::text from public.hypertables order by 1',
      ),
      ['trade_rows|event_time|1 day', 'candle_rows|start|7 days'],
    );
    const plain = await cluster.migratedDatabase();
    assert.deepEqual(await stored(t, database), await stored(t, plain));
    const comments = `
      select column_name, col_description('trade_rows'::regclass, ordinal_position)
      from information_schema.columns where table_name = 'trade_rows' order by 1`;
    assert.deepEqual(
      await linesOf(client, comments),
      await linesOf(await connected(t, plain), comments),
    );
  });

  test('is partitions where it is not loaded: to create it would end the connection', async (t) => {
    const database = await offered(false);
    await migrate(database);
    const client = await connected(t, database);
    assert.deepEqual(await linesOf(client, kindOf), ['partitions']);
    assert.deepEqual(await linesOf(client, 'select extname from pg_extension'), ['plpgsql']);
  });

  test('stays what it is when TimescaleDB comes later', async (t) => {
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    await client.query(`alter database ${database.database} set timescaledb.disable_load = off`);
    assert.deepEqual(await migrate(database), []);
    assert.deepEqual(await linesOf(client, kindOf), ['partitions']);
  });

  test('is missed when TimescaleDB is gone', async (t) => {
    const database = await offered(true);
    await migrate(database);
    const client = await connected(t, database);
    await client.query(`alter database ${database.database} reset timescaledb.disable_load`);
    await assert.rejects(migrate(database), {
      code: 'database-mismatch',
      message: /TimescaleDB, which is not loaded/,
      cure: /shared_preload_libraries/,
    });
  });
});

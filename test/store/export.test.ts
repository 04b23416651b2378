// Files out of a real PostgreSQL, filled by the sinks, in each format.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { suite, type TestContext, test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import { cancel } from '../../src/contracts/verdict.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { exportCandles, exportTrades } from '../../src/store/export.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { candleBatch, type SimpleTrade, tradeBatch } from './batches.ts';
import { connected, linesOf, testCluster } from './cluster.ts';

interface ParquetReader {
  readonly parquetMetadata: (file: ArrayBuffer) => {
    readonly num_rows: bigint;
    readonly schema: readonly Record<string, unknown>[];
  };
  readonly parquetReadObjects: (options: {
    readonly file: ArrayBuffer;
    readonly parsers?: Record<string, (value: bigint) => unknown>;
  }) => Promise<Record<string, unknown>[]>;
}

// What hyparquet-writer writes, the reader that it depends on reads.
const near = createRequire(import.meta.resolve('hyparquet-writer'));
const parquet = (await import(near.resolve('hyparquet'))) as ParquetReader;

const cluster = testCluster();
const second = 1_000_000;
const noon = Date.UTC(2013, 9, 7, 12) * 1000;

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  return (await bytesOf(chunks)).toString();
}

async function storeTrades(
  database: DatabaseAddress,
  trades: readonly SimpleTrade[],
  facts: Parameters<typeof tradeBatch>[2] = {},
): Promise<void> {
  const sink = openTradesSink({ database, epoch: 'epoch', partition: 0 });
  const offset = await sink.position();
  await sink.write([tradeBatch(offset, trades, facts)], offset + trades.length);
  await sink.close();
}

async function candleDatabase(): Promise<DatabaseAddress> {
  const database = await cluster.migratedDatabase();
  const sink = openCandlesSink({ database, epoch: 'epoch', partition: 0 });
  const start = noon;
  const candles = [
    { symbol: 'BBB', start, interval: '1m', close: 1_050, volume: 3n, notional: 3_100n },
    { symbol: 'AAA', start: start + 60 * second, interval: '1m', revision: 2, state: 'revised' },
    { symbol: 'AAA', start, interval: '1h', state: 'open', volume: 2n ** 60n },
    { symbol: 'AAA', start, interval: '1m' },
    { symbol: 'AAA', start, interval: '1m', price: 'bid', volume: 0n, notional: 0n },
  ] as const;
  await sink.write([candleBatch(0, candles)], candles.length);
  await sink.close();
  return database;
}

const candleHeader =
  'symbol,interval,start,open,high,low,close,volume,vwap,trades,revision,state\n';

suite('candles as CSV', () => {
  test('come by symbol and start, in plain decimals', async () => {
    const database = await candleDatabase();
    assert.equal(
      await textOf(exportCandles(database, { format: 'csv' })),
      `${candleHeader}${[
        'AAA,1m,2013-10-07T12:00:00Z,10,10,10,10,100,10,1,0,final',
        'AAA,1h,2013-10-07T12:00:00Z,10,10,10,10,1152921504606846976,0,1,0,open',
        'AAA,1m,2013-10-07T12:01:00Z,10,10,10,10,100,10,1,2,revised',
        'BBB,1m,2013-10-07T12:00:00Z,10,10.5,10,10.5,3,10.33333333,1,0,final',
      ].join('\n')}\n`,
    );
  });

  test('come of one symbol, interval, price and span', async () => {
    const database = await candleDatabase();
    const one = { format: 'csv', symbol: 'AAA', intervals: ['1m'] } as const;
    assert.equal(
      await textOf(exportCandles(database, { ...one, to: micros(noon + 60 * second) })),
      `${candleHeader}AAA,1m,2013-10-07T12:00:00Z,10,10,10,10,100,10,1,0,final\n`,
    );
    assert.equal(
      await textOf(exportCandles(database, { ...one, from: micros(noon + 1) })),
      `${candleHeader}AAA,1m,2013-10-07T12:01:00Z,10,10,10,10,100,10,1,2,revised\n`,
    );
    assert.equal(
      await textOf(exportCandles(database, { ...one, price: 'bid' })),
      `${candleHeader}AAA,1m,2013-10-07T12:00:00Z,10,10,10,10,0,,1,0,final\n`,
    );
    assert.equal(
      await textOf(exportCandles(database, { ...one, from: micros(noon * 2) })),
      candleHeader,
    );
  });
});

const tradeHeader =
  'symbol,time,price,size,id,conditions,venue,side,source,received,verdict,tape,calendar,scope\n';

suite('trades as CSV', () => {
  test('come by time and place in the log, with all that a replay needs', async () => {
    const database = await cluster.migratedDatabase();
    await storeTrades(database, [
      { symbol: 'BBB', time: noon + 1_000, price: 1_050, size: 7, id: 42, conditions: '@, "F"' },
      { symbol: 'AAA', time: noon + 1, id: Number.NaN, venue: '' },
      { symbol: 'BBB', time: noon, id: 2 ** 53 - 1 },
    ]);
    await storeTrades(database, [
      { symbol: 'AAA', time: noon + 10, textId: 'T,1' },
      { symbol: 'AAA', time: noon },
    ]);
    const soon = '2013-10-07T12:00:01';
    const end = 'on time,,24/7,scope';
    assert.equal(
      await textOf(exportTrades(database, { format: 'csv' })),
      `${tradeHeader}${[
        `BBB,2013-10-07T12:00:00Z,100.02,100,9007199254740991,,V,buy,test,${soon}Z,${end}`,
        `AAA,2013-10-07T12:00:00Z,100.01,100,,,V,buy,test,${soon}Z,${end}`,
        `AAA,2013-10-07T12:00:00.000001Z,100.01,100,,,,buy,test,${soon}.000001Z,${end}`,
        `AAA,2013-10-07T12:00:00.000010Z,100,100,"T,1",,V,buy,test,${soon}.000010Z,${end}`,
        `BBB,2013-10-07T12:00:00.001Z,10.5,7,42,"@, ""F""",V,buy,test,${soon}.001Z,${end}`,
      ].join('\n')}\n`,
    );
    assert.equal(
      await textOf(
        exportTrades(database, {
          format: 'csv',
          symbol: 'BBB',
          from: micros(noon + 1),
          to: micros(noon + 1_001),
        }),
      ),
      `${tradeHeader}BBB,2013-10-07T12:00:00.001Z,10.5,7,42,"@, ""F""",V,buy,test,` +
        `${soon}.001Z,${end}\n`,
    );
  });

  test('come whole and in order across hours, days and years', async () => {
    const database = await cluster.migratedDatabase();
    const times = Array.from({ length: 10_000 }, (_, n) => noon + (n % 97) * 1_800 * second + n);
    times.push(Date.UTC(1971, 3) * 1000, Date.UTC(2199, 3) * 1000);
    await storeTrades(
      database,
      times.map((time) => ({ symbol: 'AAA', time })),
    );
    let rows = 0;
    const onRows = (count: number): void => {
      rows += count;
    };
    const text = await textOf(exportTrades(database, { format: 'csv', onRows }));
    const stamps = text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[1] as string);
    assert.equal(stamps.length, times.length);
    assert.equal(rows, times.length);
    const micro = (stamp: string): string =>
      stamp.replace(/(\.\d+)?Z/, (_, f = '.') => String(f).padEnd(7, '0'));
    const padded = stamps.map(micro);
    assert.deepEqual(padded, padded.toSorted());
  });
});

suite('an export', () => {
  test('as JSON is one array of objects', async () => {
    const database = await candleDatabase();
    const text = await textOf(exportCandles(database, { format: 'json', symbol: 'BBB' }));
    assert.deepEqual(JSON.parse(text), [
      {
        symbol: 'BBB',
        interval: '1m',
        start: '2013-10-07T12:00:00Z',
        open: '10',
        high: '10.5',
        low: '10',
        close: '10.5',
        volume: '3',
        vwap: '10.33333333',
        trades: 1,
        revision: 0,
        state: 'final',
      },
    ]);
    const bids = exportCandles(database, { format: 'json', price: 'bid' });
    assert.equal(JSON.parse(await textOf(bids))[0].vwap, null);
    const none = exportCandles(database, { format: 'json', symbol: 'AAA', from: micros(noon * 2) });
    assert.deepEqual(JSON.parse(await textOf(none)), []);
  });

  test('as Parquet has times and exact decimals', async () => {
    const database = await cluster.migratedDatabase();
    const price = Number.MAX_SAFE_INTEGER;
    const trades = Array.from({ length: 3 }, (_, n) => ({
      symbol: 'AAA',
      time: noon + n,
      price: price - n,
      size: 5,
    }));
    await storeTrades(database, trades, { priceScale: 12, sizeScale: 0 });
    const bytes = await bytesOf(exportTrades(database, { format: 'parquet' }));
    const file = new Uint8Array(bytes).buffer;
    const { schema } = parquet.parquetMetadata(file);
    const column = schema.find(({ name }) => name === 'price');
    assert.deepEqual(
      [column?.converted_type, column?.precision, column?.scale],
      ['DECIMAL', 38, 13],
    );
    const raw = await parquet.parquetReadObjects({
      file,
      // As they are in the file: a decimal as a number would lose digits.
      parsers: { timestampFromMicroseconds: (value: bigint) => value },
    });
    assert.deepEqual(
      raw.map(({ time }) => time),
      trades.map(({ time }) => BigInt(time)),
    );
    assert.deepEqual(
      raw.map(({ symbol, id, size }) => [symbol, id, size]),
      [
        ['AAA', '0', 5],
        ['AAA', '1', 5],
        ['AAA', '2', 5],
      ],
    );
    // 9007.199254740991 x 10^13, in 16 bytes, big-endian.
    const unscaled = Buffer.from((BigInt(price) * 10n).toString(16).padStart(32, '0'), 'hex');
    assert(bytes.includes(unscaled), 'the price is in the file digit by digit');
  });

  test('of a cancelled trade says so, and has the cancel as a row of its own', async () => {
    const database = await cluster.migratedDatabase();
    const trade = { symbol: 'AAA', time: noon, id: 7 };
    await storeTrades(database, [trade, { ...trade, price: 0, size: 0, verdict: cancel }]);
    const received = '2013-10-07T12:00:01Z';
    assert.equal(
      await textOf(exportTrades(database, { format: 'csv' })),
      `${tradeHeader}${[
        `AAA,2013-10-07T12:00:00Z,100,100,7,,V,buy,test,${received},cancelled,,24/7,scope`,
        `AAA,2013-10-07T12:00:00Z,0,0,7,,V,buy,test,${received},cancel,,24/7,scope`,
      ].join('\n')}\n`,
    );
  });

  test('of an empty store is an empty file of its format', async () => {
    const database = await cluster.migratedDatabase();
    assert.equal(await textOf(exportTrades(database, { format: 'csv' })), tradeHeader);
    assert.equal(await textOf(exportTrades(database, { format: 'json' })), '[]\n');
    const empty = await bytesOf(exportTrades(database, { format: 'parquet' }));
    assert.equal(parquet.parquetMetadata(new Uint8Array(empty).buffer).num_rows, 0n);
  });

  test('of an unknown symbol says so', async () => {
    const database = await cluster.migratedDatabase();
    const wanted = { format: 'csv', symbol: 'NONE' } as const;
    await assert.rejects(textOf(exportTrades(database, wanted)), { code: 'not-found' });
    await assert.rejects(textOf(exportCandles(database, wanted)), { code: 'not-found' });
  });

  test('that is left half read leaves no connection behind', async (t: TestContext) => {
    const database = await cluster.migratedDatabase();
    const trades = Array.from({ length: 50_000 }, (_, n) => ({ symbol: 'AAA', time: noon + n }));
    await storeTrades(database, trades);
    let chunks = 0;
    for await (const _ of exportTrades(database, { format: 'csv' })) {
      if (++chunks === 3) break;
    }
    const client = await connected(t, database);
    const left = `
      select count(*) from pg_stat_activity where application_name = 'tapeline exports'`;
    let open = '';
    for (let attempt = 0; attempt < 1_000 && open !== '0'; attempt++) {
      [open = ''] = await linesOf(client, left);
    }
    assert.equal(open, '0');
  });

  test('that loses its connection rejects', async (t: TestContext) => {
    const database = await cluster.migratedDatabase();
    const trades = Array.from({ length: 100_000 }, (_, n) => ({ symbol: 'AAA', time: noon + n }));
    await storeTrades(database, trades);
    const client = await connected(t, database);
    const reading = async (): Promise<void> => {
      let chunks = 0;
      for await (const _ of exportTrades(database, { format: 'csv' })) {
        if (++chunks !== 2) continue;
        await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name = 'tapeline exports' and state = 'active'`,
        );
      }
    };
    await assert.rejects(reading(), { code: 'database-unavailable' });
  });
});

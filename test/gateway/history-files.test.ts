// Histories as files over HTTP, from a real PostgreSQL: what is in them, and what happens when the
// reader is slow, leaves, or the database goes.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { suite, type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { formatTime } from '../../src/contracts/time.ts';
import type { GatewayLimits } from '../../src/gateway/limits.ts';
import { eventually } from '../eventually.ts';
import { connected, linesOf, testCluster } from '../store/cluster.ts';
import { RealStore } from './real-store.ts';
import { type Rig, rig } from './rig.ts';
import { monday, second } from './tape.ts';

const cluster = testCluster();
const minute = 60 * second;
const parquetType = 'application/vnd.apache.parquet';

async function stored(t: TestContext, limits: Partial<GatewayLimits> = {}) {
  const store = new RealStore(cluster);
  const one = await rig(t, { limits, store: (log) => store.open(log) });
  t.after(() => store.close());
  return { one, store };
}

/** Two trades and their candles, all stored. */
async function twoTrades(t: TestContext): Promise<Rig> {
  const { one, store } = await stored(t);
  await one.tape.trades(
    { time: monday, price: 17_000, size: 100 },
    { time: monday + minute, price: 17_110, size: 20, side: 'sell' },
  );
  await one.tape.candles(
    { interval: '1m', time: monday, ohlc: [17_000, 17_000, 17_000, 17_000], state: 'final' },
    { interval: '1m', time: monday + minute, ohlc: [17_110, 17_110, 17_110, 17_110], volume: 20 },
  );
  await store.persist(Infinity);
  await one.settled();
  return one;
}

const candleLines = [
  'symbol,interval,start,open,high,low,close,volume,vwap,trades,revision,state',
  `AAPL,1m,${formatTime(monday)},170,170,170,170,100,170,1,0,final`,
  `AAPL,1m,${formatTime(monday + minute)},171.1,171.1,171.1,171.1,20,171.1,1,0,open`,
];

const csvOf = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

suite('a history comes as a file', () => {
  test('of CSV, by the header or by the address, ascending, whole', async (t) => {
    const one = await twoTrades(t);
    const accept = 'text/html;q=0.9, text/csv';
    const byHeader = await one.get('/api/v1/candles/aapl', { headers: { accept } });
    assert.equal(byHeader.status, 200, JSON.stringify(byHeader.body));
    assert.equal(byHeader.body, csvOf(candleLines));
    const head = (name: string): string | null => byHeader.headers.get(name);
    assert.equal(head('content-type'), 'text/csv; charset=utf-8; header=present');
    assert.equal(head('content-disposition'), 'attachment; filename="candles-AAPL-1m.csv"');
    assert.match(head('vary') ?? '', /^accept, /);
    const span = `from=${formatTime(monday + minute)}&to=${formatTime(monday + 2 * minute)}`;
    const byAddress = await one.get(`/api/candles/AAPL?format=csv&${span}`);
    assert.equal(byAddress.body, csvOf([candleLines[0], candleLines[2]]));
    const { body } = await one.get('/api/v1/trades/AAPL?format=csv');
    assert.deepEqual(
      body.split('\n').map((line: string) => line.split(',').slice(0, 4).join()),
      [
        'symbol,time,price,size',
        `AAPL,${formatTime(monday)},170,100`,
        `AAPL,${formatTime(monday + minute)},171.1,20`,
        '',
      ],
    );
    const json = await one.get('/api/v1/candles/AAPL', { headers: { accept: '*/*' } });
    assert.equal(json.body.candles.length, 2);
  });

  test('of Parquet, which is not compressed again', async (t) => {
    const one = await twoTrades(t);
    for (const path of ['candles', 'trades']) {
      const url = `${one.gateway.url}/api/v1/${path}/AAPL`;
      const response = await fetch(url, { headers: { accept: parquetType } });
      assert.equal(response.headers.get('content-type'), parquetType);
      assert.equal(response.headers.get('content-encoding'), null);
      const bytes = Buffer.from(await response.arrayBuffer());
      const ends = [bytes.subarray(0, 4), bytes.subarray(-4)].map(String);
      assert.deepEqual(ends, ['PAR1', 'PAR1']);
    }
  });

  test('with what was in the log when it was asked for', async (t) => {
    const { one, store } = await stored(t);
    await one.tape.trades({ time: monday, price: 17_000 });
    await one.settled();
    const asked = one.get('/api/v1/trades/AAPL?format=csv');
    await store.persist(Infinity);
    assert.equal((await asked).body.split('\n').length, 3);
  });

  test('or not, while the store is behind', async (t) => {
    const { one } = await stored(t, { catchUpMsMax: 20 });
    await one.tape.trades({ time: monday, price: 17_000 });
    await one.settled();
    const { status, body, headers } = await one.get('/api/v1/trades/AAPL?format=csv');
    assert.equal(status, 503);
    assert.match(body.detail, /store is 1 records of market\.trades behind/);
    assert.equal(headers.get('retry-after'), '1');
  });

  test('compressed where that is accepted', async (t) => {
    const one = await twoTrades(t);
    const { incoming } = await open(one, '/api/v1/candles/AAPL?format=csv', {
      'accept-encoding': 'gzip',
    });
    assert.equal(incoming.headers['content-encoding'], 'gzip');
    assert.equal(incoming.headers.vary, 'accept, accept-encoding');
    const bytes = Buffer.concat(await Array.fromAsync<Buffer>(incoming));
    assert.equal(String(gunzipSync(bytes)), csvOf(candleLines));
  });

  test('and HEAD tells of it without reading it', async (t) => {
    const one = await twoTrades(t);
    const url = `${one.gateway.url}/api/v1/candles/AAPL?format=csv`;
    const { status, headers } = await fetch(url, { method: 'HEAD' });
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^text\/csv/);
    assert.equal(headers.get('content-length'), null);
  });
});

suite('what cannot be had is refused', () => {
  test('with the reason, before anything is sent', async (t) => {
    const one = await twoTrades(t);
    const cases: readonly (readonly [path: string, status: number, detail: RegExp])[] = [
      ['/candles/AAPL?format=xml', 400, /"format" is "xml"/],
      ['/candles/AAPL?format=csv&limit=5', 400, /it has no "limit"/],
      ['/candles/AAPL?format=parquet&indicators=sma', 400, /it has no "indicators"/],
      ['/trades/AAPL?format=csv&cursor=x', 400, /it has no "cursor"/],
      ['/trades/NOPE?format=csv', 404, /"NOPE"/],
      ['/candles/AAPL?format=csv&empty=true&adjustment=split', 400, /without a candle/],
    ];
    for (const [path, expected, detail] of cases) {
      const { status, body, headers } = await one.get(`/api/v1${path}`);
      assert.equal(status, expected, path);
      assert.match(body.detail, detail);
      assert.match(headers.get('content-type') ?? '', /problem\+json/);
      assert.equal(headers.get('content-disposition'), null);
    }
  });

  test('as is a form that there is none of', async (t) => {
    const one = await twoTrades(t);
    const asked = async (accept: string): Promise<number> =>
      (await one.get('/api/v1/candles/AAPL', { headers: { accept } })).status;
    for (const accept of ['image/png', 'text/csv;q=0', 'application/json;q=0', 'csv', '*/*;q=0']) {
      assert.equal(await asked(accept), 406, accept);
    }
    for (const accept of ['text/*', 'image/png, */*;q=0.1', 'text/html, application/*;q=0.8']) {
      assert.equal(await asked(accept), 200, accept);
    }
    const { body } = await one.get('/api/v1/trades/AAPL', { headers: { accept: 'image/png' } });
    assert.match(body.cure, /application\/json, text\/csv, application\/vnd\.apache\.parquet/);
  });
});

/** More than the buffers of a connection hold. */
const manyRows = 300_000;

suite('a file goes at the pace of its reader', { timeout: 90_000 }, () => {
  const path = '/api/v1/candles/AAPL?interval=1s&format=csv';

  async function manyCandles(t: TestContext, limits: Partial<GatewayLimits> = {}) {
    const { one, store } = await stored(t, limits);
    const client = await connected(t, store.database);
    await one.tape.candles({ interval: '1s', time: monday, ohlc: [1, 1, 1, 1] });
    await store.persist(Infinity);
    await one.settled();
    const month = formatTime(monday).slice(0, 8);
    const fine = `candle_rows_fine_${month.slice(0, 7).replace('-', '_')}`;
    await client.query(
      `insert into ${fine} (instrument_id, price_kind, interval_id, start, open, high, low, close,
         volume, trades, priced, revision, state)
       select instrument_id, 0, 0, timestamptz '${month}01' + n * interval '1 second',
         1, 1, 1, 1, 1, 1, 1, 0, 1
       from instruments, generate_series(1, ${manyRows}) n where symbol = 'AAPL'`,
    );
    const exports = async (): Promise<string[]> =>
      await linesOf(
        client,
        `select state, wait_event from pg_stat_activity
         where application_name = 'tapeline exports' order by query like 'copy%' desc, query`,
      );
    const until = async (is: (lines: readonly string[]) => boolean): Promise<void> => {
      await eventually(
        async () => is(await exports()),
        async () => (await exports()).join(),
      );
    };
    return { one, store, client, until };
  }

  test('who stops reading holds up the database, and not our memory', async (t) => {
    const { one, until } = await manyCandles(t);
    const { incoming } = await open(one, path);
    await until(([line]) => line === 'active|ClientWrite');
    let rows = 0;
    for await (const chunk of incoming) rows += chunk.toString().split('\n').length - 1;
    assert.equal(rows, manyRows + 2);
    await until((lines) => lines.length === 0);
  });

  test('who leaves ends the query, and makes room for another', async (t) => {
    const { one, until } = await manyCandles(t, { filesAtOnceMax: 1 });
    const first = await open(one, path);
    await until(([line]) => line === 'active|ClientWrite');
    const second = await one.get(path);
    assert.equal(second.status, 429);
    assert.match(second.body.detail, /1 files are being sent/);
    first.asked.destroy();
    await until((lines) => lines.length === 0);
    assert.equal((await one.get(`${path}&to=1999-01-01`)).status, 200);
  });

  test('who leaves before the first row ends the query too', async (t) => {
    const { one, store, until } = await manyCandles(t);
    const other = await connected(t, store.database);
    await other.query('begin');
    await other.query('lock table candle_rows in access exclusive mode');
    const asked = request(new URL(path, one.gateway.url));
    asked.on('error', () => undefined);
    asked.end();
    await until((lines) => lines.some((line) => line === 'active|relation'));
    asked.destroy();
    await until((lines) => lines.length === 0);
  });

  test('who reads nothing for too long is hung up on', async (t) => {
    const { one, until } = await manyCandles(t, { slowMsMax: 200 });
    const { incoming } = await open(one, path);
    await until((lines) => lines.length === 0);
    await assert.rejects(Array.fromAsync(incoming), { code: 'ECONNRESET' });
  });

  test('and whoever reads half a file is told so', async (t) => {
    const { one, client, until } = await manyCandles(t);
    const { incoming } = await open(one, path);
    await until(([line]) => line === 'active|ClientWrite');
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'tapeline exports'`,
    );
    await assert.rejects(Array.fromAsync(incoming), { code: 'ECONNRESET' });
  });
});

/** An answer whose body nobody reads yet. */
async function open(
  { gateway }: Rig,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ asked: ClientRequest; incoming: IncomingMessage }> {
  const asked = request(new URL(path, gateway.url), { headers });
  asked.on('error', () => undefined);
  asked.end();
  const [incoming] = (await once(asked, 'response')) as [IncomingMessage];
  return { asked, incoming };
}

// What the store answers, against a real PostgreSQL filled by the sinks.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Micros, micros } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { formatTime } from '../../src/contracts/time.ts';
import type { Trade } from '../../src/contracts/wire-objects.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import type { TradeCursor } from '../../src/store/history.ts';
import { openHistory, type PostgresHistory } from '../../src/store/history-postgres.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { candleBatch, type SimpleCandle, type SimpleTrade, tradeBatch } from './batches.ts';
import { connected, testCluster } from './cluster.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const cluster = testCluster();
const second = 1_000_000;
const hour = 3_600 * second;
const noon = Date.UTC(2013, 9, 7, 12) * 1000;

function historyOf(t: TestContext, database: DatabaseAddress): PostgresHistory {
  const history = openHistory({ database });
  t.after(async () => await history.close());
  return history;
}

async function storeTrades(
  database: DatabaseAddress,
  trades: readonly SimpleTrade[],
  epoch = 'epoch',
): Promise<void> {
  const sink = openTradesSink({ database, epoch, partition: 0 });
  await sink.write([tradeBatch(0, trades)], trades.length);
  await sink.close();
}

async function storeCandles(
  database: DatabaseAddress,
  candles: readonly SimpleCandle[],
): Promise<void> {
  const sink = openCandlesSink({ database, epoch: 'epoch', partition: 0 });
  await sink.write([candleBatch(0, candles)], candles.length);
  await sink.close();
}

/** All pages, one after another. */
async function paged(
  history: PostgresHistory,
  symbol: string,
  query: { from?: Micros; to?: Micros; limit: number },
): Promise<Trade[]> {
  const trades: Trade[] = [];
  let before: TradeCursor | null = null;
  for (;;) {
    const page = await history.trades(symbol, { ...query, ...(before ? { before } : {}) });
    trades.push(...page.trades);
    if (!page.next) return trades;
    assert(page.trades.length >= query.limit, 'a page that is not the last is full');
    before = page.next;
  }
}

suite('trades', () => {
  test('come as the contract says', async (t) => {
    const database = await cluster.migratedDatabase();
    await storeTrades(database, [
      { symbol: 'AAA', time: noon, price: 1_050, size: 7, id: 42, conditions: '@ F', venue: 'Q' },
      { symbol: 'AAA', time: noon + 1, id: Number.NaN },
    ]);
    const { trades, next } = await historyOf(t, database).trades('AAA', { limit: 10 });
    assert.equal(next, null);
    assert.deepEqual(trades[1], {
      symbol: 'AAA',
      time: '2013-10-07T12:00:00Z',
      received: '2013-10-07T12:00:01Z',
      price: '10.5',
      size: '7',
      side: 'buy',
      id: '42',
      venue: 'Q',
      conditions: '@ F',
      source: 'test',
      sequence: 0,
      verdict: 'on time',
    });
    assert.equal(trades[0]?.id, null);
    assert.equal(trades[0]?.time, '2013-10-07T12:00:00.000001Z');
  });

  test('of an unknown symbol are none', async (t) => {
    const history = historyOf(t, await cluster.migratedDatabase());
    assert.deepEqual(await history.trades('NONE', { limit: 5 }), { trades: [], next: null });
  });

  test('of pages put together are the whole, without hole or repeat', async (t) => {
    // Crowded moments, quiet years, hours of one trade and hours of many, two symbols mixed.
    const moment = fc.oneof(
      { weight: 4, arbitrary: fc.nat(20).map((n) => noon + n) },
      { weight: 3, arbitrary: fc.nat(7_200).map((n) => noon + n * second) },
      { weight: 2, arbitrary: fc.nat(50).map((n) => noon + n * hour) },
      {
        weight: 1,
        arbitrary: fc.integer({ min: 1971, max: 2199 }).map((y) => Date.UTC(y, 5) * 1000),
      },
    );
    const trade = fc.record({ symbol: fc.constantFrom('AAA', 'BBB'), time: moment });
    const plan = fc.record({
      trades: fc.array(trade, { minLength: 1, maxLength: 120, size: 'max' }),
      limit: fc.integer({ min: 1, max: 40 }),
      from: fc.option(moment, { nil: undefined }),
      to: fc.option(moment, { nil: undefined }),
    });
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    const history = historyOf(t, database);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(plan, async ({ trades, limit, from, to }) => {
        await client.query('truncate trade_rows, trade_hours');
        await storeTrades(database, trades, `epoch ${++runs}`);
        const span = {
          ...(from === undefined ? {} : { from: micros(from) }),
          ...(to === undefined ? {} : { to: micros(to) }),
        };
        const wanted = trades
          .map(({ symbol, time }, offset) => ({ symbol, time, id: String(offset) }))
          .filter(
            ({ symbol, time }) =>
              symbol === 'AAA' && time >= (from ?? 0) && time < (to ?? Infinity),
          )
          .sort((a, b) => b.time - a.time || Number(b.id) - Number(a.id))
          .map(({ time, id }) => [formatTime(time), id]);
        const found = await paged(history, 'AAA', { ...span, limit });
        assert.deepEqual(
          found.map(({ time, id }) => [time, id]),
          wanted,
        );
      }),
      { seed, numRuns: 15 },
    );
  });

  test('that several epochs gave one time and offset are all there', async (t) => {
    const database = await cluster.migratedDatabase();
    const trades = Array.from({ length: 5 }, () => ({ symbol: 'AAA', time: noon }));
    for (const epoch of ['one', 'two', 'three']) await storeTrades(database, trades, epoch);
    const found = await paged(historyOf(t, database), 'AAA', { limit: 2 });
    assert.equal(found.length, 15);
  });

  test('are found without going through those of others', async (t) => {
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    const quiet = { symbol: 'QUIET', time: noon };
    const busy = Array.from({ length: 60_000 }, (_, n) => ({
      symbol: 'BUSY',
      time: noon + n * 100_000,
    }));
    await storeTrades(database, [quiet, ...busy]);
    await client.query('vacuum analyze trade_rows');
    const history = historyOf(t, database);
    await client.query('select pg_stat_force_next_flush()');
    await client.query('select pg_stat_reset()');
    const { trades } = await history.trades('QUIET', { limit: 100 });
    assert.equal(trades.length, 1);
    assert.equal((await history.trades('BUSY', { limit: 100 })).trades.length, 100);
    await history.close();
    await client.query('select pg_stat_force_next_flush()');
    const { rows } = await client.query<{ read: string }>(
      `select sum(seq_tup_read + idx_tup_fetch) as read from pg_stat_user_tables
       where relname like 'trade_rows%'`,
    );
    assert(Number(rows[0]?.read) < 15_000, `it read ${rows[0]?.read} of 60,001 rows`);
  });
});

suite('candles', () => {
  test('are the newest of the span, ascending', async (t) => {
    const database = await cluster.migratedDatabase();
    const months = [Date.UTC(2013, 8, 30, 23, 59) * 1000, Date.UTC(2014, 0) * 1000];
    const starts = months.flatMap((start) => [0, 1, 2, 3].map((n) => start + n * 60 * second));
    await storeCandles(
      database,
      starts.toReversed().flatMap((start) => [
        { symbol: 'AAA', start, interval: '1m', close: 1_234, volume: 3n, notional: 10n },
        { symbol: 'AAA', start, interval: '1s' },
        { symbol: 'AAA', start, interval: '1m', price: 'bid' },
        { symbol: 'BBB', start, interval: '1m' },
      ]),
    );
    const history = historyOf(t, database);
    const ask = async (query: { from?: number; to?: number; limit: number }): Promise<string[]> => {
      const { from, to, limit } = query;
      const candles = await history.candles('AAA', {
        interval: '1m',
        price: 'trade',
        limit,
        ...(from === undefined ? {} : { from: micros(from) }),
        ...(to === undefined ? {} : { to: micros(to) }),
      });
      return candles.map(({ start }) => start);
    };
    const names = starts.map(formatTime);
    assert.deepEqual(await ask({ limit: 100 }), names);
    assert.deepEqual(await ask({ limit: 5 }), names.slice(-5));
    assert.deepEqual(await ask({ from: starts[1], to: starts[6], limit: 3 }), names.slice(3, 6));
    assert.deepEqual(await ask({ from: starts[7], limit: 3 }), names.slice(7));
    assert.deepEqual(await ask({ to: starts[0], limit: 3 }), []);
    const [candle] = await history.candles('AAA', { interval: '1m', price: 'trade', limit: 1 });
    assert.deepEqual(candle, {
      symbol: 'AAA',
      price: 'trade',
      interval: '1m',
      start: names.at(-1),
      open: '10',
      high: '12.34',
      low: '10',
      close: '12.34',
      volume: '3',
      notional: '0.1',
      vwap: '0.03333333',
      trades: 1,
      priced: 1,
      revision: 0,
      state: 'final',
    });
  });

  test('of the last two days of every symbol', async (t) => {
    const database = await cluster.migratedDatabase();
    const day = 24 * hour;
    const start = Date.UTC(2013, 9, 7) * 1000;
    await storeCandles(
      database,
      ['BBB', 'AAA', 'a.b'].flatMap((symbol, index) =>
        Array.from({ length: index + 1 }, (_, n) => ({
          symbol,
          start: start + n * day,
          interval: '1d' as const,
        })),
      ),
    );
    const days = await historyOf(t, database).lastDays();
    assert.deepEqual(
      days.map(({ symbol, start: at }) => [symbol, at.slice(0, 10)]),
      [
        ['AAA', '2013-10-07'],
        ['AAA', '2013-10-08'],
        ['BBB', '2013-10-07'],
        ['a.b', '2013-10-08'],
        ['a.b', '2013-10-09'],
      ],
    );
  });
});

suite('answers', () => {
  test('say what the store holds', async (t) => {
    const database = await cluster.migratedDatabase();
    const times = [noon + 5, noon, noon + 30 * hour];
    await storeTrades(
      database,
      times.map((time) => ({ symbol: 'BBB', time })),
    );
    await storeCandles(database, [{ symbol: 'AAA', start: noon }]);
    assert.deepEqual(await historyOf(t, database).holdings(), {
      symbols: [
        { symbol: 'AAA', trades: 0, from: null, to: null },
        { symbol: 'BBB', trades: 3, from: noon, to: noon + 30 * hour },
      ],
      deadLetterCount: 0,
    });
  });

  test('are bounded: too large a limit and too long a queue are refused', async (t) => {
    const database = await cluster.migratedDatabase();
    const history = historyOf(t, database);
    for (const limit of [0, -1, 1.5, 1_000_000]) {
      await assert.rejects(history.trades('AAA', { limit }), { code: 'limit-exceeded' });
    }
    const asked = Array.from({ length: 500 }, async () => await history.instruments());
    const settled = await Promise.allSettled(asked);
    const refused = settled.filter(({ status }) => status === 'rejected');
    assert(refused.length > 100 && refused.length < 400, `${refused.length} of 500`);
    for (const { reason } of refused as PromiseRejectedResult[]) {
      assert(reason instanceof Failure && reason.code === 'limit-exceeded', String(reason));
    }
  });

  test('say that the database is away, and come when it is back', async (t) => {
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    const history = historyOf(t, database);
    await history.instruments();
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'tapeline history' and datname = current_database()`,
    );
    await history.instruments().catch((error: unknown) => {
      assert(error instanceof Failure && error.code === 'database-unavailable', String(error));
    });
    assert.deepEqual(await history.instruments(), []);
  });
});

// The candles sink against a real PostgreSQL: the newest version of each candle, exact, whatever
// comes in which write.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Client } from 'pg';
import { vwapOf, vwapScale } from '../../src/contracts/candle.ts';
import { formatBigDecimal } from '../../src/contracts/decimal.ts';
import { intervals } from '../../src/contracts/interval.ts';
import type { Sink, SinkBatch } from '../../src/store/sink.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { candleBatch, heartbeatBatch, type SimpleCandle } from './batches.ts';
import { connected, linesOf, testCluster } from './cluster.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const cluster = testCluster();
const second = 1_000_000;
const noon = Date.UTC(2013, 9, 7, 12) * 1000;

interface Opened {
  readonly client: Client;
  readonly sink: Sink;
  readonly open: (epoch?: string) => Sink;
}

async function opened(t: TestContext): Promise<Opened> {
  const database = await cluster.migratedDatabase();
  const client = await connected(t, database);
  const open = (epoch = 'epoch'): Sink => {
    const sink = openCandlesSink({ database, epoch, partition: 0 });
    t.after(async () => await sink.close());
    return sink;
  };
  return { client, sink: open(), open };
}

/** Batches one behind the other. */
function batchesOf(...groups: readonly (readonly SimpleCandle[])[]): SinkBatch[] {
  let offset = 0;
  return groups.map((candles) => {
    const batch = candleBatch(offset, candles);
    offset += candles.length;
    return batch;
  });
}

const versions = `select symbol, price, interval, micros(start), close, revision, state
  from candles order by symbol, price, interval, start`;

suite('the candles sink stores', () => {
  test('every field, sums exact far beyond 2^53', async (t) => {
    const { client, sink } = await opened(t);
    const volume = 2n ** 104n + 12_345n;
    const notional = 2n ** 105n - 1n;
    const candle: SimpleCandle = {
      symbol: 'AAA',
      start: noon,
      price: 'trade',
      interval: '15m',
      close: Number.MAX_SAFE_INTEGER,
      volume,
      notional,
      trades: 2_000_000_000,
      revision: 3,
      state: 'revised',
    };
    await sink.write([candleBatch(0, [candle], { priceScale: 12, sizeScale: 11 })], 1);
    const columns =
      'symbol, price, interval, micros(start), open, high, low, close, volume, notional, vwap,' +
      ' trades, revision, state';
    const vwap = vwapOf(notional, volume, 12) as bigint;
    const sums = [
      formatBigDecimal(volume, 11),
      formatBigDecimal(notional, 23),
      formatBigDecimal(vwap, vwapScale),
    ].join('|');
    assert.deepEqual(await linesOf(client, `select ${columns} from candles`), [
      `AAA|trade|15m|${noon}|0.000000001|9007.199254740991|0.000000001|9007.199254740991|${sums}` +
        '|2000000000|3|revised',
    ]);
  });

  test('no VWAP without volume', async (t) => {
    const { client, sink } = await opened(t);
    const bid: SimpleCandle = {
      symbol: 'EURUSD',
      start: noon,
      price: 'bid',
      volume: 0n,
      notional: 0n,
    };
    await sink.write([candleBatch(0, [bid])], 1);
    const stored = await linesOf(client, 'select price, volume, notional, vwap from candles');
    assert.deepEqual(stored, ['bid|0|0|∅']);
  });

  test('neither notional nor VWAP where bars do not tell it, in new rows and in old', async (t) => {
    const { client, sink } = await opened(t);
    const candle = { symbol: 'AAA', start: noon, notional: null };
    const known = { ...candle, start: noon + 60 * second, notional: 100_000n };
    await sink.write([candleBatch(0, [candle, known])], 2);
    const query = 'select volume, notional, vwap from candles order by start';
    assert.deepEqual(await linesOf(client, query), ['100|∅|∅', '100|1000|10']);
    await sink.write([candleBatch(2, [{ ...known, notional: null }])], 3);
    assert.deepEqual(await linesOf(client, query), ['100|∅|∅', '100|∅|∅']);
  });

  test('each interval and price kind apart, in any year', async (t) => {
    const { client, sink } = await opened(t);
    const starts = [Date.UTC(1971, 0) * 1000, noon, Date.UTC(2199, 11, 31) * 1000];
    const candles = starts
      .toReversed()
      .flatMap((start) =>
        intervals.flatMap((interval) =>
          (['trade', 'mid'] as const).map((price) => ({ symbol: 'AAA', start, interval, price })),
        ),
      );
    await sink.write([candleBatch(0, candles)], candles.length);
    const counts = await linesOf(client, 'select count(*) from candles group by start');
    assert.deepEqual(counts, ['14', '14', '14']);
  });

  test('of several versions in one write the last in the log', async (t) => {
    const { client, sink } = await opened(t);
    const [first, later] = batchesOf(
      [
        { symbol: 'AAA', start: noon, close: 1, state: 'open' },
        { symbol: 'AAA', start: noon, close: 2, state: 'final' },
        { symbol: 'BBB', start: noon, close: 9, state: 'open' },
      ],
      [{ symbol: 'AAA', start: noon, close: 3, revision: 1, state: 'revised' }],
    ) as [SinkBatch, SinkBatch];
    await sink.write([first, later], 4);
    assert.deepEqual(await linesOf(client, versions), [
      `AAA|trade|1s|${noon}|0.03|1|revised`,
      `BBB|trade|1s|${noon}|0.09|0|open`,
    ]);
  });

  test('no heartbeat, but the position past it', async (t) => {
    const { client, sink } = await opened(t);
    await sink.write([heartbeatBatch(0)], 1);
    assert.equal(await sink.position(), 1);
    assert.deepEqual(await linesOf(client, versions), []);
  });
});

suite('the candles sink keeps the newest version', () => {
  test('whatever the order, the cuts, the repeats and the interruptions', async (t) => {
    const candle = fc.record({
      symbol: fc.constantFrom('AAA', 'BBB'),
      interval: fc.constantFrom('1s' as const, '1h' as const),
      // Around the turn of a month, where the partition changes.
      start: fc.integer({ min: -4, max: 4 }).map((n) => Date.UTC(2013, 10) * 1000 + n * second),
      close: fc.integer({ min: 1, max: 1_000 }),
      revision: fc.nat(5),
      state: fc.constantFrom('open' as const, 'final' as const, 'revised' as const),
    });
    const plan = fc.record({
      groups: fc.array(fc.array(candle, { minLength: 1, maxLength: 8 }), { minLength: 1 }),
      writes: fc.array(fc.nat(4), { maxLength: 12 }),
      reopens: fc.array(fc.boolean()),
    });
    const { client, open } = await opened(t);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(plan, async ({ groups, writes, reopens }) => {
        await client.query('truncate candle_rows');
        const epoch = `epoch ${++runs}`;
        const batches = batchesOf(...groups);
        let sink = open(epoch);
        for (const [index, size] of [...writes, batches.length].entries()) {
          const position = await sink.position();
          // From one batch before the position, as after an interruption.
          const at = batches.findIndex(({ offset, count }) => offset + count > position);
          if (at < 0) break;
          const some = batches.slice(Math.max(0, at - 1), at + size);
          const last = some.at(-1);
          if (last) await sink.write(some, last.offset + last.count);
          if (!reopens[index]) continue;
          await sink.close();
          sink = open(epoch);
        }
        await sink.close();
        const newest = new Map(
          groups.flat().map((one) => [`${one.symbol} ${one.interval} ${one.start}`, one]),
        );
        const wanted = Array.from(newest, ([key, { close, revision, state }]) => {
          const [symbol, interval, start] = key.split(' ');
          const decimal = formatBigDecimal(BigInt(close), 2);
          return `${symbol}|trade|${interval}|${start}|${decimal}|${revision}|${state}`;
        });
        const stored = await linesOf(client, versions);
        assert.deepEqual(new Set(stored), new Set(wanted));
        assert.equal(stored.length, wanted.length);
      }),
      { seed, numRuns: 20 },
    );
  });

  test('and none of a candle that lost all its trades, until it has some again', async (t) => {
    const { client, sink } = await opened(t);
    const at = (n: number, trades: number, revision: number): SimpleCandle => ({
      symbol: 'AAA',
      start: noon + n * second,
      trades,
      revision,
      state: 'revised',
    });
    const stored = async () =>
      await linesOf(client, 'select trades, revision from candles order by start');
    await sink.write(batchesOf([at(0, 1, 0), at(1, 1, 0)], [at(0, 0, 1), at(2, 0, 1)]), 4);
    assert.deepEqual(await stored(), ['1|0']);
    await sink.write([candleBatch(4, [at(1, 0, 1)])], 5);
    assert.deepEqual(await stored(), []);
    await sink.write([candleBatch(5, [at(1, 2, 2)])], 6);
    assert.deepEqual(await stored(), ['2|2']);
  });

  test('also beside another writer of the same candles', async (t) => {
    const { client, open } = await opened(t);
    const [one, two] = [open('one'), open('two')];
    const at = (n: number, close: number): SimpleCandle => ({
      symbol: 'AAA',
      start: noon + n * second,
      close,
    });
    await one.write([candleBatch(0, [at(0, 1)])], 1);
    await two.write([candleBatch(0, [at(0, 2), at(1, 2)])], 2);
    // The first knows nothing of the second candle, and takes it for new.
    await one.write([candleBatch(1, [at(1, 3), at(2, 3)])], 3);
    assert.deepEqual(await linesOf(client, 'select close from candles order by start'), [
      '0.02',
      '0.03',
      '0.03',
    ]);
    assert.equal(await one.position(), 3);
    await Promise.all(
      [one, two].map(async (sink, index) => {
        for (let write = 0; write < 10; write++) {
          const offset = write * 50 + (index === 0 ? 3 : 2);
          const candles = Array.from({ length: 50 }, (_, n) => at(write * 40 + n, index));
          await sink.write([candleBatch(offset, candles)], offset + 50);
        }
      }),
    );
    assert.deepEqual(await linesOf(client, 'select count(*) from candles'), ['410']);
  });

  test('also when the database ends it, as one of two that wait for each other', async (t) => {
    const { client, sink } = await opened(t);
    await client.query(`
      create sequence rows_seen;
      create function be_deadlocked() returns trigger language plpgsql as $$ begin
        if nextval('rows_seen') = 2 then
          raise exception using errcode = 'deadlock_detected';
        end if;
        return new;
      end $$;
      create trigger deadlock before insert on candle_rows
        for each row execute function be_deadlocked();
    `);
    const candles = [0, 1].map((n) => ({ symbol: 'AAA', start: noon + n * second, close: n + 1 }));
    await sink.write([candleBatch(0, candles)], 2);
    assert.deepEqual(await linesOf(client, 'select close from candles order by start'), [
      '0.01',
      '0.02',
    ]);
    assert.equal(await sink.position(), 2);
    assert.deepEqual(await linesOf(client, 'select last_value from rows_seen'), ['4']);
  });

  test('and updates an open candle in place', async (t) => {
    const { client, sink } = await opened(t);
    const symbols = Array.from({ length: 40 }, (_, index) => `S${index}`);
    let offset = 0;
    for (let write = 0; write < 40; write++) {
      const candles = symbols.map((symbol) => ({ symbol, start: noon, interval: '1h' as const }));
      await sink.write([candleBatch(offset, candles)], offset + candles.length);
      offset += candles.length;
    }
    await client.query('select pg_stat_force_next_flush()');
    await sink.close();
    const [figures = ''] = await linesOf(
      client,
      `select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables
       where relname = 'candle_rows_fine_2013_10'`,
    );
    const [updates = 0, inPlace = 0] = figures.split('|').map(Number);
    assert.equal(updates, 39 * symbols.length);
    assert(inPlace > 0.9 * updates, `${inPlace} of ${updates} were in place`);
  });
});

// Rebuilding on a real PostgreSQL, of what the engine made live of the same trades, in whatever
// order they came.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { prng } from '../../src/base/prng.ts';
import { type CandleBatch, encodeCandles } from '../../src/contracts/candle.ts';
import { encodeJson } from '../../src/contracts/frame.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import { CandleOperator } from '../../src/engine/candles.ts';
import { SignalOperator } from '../../src/engine/signals/signals.ts';
import { type RebuildOptions, rebuild } from '../../src/pipeline/rebuild.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { openRework } from '../../src/store/rework-postgres.ts';
import type { Sink } from '../../src/store/sink.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openInstrumentsSink } from '../../src/store/sink-instruments.ts';
import { openSignalsSink } from '../../src/store/sink-signals.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import {
  type BatchFacts,
  candleBatch,
  jsonBatch,
  type SimpleTrade,
  tradeBatch,
} from '../store/batches.ts';
import { connected, linesOf, testCluster } from '../store/cluster.ts';

const cluster = testCluster();
const second = 1_000_000;
const minute = 60 * second;
const hour = 60 * minute;
const midnight = Date.UTC(2013, 9, 7) * 1000;

const everything: RebuildOptions = {
  symbols: null,
  replace: false,
  differencesMax: 100,
};

async function run(database: DatabaseAddress, options: Partial<RebuildOptions> = {}) {
  const store = await openRework(database);
  try {
    return await rebuild(store, { ...everything, ...options });
  } finally {
    await store.close();
  }
}

/** Some hours around midnight UTC, calm with a few jumps of price and volume. */
function market(symbol: string): SimpleTrade[] {
  const random = prng(20261121);
  const trades: SimpleTrade[] = [];
  let price = 10_000;
  for (let at = 0; at < 120; at++) {
    const time = midnight + 22 * hour + at * 2 * minute;
    const jump = at % 60 === 50 ? 1_200 : 0;
    for (let n = 0; n < 4; n++) {
      price += random.integer(21) - 10 + (n === 2 ? jump : 0) - (n === 3 ? jump : 0);
      const size = at % 45 === 40 ? 5_000 : 90 + random.integer(20);
      const id = trades.length;
      trades.push({
        symbol,
        time: time + n * 25 * second + random.integer(second),
        price,
        size,
        id,
      });
    }
  }
  // Those of two minutes in an order of their own, so that candles close and are revised.
  return trades
    .map((trade, index) => ({ trade, key: Math.floor(index / 4) + random.integer(1_000) / 1_001 }))
    .sort((a, b) => a.key - b.key)
    .map(({ trade }) => trade);
}

/**
 * Stores trades, and what the engine makes of them as they come; `engineFacts` where it knew of
 * other rules then.
 */
async function live(
  database: DatabaseAddress,
  trades: readonly SimpleTrade[],
  facts: BatchFacts = {},
  engineFacts = facts,
): Promise<void> {
  const operator = new CandleOperator({ allowedLateness: 2 * second, openEvery: 0 });
  const detector = new SignalOperator();
  const candles: CandleBatch[] = [];
  for (let at = 0; at < trades.length; at += 3) {
    operator.applyTrades(
      decodeTrades(tradeBatch(at, trades.slice(at, at + 3), engineFacts).bytes),
      0,
    );
    candles.push(...[operator.publish(0)].filter((batch) => batch !== null));
  }
  const symbols = [...new Set(trades.map(({ symbol }) => symbol))];
  const eventTime = midnight + 72 * hour;
  const end = { source: '', symbols, eventTime, receiveTime: 0, complete: true };
  operator.applyHeartbeat(end);
  candles.push(...[operator.publish(0)].filter((batch) => batch !== null));
  const signals = candles.flatMap((batch) => detector.apply(batch));
  const of = { database, epoch: 'epoch', partition: 0 };
  await append(openTradesSink(of), [trades.length], (offset) => [
    tradeBatch(offset, trades, facts).bytes,
  ]);
  const counts = candles.map(({ count }) => count);
  await append(openCandlesSink(of), counts, () => candles.map(encodeCandles));
  await append(openSignalsSink(of), [signals.length], () => [encodeJson(signals)]);
}

/** Writes batches of so many records behind what the sink has. */
async function append(
  sink: Sink,
  counts: readonly number[],
  encode: (offset: number) => readonly Uint8Array[],
): Promise<void> {
  const from = await sink.position();
  let next = from;
  const batches = encode(from).map((bytes, index) => {
    const offset = next;
    next += counts[index];
    return { offset, count: counts[index], bytes };
  });
  await sink.write(batches, next);
  await sink.close();
}

/** AAA trades around the clock, BBB in New York. */
async function filled(t: TestContext) {
  const database = await cluster.migratedDatabase();
  const bbb = { symbol: 'BBB', name: '', exchange: '', currency: '', assetClass: 'equity' };
  const unknown = { priceIncrement: null, sizeIncrement: null, source: 'test' };
  const sink = openInstrumentsSink({ database, epoch: 'epoch', partition: 0 });
  await sink.write([jsonBatch(0, [{ ...bbb, ...unknown, calendar: 'XNYS' }])], 1);
  await sink.close();
  await live(database, market('AAA'));
  await live(database, market('BBB'), { calendar: 'XNYS' });
  return { database, client: await connected(t, database) };
}

suite('a rebuild', () => {
  test('finds nothing else than what the engine made live, in candles and signals', async (t) => {
    const { database, client } = await filled(t);
    const report = await run(database);
    assert.deepEqual(report.differences, []);
    const [stored] = await linesOf(client, 'select count(*) from candle_rows');
    assert.equal(report.candles.compared, Number(stored));
    const raised = `select count(*) from signals where state = 'raised'`;
    assert.equal(report.signals.compared, Number((await linesOf(client, raised))[0]));
    assert(report.signals.compared >= 4);
    const revised = await linesOf(client, 'select count(*) from candle_rows where revision > 0');
    assert(Number(revised[0]) > 50, 'the order of the trades was no test');
    const days = `select symbol, start from candles where interval = '1d' order by 1, 2`;
    assert.deepEqual(await linesOf(client, days.replace('start', 'micros(start)')), [
      `AAA|${midnight}`,
      `AAA|${midnight + 24 * hour}`,
      `BBB|${midnight + 4 * hour}`,
    ]);
  });

  test('tells what differs, replaces it, and then finds nothing', async (t) => {
    const { database, client } = await filled(t);
    const [minuteStart] = await linesOf(
      client,
      `select start::text from candles where symbol = 'AAA' and interval = '1m'
       order by start limit 1`,
    );
    await client.query(
      `update candle_rows set high = 1000, revision = 4
       where interval_id = 1 and start = $1 and instrument_id =
         (select instrument_id from instruments where symbol = 'AAA')`,
      [minuteStart],
    );
    await client.query('delete from candle_rows where interval_id = 6 and start = $1', [
      formatTime(midnight + 4 * hour),
    ]);
    const [id] = await linesOf(client, 'select id from signals order by start, id limit 1');
    await client.query('delete from signals where id = $1', [id]);
    await client.query(
      `insert into signals select 'made up', kind, symbol, time, start, severity, 'raised', 2, text,
         "values" from signals limit 1`,
    );
    const found = await run(database);
    assert.deepEqual([found.candles.different, found.signals.different], [2, 2]);
    assert.equal(found.replaced, 0);
    const [first] = found.differences;
    assert.deepEqual([first.symbol, first.what], ['AAA', '1m']);
    assert.deepEqual(
      first.fields.map(({ field, stored }) => [field, stored]),
      [['high', '1000']],
    );
    assert.equal((await run(database, { replace: true })).replaced, 4);
    const again = await run(database);
    assert.deepEqual([again.candles.different, again.signals.different], [0, 0]);
    const mended = `select revision, state from candles where interval = '1m' and revision = 5`;
    assert.deepEqual(await linesOf(client, mended), ['5|revised']);
    const made = `select state, revision from signals where id = 'made up'`;
    assert.deepEqual(await linesOf(client, made), ['retracted|3']);
  });

  test('leaves alone what no trade is behind, what is open, and what quotes made', async (t) => {
    const { database, client } = await filled(t);
    const sink = openCandlesSink({ database, epoch: 'other', partition: 0 });
    const start = midnight + 23 * hour + minute + second;
    const of = { symbol: 'AAA', start } as const;
    await sink.write([candleBatch(0, [of, { ...of, price: 'bid' }], { priceScale: 1 })], 2);
    await sink.close();
    const days = 'update candle_rows set state = 0, volume = 1 where interval_id = 6';
    const open = (await client.query(days)).rowCount;
    // What bars were folded into has no notional.
    const hours =
      'update candle_rows set notional = null, volume = volume * 2 where interval_id = 5';
    const withBars = (await client.query(hours)).rowCount ?? 0;
    const rows = 'select * from candle_rows order by 1, 2, 3, 4';
    const before = await linesOf(client, rows);
    const { candles, replaced } = await run(database, { replace: true });
    assert.deepEqual(
      [candles.withoutTrades, candles.open, candles.ofQuotes, candles.different, replaced],
      [1 + withBars, open, 1, 0, 0],
    );
    assert.deepEqual(await linesOf(client, rows), before);
  });

  test('is of the candles that overlap its span, each computed whole', async (t) => {
    const { database, client } = await filled(t);
    const from = midnight + 24 * hour + 10 * minute + 5 * second;
    const span = { from, to: from + minute, symbols: ['BBB'] };
    const { candles, differences } = await run(database, span);
    assert.deepEqual(differences, []);
    const overlapping = `
      select count(*) from candles
      where symbol = 'BBB' and start < '${formatTime(span.to)}'
        and start + case interval when '1d' then '24 hours' else (
          select length from candle_intervals where name = interval
        ) end > '${formatTime(from)}'`;
    assert.equal(candles.compared, Number((await linesOf(client, overlapping))[0]));
    // A day in New York that began on the day before in UTC.
    await client.query('update candle_rows set volume = volume + 1');
    const found = await run(database, { ...span, replace: true });
    assert.equal(found.candles.different, candles.compared);
    assert.equal((await run(database, span)).candles.different, 0);
    assert((await run(database, { symbols: ['BBB'] })).candles.different > 0);
  });

  test('brings candles to a definition that has changed', async (t) => {
    const database = await cluster.migratedDatabase();
    const trades = market('AAA').map((trade, index) => ({
      ...trade,
      conditions: index % 3 === 0 ? 'I' : '@',
    }));
    // Made when no tape had rules yet.
    await live(database, trades, { tape: 'sip-c' }, { tape: '' });
    const found = await run(database, { replace: true });
    assert(found.candles.different > 0);
    const again = await run(database);
    assert.deepEqual([again.candles.different, again.signals.different], [0, 0]);
    const client = await connected(t, database);
    const unpriced = await linesOf(
      client,
      'select count(*) from candle_rows where priced < trades',
    );
    assert(Number(unpriced[0]) > 0);
  });

  test('refuses a symbol that nobody knows', async (t) => {
    const { database } = await filled(t);
    await assert.rejects(run(database, { symbols: ['AAA', 'NOPE'] }), { code: 'not-found' });
  });
});

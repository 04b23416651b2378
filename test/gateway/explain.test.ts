// Explanations from a real PostgreSQL that the sinks have filled with trades and with the candles
// that the engine made of them as it does live.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { encodeCandles } from '../../src/contracts/candle.ts';
import { encodeJson } from '../../src/contracts/frame.ts';
import type { Interval } from '../../src/contracts/interval.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { CandleOperator } from '../../src/engine/candles.ts';
import { explainCandle } from '../../src/gateway/explain.ts';
import { explainSignal } from '../../src/gateway/explain-signal.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { openHistory, type PostgresHistory } from '../../src/store/history-postgres.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openSignalsSink } from '../../src/store/sink-signals.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { type BatchFacts, candleBatch, type SimpleTrade, tradeBatch } from '../store/batches.ts';
import { connected, testCluster } from '../store/cluster.ts';
import { rig } from './rig.ts';
import { monday } from './tape.ts';

const cluster = testCluster();
const second = 1_000_000;
const day = 86_400 * second;
const noon = Date.UTC(2013, 9, 7, 12) * 1000;

/** Trades a minute apart or less, in cents; conditions of tape C. */
const trades: readonly SimpleTrade[] = [
  { symbol: 'AAA', time: noon, price: 1_000, size: 100, conditions: '@' },
  // An odd lot beyond all others: it counts to the volume only.
  { symbol: 'AAA', time: noon + second, price: 9_000, size: 1, conditions: '@ I' },
  { symbol: 'AAA', time: noon + 2 * second, price: 1_020, size: 100, conditions: '@ F' },
  // Sold out of sequence: moves the high of a day, and within the day the volume only.
  { symbol: 'AAA', time: noon + 3 * second, price: 1_500, size: 50, conditions: 'Z' },
  { symbol: 'AAA', time: noon + 4 * second, price: 990, size: 100, conditions: '@' },
  // The official close is no trade.
  { symbol: 'AAA', time: noon + 5 * second, price: 2_000, size: 100, conditions: 'M' },
];

async function storeTrades(
  database: DatabaseAddress,
  rows: readonly SimpleTrade[],
  { epoch = 'one', ...facts }: BatchFacts & { readonly epoch?: string } = {},
): Promise<void> {
  const sink = openTradesSink({ database, epoch, partition: 0 });
  const offset = await sink.position();
  await sink.write([tradeBatch(offset, rows, { tape: 'sip-c', ...facts })], offset + rows.length);
  await sink.close();
}

/** The candles that the engine makes of trades, closed. */
async function storeCandles(database: DatabaseAddress, rows: readonly SimpleTrade[]) {
  const operator = new CandleOperator({ allowedLateness: 0, openEvery: 0 });
  operator.applyTrades(decodeTrades(tradeBatch(0, rows, { tape: 'sip-c' }).bytes), 0);
  const symbols = [...new Set(rows.map(({ symbol }) => symbol))];
  const at = { source: '', receiveTime: 0, complete: true };
  operator.applyHeartbeat({ ...at, symbols, eventTime: noon + 2 * day });
  const candles = operator.publish(0);
  assert(candles);
  const sink = openCandlesSink({ database, epoch: 'one', partition: 0 });
  const { count } = candles;
  await sink.write([{ offset: 0, count, bytes: encodeCandles(candles) }], count);
  await sink.close();
}

async function filled(t: TestContext) {
  const database = await cluster.migratedDatabase();
  await storeTrades(database, trades);
  await storeCandles(database, trades);
  return { database, history: opened(t, database) };
}

function opened(t: TestContext, database: DatabaseAddress): PostgresHistory {
  const history = openHistory({ database });
  t.after(async () => await history.close());
  return history;
}

const asked = {
  symbol: 'AAA',
  price: 'trade',
  calendar: '24/7',
  start: formatTime(noon),
  limit: 100,
} as const;

suite('the explanation of a candle', () => {
  test('lists its trades, what each may move and why, and which made its prices', async (t) => {
    const { history } = await filled(t);
    const told = await explainCandle(history, { ...asked, interval: '1m' });
    assert.equal(told.matches, true);
    assert.deepEqual(told.differences, []);
    assert.deepEqual(
      told.trades.map(({ moves: { openClose, highLow, volume }, rules, made, position }) => [
        position.offset,
        [openClose, highLow, volume].map((may) => (may ? 'Y' : 'N')).join(''),
        rules.map(({ code, meaning }) => `${code} ${meaning}`).join(', '),
        made.join(),
      ]),
      [
        [0, 'YYY', '@ regular', 'open'],
        [1, 'NNY', '@ regular, I odd lot', ''],
        [2, 'YYY', '@ regular, F intermarket sweep', 'high'],
        [3, 'NNY', 'Z sold out of sequence', ''],
        [4, 'YYY', '@ regular', 'low,close'],
        [5, 'NNN', 'M official close', ''],
      ],
    );
    const [first] = told.trades;
    assert.deepEqual(first.position, { epoch: 'one', partition: 0, offset: 0 });
    assert.equal(first.delayMicros, second);
    assert.equal(first.verdict, 'on time');
    const { open, high, low, close, volume, trades: count, priced, state } = told.stored ?? {};
    assert.deepEqual(
      [open, high, low, close, volume, count, priced, state],
      ['10', '10.2', '9.9', '9.9', '351', 5, 3, 'final'],
    );
    assert.deepEqual(told.counts, {
      trades: 6,
      late: 0,
      repeats: 0,
      openClose: 3,
      highLow: 3,
      volume: 5,
    });
  });

  test("goes by the tape's rules for days where it is a day's", async (t) => {
    const { history } = await filled(t);
    const told = await explainCandle(history, { ...asked, interval: '1d' });
    assert.equal(told.matches, true);
    assert.equal(told.made.high?.position.offset, 3);
    assert.equal(told.stored?.high, '15');
    assert.deepEqual([told.start, told.end], ['2013-10-07T00:00:00Z', '2013-10-08T00:00:00Z']);
  });

  test('names the fields in which the stored candle is another', async (t) => {
    const { database, history } = await filled(t);
    const client = await connected(t, database);
    await client.query('update candle_rows set high = 11, volume = 350 where interval_id = 1');
    const told = await explainCandle(history, { ...asked, interval: '1m' });
    assert.equal(told.matches, false);
    assert.deepEqual(told.differences, [
      { field: 'high', stored: '11', recomputed: '10.2' },
      { field: 'volume', stored: '350', recomputed: '351' },
    ]);
    assert.match(told.notes.join(), /rebuild/);
  });

  test('lists trades page by page, and folds all of them for each', async (t) => {
    const { history } = await filled(t);
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const told = await explainCandle(history, { ...asked, interval: '5m', limit: 4, cursor });
      assert.equal(told.matches, true);
      assert.equal(told.counts.trades, 6);
      seen.push(...told.trades.map(({ position }) => position.offset));
      cursor = told.next ?? undefined;
    } while (cursor !== undefined);
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5]);
  });

  test('counts a trade once that a second epoch of the log holds again', async (t) => {
    const { database, history } = await filled(t);
    await storeTrades(database, trades, { epoch: 'two' });
    const told = await explainCandle(history, { ...asked, interval: '1m' });
    assert.equal(told.matches, true);
    assert.equal(told.counts.repeats, 6);
    assert.equal(told.trades.filter(({ isRepeat }) => isRepeat).length, 6);
    assert.match(told.notes.join(), /two epochs/);
  });

  test('is exact where scales change within it', async (t) => {
    const database = await cluster.migratedDatabase();
    await storeTrades(database, [{ symbol: 'AAA', time: noon, price: 1_000, size: 1 }], {
      tape: '',
    });
    const finer = { symbol: 'AAA', time: noon + 1, price: 10_000_001, size: 15 };
    await storeTrades(database, [finer], { tape: '', priceScale: 6, sizeScale: 1 });
    const told = await explainCandle(opened(t, database), { ...asked, interval: '1s' });
    assert.equal(told.made.high?.price, '10.000001');
    const { high, volume, notional } = told.recomputed ?? {};
    assert.deepEqual([high, volume, notional], ['10.000001', '2.5', '25.0000015']);
    assert.equal(told.matches, false);
    assert.equal(told.stored, null);
  });
});

suite('what cannot be explained from trades', () => {
  test('is said of quote candles, of imported ones and of a quiet time', async (t) => {
    const { database, history } = await filled(t);
    const sink = openCandlesSink({ database, epoch: 'two', partition: 0 });
    const quoted = { symbol: 'AAA', start: noon, interval: '1m', price: 'bid' } as const;
    const imported = { symbol: 'AAA', start: noon - day, interval: '1d' } as const;
    await sink.write([candleBatch(0, [quoted, imported])], 2);
    await sink.close();
    const bid = await explainCandle(history, { ...asked, price: 'bid', interval: '1m' });
    assert.match(bid.notes.join(), /Quotes are kept in the log and not in the database/);
    const before = { ...asked, start: formatTime(noon - day) };
    const whole = await explainCandle(history, { ...before, interval: '1d' });
    assert.match(whole.notes.join(), /made of bars/);
    const quiet = await explainCandle(history, { ...before, interval: '1m' });
    assert.match(quiet.notes.join(), /no candle/);
    for (const told of [bid, whole, quiet]) {
      assert.equal(told.matches, null);
      assert.equal(told.recomputed, null);
      assert.deepEqual(told.differences, []);
    }
  });

  test('is an unknown symbol', async (t) => {
    const { history } = await filled(t);
    await assert.rejects(explainCandle(history, { ...asked, symbol: 'NOPE', interval: '1m' }), {
      code: 'not-found',
    });
  });
});

test('only so many read all the trades of a span at once', async (t) => {
  const { history } = await filled(t);
  const open = [1, 2].map(() => history.placedTrades('AAA', {})[Symbol.asyncIterator]());
  for (const reader of open) await reader.next();
  await assert.rejects(explainCandle(history, { ...asked, interval: '1m' }), {
    code: 'limit-exceeded',
  });
  for (const reader of open) await reader.return?.(null);
  assert.equal((await explainCandle(history, { ...asked, interval: '1m' })).matches, true);
});

function swing(fields: Partial<Signal> = {}): Signal {
  return {
    id: '0123456789abcdef0123456789abcdef',
    kind: 'volatility',
    symbol: 'AAA',
    time: formatTime(noon + 60 * second),
    start: formatTime(noon),
    severity: 'low',
    state: 'raised',
    revision: 0,
    text: 'AAA swung 3 % in a minute, trend down',
    values: { percent: '3' },
    ...fields,
  };
}

suite('the explanation of a signal', () => {
  test('gives its definition, the figures it compares with and its candles', async (t) => {
    const { database, history } = await filled(t);
    const sink = openSignalsSink({ database, epoch: 'one', partition: 0 });
    await sink.write([{ offset: 0, count: 1, bytes: encodeJson([swing()]) }], 1);
    await sink.close();
    const signal = await history.signal(swing().id);
    assert.deepEqual(signal, swing());
    assert.equal(await history.signal('unknown'), null);
    const told = await explainSignal(history, swing(), '24/7');
    assert.deepEqual(told.parameters, { highPercent: 10, mediumPercent: 5, lowPercent: 2 });
    assert.match(told.definition, /2 % of its open/);
    assert.deepEqual(
      told.candles.map(({ role, explain }) => [role, explain]),
      [['the minute', '/api/v1/explain/candle/AAA/1m/2013-10-07T12:00:00Z']],
    );
    const gone = swing({ state: 'retracted', revision: 1 });
    const retracted = await explainSignal(history, gone, '24/7');
    assert.match(retracted.notes.join(), /retracted/);
  });
});

suite('over REST', () => {
  test('a candle is explained at any time within it', async (t) => {
    const one = await rig(t);
    const time = monday + 10 * second;
    await one.tape.trades({ time, price: 1_000 }, { time: time + 1, price: 1_100 });
    await one.history.persistAll();
    const at = (interval: Interval | 'week', start: string, query = '') =>
      one.get(`/api/v1/explain/candle/aapl/${interval}/${start}${query}`);
    const { status, body } = await at('1m', '2024-05-06T14:30:25Z', '?limit=1');
    assert.equal(status, 200);
    assert.equal(body.start, '2024-05-06T14:30:00Z');
    assert.deepEqual([body.recomputed.open, body.recomputed.close], ['10', '11']);
    assert.equal(body.trades.length, 1);
    const next = await at('1m', '2024-05-06T14:30:25Z', `?cursor=${body.next}`);
    assert.deepEqual([next.body.trades.length, next.body.next], [1, null]);
    assert.equal((await at('1m', 'noon')).status, 400);
    assert.equal((await at('week', '2024-05-06')).status, 400);
    assert.equal((await at('1m', '2024-05-06', '?cursor=x')).status, 400);
    assert.equal((await one.get('/api/v1/explain/candle/NOPE/1m/2024-05-06')).status, 404);
  });

  test('a signal is explained before the store has it', async (t) => {
    const one = await rig(t);
    const minute = { interval: '1m', time: noon, state: 'final' } as const;
    await one.tape.candles({ ...minute, ohlc: [1_000, 1_030, 1_000, 1_010] });
    await one.tape.signals(swing({ symbol: 'AAPL' }));
    await one.settled();
    const { status, body } = await one.get(`/api/v1/explain/signal/${swing().id}`);
    assert.equal(status, 200);
    const [{ role, candle }, ...others] = body.candles;
    assert.deepEqual([role, candle.high, others], ['the minute', '10.3', []]);
    assert.equal(body.signal.text, swing().text);
    assert.equal((await one.get('/api/v1/explain/signal/none')).status, 404);
    const { paths } = (await one.get('/openapi.json')).body;
    assert(paths['/api/v1/explain/candle/{symbol}/{interval}/{start}']);
    assert(paths['/api/v1/explain/signal/{id}']);
  });
});

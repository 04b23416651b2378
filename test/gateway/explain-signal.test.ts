// Each kind of signal, raised by the engine and explained from a real PostgreSQL that holds its
// candles among others: the explanation lists those that the definition reads and no others, and
// whoever has nothing else comes to the same figures.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { encodeCandles } from '../../src/contracts/candle.ts';
import type { SignalExplanation } from '../../src/contracts/explanation.ts';
import type { SignalKind } from '../../src/contracts/signal.ts';
import { formatTime } from '../../src/contracts/time.ts';
import type { Candle } from '../../src/contracts/wire-objects.ts';
import { SignalOperator } from '../../src/engine/signals/signals.ts';
import { explainSignal } from '../../src/gateway/explain-signal.ts';
import { openHistory } from '../../src/store/history-postgres.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import {
  batchOf,
  flat,
  minute,
  monday,
  quoted,
  type SimpleCandle,
  second,
  standing,
} from '../engine/signals/candles.ts';
import { markBatch } from '../mark-batch.ts';
import { type SimpleTrade, tradeBatch } from '../store/batches.ts';
import { testCluster } from '../store/cluster.ts';

const cluster = testCluster();
const utc = (text: string): number => Date.parse(text) * 1000;

interface Facts {
  readonly calendar?: string;
  readonly trades?: readonly SimpleTrade[];
  /** All minutes of quotes before this are over. */
  readonly quotesOver?: number;
}

/** Stores the candles and explains the only signal of a kind that they raise. */
async function explained(
  t: TestContext,
  kind: SignalKind,
  candles: readonly SimpleCandle[],
  { calendar = '24/7', trades = [], quotesOver = 0 }: Facts = {},
): Promise<SignalExplanation> {
  const database = await cluster.migratedDatabase();
  const batch = batchOf(
    candles.toSorted((a, b) => a.start - b.start),
    { calendar },
  );
  const options = { database, epoch: 'one', partition: 0 };
  const sink = openCandlesSink(options);
  const { count } = batch;
  await sink.write([{ offset: 0, count, bytes: encodeCandles(batch) }], count);
  await sink.close();
  if (trades.length > 0) {
    const tradesSink = openTradesSink(options);
    await tradesSink.write([tradeBatch(0, trades)], trades.length);
    await tradesSink.close();
  }
  const operator = new SignalOperator();
  const span = { start: formatTime(quotesOver - minute), end: formatTime(quotesOver) };
  const sides = (['bid', 'ask'] as const).map((price) => ({ symbol: 'AAA', price, ...span }));
  const marks = markBatch(sides.map((side) => ({ ...side, state: 'no_trades' })));
  const found = standing([...operator.apply(batch), ...operator.applyMarks(marks)]);
  const [signal, ...others] = found.filter((one) => one.kind === kind);
  assert(signal, `no ${kind}`);
  assert.deepEqual(others, []);
  const history = openHistory({ database });
  t.after(async () => await history.close());
  return await explainSignal(history, signal, calendar);
}

/** Role, price kind where it is not of trades, and time of day. */
function listed({ candles }: SignalExplanation) {
  return candles.map(({ role, candle: { price, start } }) => {
    return [role, `${price === 'trade' ? '' : `${price} `}${start.slice(5, 19)}`];
  });
}

function having({ candles }: SignalExplanation, role: RegExp): Candle[] {
  return candles.filter((one) => role.test(one.role)).map(({ candle }) => candle);
}

function only(told: SignalExplanation, role: RegExp): Candle {
  const [candle, ...others] = having(told, role);
  assert(candle && others.length === 0, `one candle with the role ${role}`);
  return candle;
}

/** Percent by which a price is above another, two digits. */
function percent(price: number, of: number): string {
  return String(Number(((100 * (price - of)) / of).toFixed(2)));
}

/** Mean and standard deviation of volumes. */
function usual(candles: readonly Candle[]) {
  const volumes = candles.map(({ volume }) => Number(volume));
  const mean = volumes.reduce((sum, one) => sum + one, 0) / volumes.length;
  const squares = volumes.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / volumes.length) };
}

suite('an explained signal is recomputed from its explanation alone', () => {
  test('price-spike', async (t) => {
    const at = (seconds: number, price: number) => flat('1s', monday + seconds * second, price);
    const candles = [
      at(-52, 9_700), // in neither window
      at(-50, 10_000),
      at(-49, 10_100),
      { ...at(-5, 5_000), isPriced: false },
      at(8, 10_200),
      { ...at(10, 10_300), high: 10_700 },
      at(11, 10_700),
    ];
    const told = await explained(t, 'price-spike', candles);
    assert.deepEqual(listed(told), [
      ['a second of the window of the second before it alone', '05-06T14:29:10'],
      ['a second of the window', '05-06T14:29:11'],
      ['the second before it', '05-06T14:30:08'],
      ['the second that completed it', '05-06T14:30:10'],
    ]);
    const low = (of: readonly Candle[]) => Math.min(...of.map((one) => Number(one.low)));
    const spike = only(told, /completed/);
    const before = only(told, /^the second before it$/);
    const from = low([...having(told, /window$/), before, spike]);
    assert.deepEqual(told.signal.values, {
      direction: 'up',
      from: String(from),
      to: spike.high,
      percent: percent(Number(spike.high), from),
    });
    const fromBefore = low([...having(told, /window/), before]);
    assert(Number(before.high) <= 1.05 * fromBefore, 'it was not so before');
  });

  test('volume-anomaly by sessions', async (t) => {
    // From Wednesday on, an early close at 17:00 among them; the minute is five hours after 13:30.
    const days = ['06-26', '06-27', '06-28', '07-01', '07-02', '07-03', '07-05', '07-08'];
    const volumes = [900, 1_000, 1_100, 950, 0, 7_777, 1_050, 9_000];
    const candles = days.flatMap((day, at) => {
      const start = utc(`2024-${day}T18:30Z`);
      return [
        flat('1m', start - minute, 10_000, 3_000),
        flat('1m', start, 10_000, volumes[at]),
        flat('1m', start + minute, 10_000, 3_000),
      ];
    });
    // Too long ago: 28.5 days before the open are from June 10 on.
    candles.push(flat('1m', utc('2024-06-07T18:30Z'), 10_000, 1));
    const told = await explained(t, 'volume-anomaly', candles, { calendar: 'XNYS' });
    const of = (day: string) => ['the same minute of a session before', `${day}T18:30:00`];
    assert.deepEqual(listed(told), [
      ...['06-26', '06-27', '06-28', '07-01', '07-05'].map(of),
      ['the minute', '07-08T18:30:00'],
    ]);
    assertVolume(told, having(told, /session/), 'sessions');
  });

  test('volume-anomaly by minutes, for there are too few sessions', async (t) => {
    const start = utc('2024-07-08T14:00Z');
    const minutes = Array.from({ length: 25 }, (_, at) => at).filter((at) => at % 12 !== 5);
    const candles = [
      flat('1m', utc('2024-07-05T14:00Z'), 10_000, 120),
      ...minutes.map((at) => flat('1m', start - (25 - at) * minute, 10_000, 90 + at)),
      flat('1m', start, 10_000, 900),
      flat('1m', start + minute, 10_000, 100),
    ];
    const told = await explained(t, 'volume-anomaly', candles, { calendar: 'XNYS' });
    const before = minutes.slice(-20).map((at) => formatTime(start - (25 - at) * minute));
    assert.deepEqual(listed(told), [
      ['the same minute of a session before: too few to compare with', '07-05T14:00:00'],
      ...before.map((time) => ['a minute before it', time.slice(5, 19)]),
      ['the minute', '07-08T14:00:00'],
    ]);
    assertVolume(told, having(told, /a minute before/), 'minutes');
  });

  test('volatility', async (t) => {
    const swing = { ...flat('1m', monday, 10_000), high: 10_300, low: 9_900, close: 10_100 };
    const others = [-1, 1].map((at) => flat('1m', monday + at * minute, 10_000));
    const told = await explained(t, 'volatility', [...others, swing]);
    assert.deepEqual(listed(told), [['the minute', '05-06T14:30:00']]);
    const { open, high, low, close, notional, volume } = only(told, /minute/);
    const range = 100 + 100 * ((Number(high) - Number(low)) / Number(open));
    assert.deepEqual(told.signal.values, {
      high,
      low,
      percent: percent(range, 100),
      trend: Number(close) > Number(open) ? 'up' : 'down',
      average: String(Number(notional) / Number(volume)),
    });
  });

  test('price-change', async (t) => {
    const start = monday - 30 * minute;
    const hour = { ...flat('1h', start, 10_000), high: 10_700, close: 10_600 };
    const told = await explained(t, 'price-change', [flat('1h', start - 60 * minute, 9), hour]);
    assert.deepEqual(listed(told), [['the hour', '05-06T14:00:00']]);
    const { open, close } = only(told, /hour/);
    const expected = { from: open, to: close, percent: percent(Number(close), Number(open)) };
    assert.deepEqual(told.signal.values, expected);
  });

  test('gap-at-open', async (t) => {
    const night = Array.from({ length: 600 }, (_, at) =>
      flat('1m', utc('2024-07-02T20:00Z') + at * minute, 11_000),
    );
    const candles = [
      flat('1m', utc('2024-07-02T19:40Z'), 9_000),
      { ...flat('1m', utc('2024-07-02T19:50Z'), 9_950), close: 10_100 },
      { ...flat('1m', utc('2024-07-02T19:59Z'), 50_000), isPriced: false },
      ...night,
      { ...flat('1m', utc('2024-07-03T13:30Z'), 50_000), isPriced: false },
      { ...flat('1m', utc('2024-07-03T13:32Z'), 10_400), close: 10_300, low: 10_300 },
      flat('1m', utc('2024-07-03T13:33Z'), 10_500),
    ];
    const told = await explained(t, 'gap-at-open', candles, { calendar: 'XNYS' });
    assert.deepEqual(listed(told), [
      ['the last minute of the session before', '07-02T19:50:00'],
      ['the first minute of the session', '07-03T13:32:00'],
    ]);
    const { close: from } = only(told, /last minute/);
    const { open: to } = only(told, /first minute/);
    const expected = { from, to, percent: percent(Number(to), Number(from)) };
    assert.deepEqual(told.signal.values, expected);
  });

  test('bad-print of a second, with its trade and the quotes of its time', async (t) => {
    const at = (seconds: number, price: number) => flat('1s', monday + seconds * second, price);
    const candles = [
      at(-30, 10_000),
      at(3, 10_050),
      { ...at(5, 10_100), high: 12_000, low: 10_000 },
      quoted('ask', '1s', monday + 5 * second, 10_110, 10_200),
      quoted('bid', '1s', monday + 5 * second, 10_000, 10_050),
      quoted('ask', '1s', monday + 6 * second, 10_300),
      { ...at(7, 10_080), isPriced: false },
      at(9, 10_090),
      at(10, 10_000),
    ];
    const trades = [10_100, 12_000, 10_000, 10_100].map((price, index) => {
      return { symbol: 'AAA', time: monday + 5 * second + index, price, size: 7 };
    });
    const told = await explained(t, 'bad-print', candles, { trades });
    assert.deepEqual(listed(told), [
      ['the candle before it', '05-06T14:30:03'],
      ['the candle whose high it is', '05-06T14:30:05'],
      ['the asks of its time', 'ask 05-06T14:30:05'],
      ['the candle after it', '05-06T14:30:09'],
    ]);
    assertPrint(told, 'high');
    const { print } = told.candles[1];
    assert.deepEqual([print?.price, print?.size, print?.position.offset], ['120', '7', 1]);
    assert.deepEqual(
      told.candles.filter((_, index) => index !== 1).map((one) => one.print),
      [null, null, null],
    );
  });

  test('bad-print of a minute, at the beginning of a day', async (t) => {
    const open = monday - 60 * minute;
    const candles = [
      flat('1m', open - 24 * 60 * minute, 7_000), // another day's
      { ...flat('1m', open, 10_000), low: 7_200 },
      quoted('bid', '1m', open, 9_700, 9_900),
      flat('1m', open + 2 * minute, 10_050),
    ];
    const told = await explained(t, 'bad-print', candles, { calendar: 'XNYS' });
    assert.deepEqual(listed(told), [
      ['the candle whose low it is', '05-06T13:30:00'],
      ['the bids of its time', 'bid 05-06T13:30:00'],
      ['the candle after it', '05-06T13:32:00'],
    ]);
    assertPrint(told, 'low');
  });

  test('crossed-quotes', async (t) => {
    const both = (seconds: number, bid: number, ask: number) => [
      quoted('bid', '1s', monday + seconds * second, bid, bid + 3),
      quoted('ask', '1s', monday + seconds * second, ask - 3, ask),
    ];
    const crossed = [4, 9, 11, 20, 33, 40, 61];
    const candles = [
      ...both(-3, 10_100, 10_000),
      ...both(1, 9_990, 10_000),
      ...crossed.flatMap((at) => both(at, 10_005 + at, 10_000)),
      ...both(25, 10_000, 10_001),
    ];
    const told = await explained(t, 'crossed-quotes', candles);
    const pairs = (role: string, at: number) =>
      ['bid', 'ask'].map((price) => [
        role,
        `${price} ${formatTime(monday + at * second).slice(5, 19)}`,
      ]);
    assert.deepEqual(listed(told), [
      ...crossed.slice(0, 4).flatMap((at) => pairs('a crossed second', at)),
      ...pairs('the second that completed it', 33),
    ]);
    const bids = told.candles.filter(({ candle }) => candle.price === 'bid');
    const asks = told.candles.filter(({ candle }) => candle.price === 'ask');
    assert.deepEqual(
      bids.map(({ candle }, at) => Number(candle.low) >= Number(asks[at].candle.high)),
      [true, true, true, true, true],
    );
    const { low: bid } = bids[4].candle;
    const { high: ask } = asks[4].candle;
    const expected = { bid, ask, percent: percent(Number(bid), Number(ask)) };
    assert.deepEqual(told.signal.values, expected);
  });

  for (const hasEnded of [false, true]) {
    test(`stale-quotes ${hasEnded ? 'that are over' : 'that last'}`, async (t) => {
      const quotesAt = (at: number) =>
        (['bid', 'ask'] as const).map((side) => quoted(side, '1m', monday + at * minute, 10_000));
      const ends = [8, 9].flatMap(quotesAt);
      const candles = [
        ...[-1, 0].flatMap(quotesAt),
        ...[0, 4, 6, 7, 10].map((at) => flat('1m', monday + at * minute, 10_000)),
        ...(hasEnded ? ends : []),
      ];
      const quotesOver = monday + 10 * minute;
      const told = await explained(t, 'stale-quotes', candles, { quotesOver });
      const next = ['bid', 'ask'].map((side) => [
        'the next minute with quotes',
        `${side} 05-06T14:38:00`,
      ]);
      assert.deepEqual(listed(told), [
        ['the last minute with quotes', 'bid 05-06T14:30:00'],
        ['the last minute with quotes', 'ask 05-06T14:30:00'],
        ['the first minute that had trades five minutes later', '05-06T14:36:00'],
        ...(hasEnded ? next : []),
      ]);
      const last = utc(having(told, /last minute/)[0].start);
      assert.deepEqual(told.signal.values, { quoted: formatTime(last + minute) });
      assert.equal(told.signal.time, formatTime(last + 5 * minute));
      assert(utc(only(told, /had trades/).start) >= last + 5 * minute);
    });
  }
});

function assertVolume(told: SignalExplanation, compared: readonly Candle[], with_: string): void {
  const { volume } = only(told, /^the minute$/);
  const { mean, deviation } = usual(compared);
  const sigmas = [10, 5, 3].find((one) => Number(volume) > mean + one * deviation);
  assert(Number(volume) >= 2 * mean);
  assert.deepEqual(told.signal.values, {
    volume,
    mean: String(Number(mean.toFixed(2))),
    sigmas: `more than ${sigmas}`,
    comparedWith: `${compared.length} ${with_}`,
  });
}

/** The price, and the one that is nearest to it of all that is beside it. */
function assertPrint(told: SignalExplanation, side: 'high' | 'low'): void {
  const printed = only(told, /whose/);
  const { open, close, [side]: price } = printed;
  const neighbours = told.candles
    .map(({ candle }) => candle)
    .filter((candle) => candle !== printed)
    .map((candle) => Number(candle[side]));
  const own = [Number(open), Number(close)];
  const nearest =
    side === 'high'
      ? Math.max(...neighbours, Math.min(...own))
      : Math.min(...neighbours, Math.max(...own));
  assert.deepEqual(told.signal.values, {
    price,
    nearest: String(nearest),
    percent: percent(Number(price), nearest),
  });
}

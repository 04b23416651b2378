// The statistics of a symbol, from candles in store and log; expected figures are worked out here.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { formatTime } from '../../src/contracts/time.ts';
import { type Rig, rig } from './rig.ts';
import { monday, second, type TapeCandle } from './tape.ts';

const minute = 60 * second;
const day = 86_400 * second;
/** 2024-05-06T00:00:00Z. */
const today = Date.UTC(2024, 4, 6) * 1000;
const at = (days: number): string => formatTime(today + days * day);

/** Nobody has introduced it, so its calendar is 24/7. */
const ours = 'DAYS';

/** So many days before today, at one price in cents. */
const flat = (before: number, cents: number, volume = 100): TapeCandle => ({
  symbol: ours,
  interval: '1d',
  time: today - before * day,
  ohlc: [cents, cents, cents, cents],
  volume,
  state: 'final',
});

async function daysRig(t: TestContext, days: readonly TapeCandle[]): Promise<Rig> {
  const one = await rig(t);
  // Most of them only the store has.
  await one.tape.candles(...days);
  await one.history.persistAll();
  await one.settled();
  return one;
}

async function statistics(one: Rig, symbol = ours) {
  const { status, body } = await one.get(`/api/v1/statistics/${symbol}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

suite('statistics', () => {
  test('of the day are those of its candle and of the day before', async (t) => {
    const one = await daysRig(t, [
      flat(1, 16_000),
      { ...flat(0, 0, 120), ohlc: [16_100, 17_150, 16_050, 17_110] },
    ]);
    await one.tape.trades({ symbol: ours, time: monday, price: 17_110 });
    await one.settled();
    const { symbol, day: start, time, last, open, high, low, ...rest } = await statistics(one);
    assert.deepEqual([symbol, start, time], [ours, at(0), formatTime(monday)]);
    assert.deepEqual([open, high, low, last], ['161', '171.5', '160.5', '171.1']);
    const { previousClose, change, changePercent, volume, notional, vwap, trades } = rest;
    assert.deepEqual([previousClose, change, changePercent], ['160', '11.1', '6.94']);
    assert.deepEqual([volume, notional, vwap, trades], ['120', '20532', '171.1', 1]);
    assert.deepEqual([rest.knownFrom, rest.knownDays], [at(-1), 2]);
    assert.deepEqual([rest.knownHigh, rest.knownLow], ['171.5', '160']);
    for (const unknown of ['yearHigh', 'yearLow', 'averageVolume', 'volatility', 'spread']) {
      assert.equal(rest[unknown], null, unknown);
    }
  });

  test('of a year are told once all of it is known, and of that year only', async (t) => {
    const year = Array.from({ length: 364 }, (_, before) => flat(before, 10_000 + before));
    const part = await statistics(await daysRig(t, year));
    assert.deepEqual([part.yearHigh, part.knownHigh, part.knownDays], [null, '103.63', 364]);
    const whole = await statistics(await daysRig(t, [...year, flat(364, 99_999)]));
    assert.deepEqual([whole.yearHigh, whole.yearLow, whole.knownDays], ['103.63', '100', 364]);
    assert.equal(whole.knownFrom, at(-363));
  });

  test('reach back to the last day without data, and over days without trades', async (t) => {
    const one = await daysRig(
      t,
      [0, 1, 3, 5, 6].map((before) => flat(before, 10_000 + 100 * before)),
    );
    const mark = { symbol: ours, interval: '1d' } as const;
    await one.tape.marks(
      { ...mark, start: at(-4), end: at(-3), state: 'no_data' },
      { ...mark, start: at(-2), end: at(-1), state: 'no_trades' },
    );
    await one.settled();
    const { knownFrom, knownDays, knownHigh } = await statistics(one);
    assert.deepEqual([knownFrom, knownDays, knownHigh], [at(-3), 3, '103']);
    await one.tape.marks({ ...mark, start: at(-1), end: at(0), state: 'no_data' });
    await one.settled();
    assert.equal((await statistics(one)).knownDays, 3, 'what has a candle has data');
  });

  test('have the mean volume of thirty days, without that of the day that goes on', async (t) => {
    const days = Array.from({ length: 30 }, (_, index) => flat(index + 1, 10_000, index + 1));
    const one = await daysRig(t, [flat(0, 10_000, 999_999), ...days.slice(0, 29)]);
    assert.equal((await statistics(one)).averageVolume, null);
    const whole = await daysRig(t, [flat(0, 10_000, 999_999), ...days]);
    assert.equal((await statistics(whole)).averageVolume, '15.5');
  });

  test('have the volatility of twenty returns, annualised over 365 days', async (t) => {
    const closes = Array.from({ length: 21 }, (_, index) => (index % 2 === 0 ? 10_000 : 11_000));
    const one = await daysRig(
      t,
      closes.map((close, before) => flat(before, close)),
    );
    const step = Math.log(1.1);
    const expected = step * Math.sqrt(20 / 19);
    const { volatility, annualisedVolatility } = await statistics(one);
    assert.ok(Math.abs(volatility - expected) < 1e-11, volatility);
    assert.ok(Math.abs(annualisedVolatility - expected * Math.sqrt(365)) < 1e-9);
  });

  test('have the spread of the latest quote, and the mean of the hour before', async (t) => {
    const one = await rig(t);
    const candle = (price: 'bid' | 'ask', minutes: number, cents: number): TapeCandle => ({
      interval: '1m',
      price,
      time: monday - minutes * minute,
      ohlc: [1, 99_999, 1, cents],
    });
    await one.tape.candles(candle('bid', 0, 17_109), candle('ask', 0, 17_112));
    await one.tape.candles(candle('bid', 10, 17_100), candle('ask', 10, 17_105));
    // One side only, and before the hour.
    await one.tape.candles(candle('ask', 20, 17_500));
    await one.tape.candles(candle('bid', 61, 17_000), candle('ask', 61, 18_000));
    await one.tape.quotes({ time: monday + second, bid: 17_112, ask: 17_109 });
    await one.settled();
    const { spread, averageSpread } = await statistics(one, 'AAPL');
    assert.deepEqual([spread, averageSpread], ['-0.03', '0.04']);
  });

  test('are adjusted for splits', async (t) => {
    const one = await daysRig(t, [flat(1, 70_000, 10), flat(0, 10_100, 70)]);
    one.history.corporateActions = [
      {
        source: 'test',
        symbol: ours,
        date: '2024-05-06',
        kind: 'split',
        ratio: '7:1',
        namedOn: '2024-05-05',
        calendar: '24/7',
      },
    ];
    const { previousClose, changePercent, knownHigh } = await statistics(one);
    assert.deepEqual([previousClose, changePercent, knownHigh], ['100', '1', '101']);
  });

  test('of a symbol that has not traded are not known', async (t) => {
    const { symbol, knownDays, ...rest } = await statistics(await rig(t), 'msft');
    assert.deepEqual([symbol, knownDays], ['MSFT', 0]);
    assert.deepEqual([...new Set(Object.values(rest))], [null]);
  });
});

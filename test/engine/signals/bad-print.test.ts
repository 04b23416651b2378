// Bad prints, on made-up candles and on recorded bars: among three symbols of stocks, four of
// crypto and one of fx there is exactly one, Apple's on the morning of its 7:1 split.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Interval } from '../../../src/contracts/interval.ts';
import type { Signal } from '../../../src/contracts/wire-objects.ts';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
import { recordedData } from '../../recorded-data.ts';
import {
  batchOf,
  flat,
  minute,
  monday,
  quoted,
  type SimpleCandle,
  second,
  seed,
  standing,
  type Terms,
} from './candles.ts';
import { batchOfBars, type RecordedBars, readBars } from './recorded-bars.ts';

const length = { '1s': second, '1m': minute };

function printsOf(signals: readonly Signal[]): Signal[] {
  return standing(signals).filter(({ kind }) => kind === 'bad-print');
}

function prints(candles: readonly SimpleCandle[], terms: Terms = {}) {
  return printsOf(new SignalOperator().apply(batchOf(candles, terms))).map(
    ({ severity, values }) => [severity, values.price, values.nearest, values.percent],
  );
}

suite('bad-print', () => {
  for (const interval of ['1s', '1m'] as const) {
    const at = (index: number, price: number) =>
      flat(interval, monday + index * length[interval], price);

    test(`of ${interval} is more than 10 % beyond all that is beside it`, () => {
      const [before, high, low, after] = [at(0, 10_000), at(1, 11_001), at(1, 8_999), at(2, 9_998)];
      const even = at(2, 10_000);
      assert.deepEqual(prints([before, high, even]), [['medium', '110.01', '100', '10.01']]);
      assert.deepEqual(prints([before, low, even]), [['medium', '89.99', '100', '-10.01']]);
      assert.deepEqual(prints([before, low, after]), [], 'within 10 % of the candle after');
      assert.deepEqual(prints([before, { ...high, open: 10_000, low: 10_000 }, even]), [
        ['medium', '110.01', '100', '10.01'],
      ]);
      const inside = { ...high, open: 10_500, low: 10_000, close: 11_001 };
      assert.deepEqual(prints([before, inside, even]), [], 'within 10 % of its own open');
      assert.deepEqual(prints([before, high]), [], 'not before it is seen what follows');
      assert.deepEqual(prints([before, high, at(2, 11_001), at(3, 10_000)]), [], 'it stayed');
    });

    test(`of ${interval} takes 25 % where the day has nothing before it`, () => {
      assert.deepEqual(prints([at(0, 12_500), at(1, 10_000)]), []);
      assert.deepEqual(prints([at(0, 12_501), at(1, 10_000)]), [
        ['high', '125.01', '100', '25.01'],
      ]);
    });

    test(`of ${interval} is none where quotes are near`, () => {
      const candles = [at(0, 10_000), at(1, 12_000), at(2, 10_000)];
      const ask = quoted('ask', interval, monday + length[interval], 10_100, 11_000);
      assert.deepEqual(prints([...candles, ask]), []);
      const lower = quoted('ask', interval, monday + length[interval], 10_100, 10_200);
      assert.deepEqual(prints([lower, ...candles]), [['medium', '120', '102', '17.65']]);
      const bid = quoted('bid', interval, monday + length[interval], 11_990);
      assert.deepEqual(prints([bid, ...candles]).length, 1, 'a bid says nothing of a high');
    });
  }

  test('the day before is not beside: a split may lie between', () => {
    const close = flat('1m', Date.UTC(2024, 4, 6, 23, 59) * 1000, 10_000);
    const open = flat('1m', Date.UTC(2024, 4, 7, 8) * 1000, 2_000);
    const next = flat('1m', open.start + minute, 10_000);
    const friday = { ...close, start: close.start - minute };
    assert.deepEqual(prints([friday, close, open], { calendar: 'XNYS' }), []);
    assert.deepEqual(prints([friday, close, open, next]), [['critical', '20', '100', '-80']]);
  });

  test('seconds and their minute say it once', () => {
    const seconds = [10_000, 12_000, 10_000].map((price, at) =>
      flat('1s', monday + at * second, price),
    );
    const minutes = [-1, 0, 1].map((at) => flat('1m', monday + at * minute, 10_000));
    const candles = [...seconds, minutes[0], { ...minutes[1], high: 12_000 }, minutes[2]];
    assert.equal(prints(candles as SimpleCandle[]).length, 1);
    assert.equal(prints(candles.slice(3) as SimpleCandle[]).length, 1, 'the minute alone does too');
  });

  test('do not depend on the order in which candles come', () => {
    const price = fc.constantFrom(10_000, 10_100, 11_300, 13_000, 8_800);
    const candle = fc.record({
      at: fc.integer({ min: 0, max: 150 }),
      low: price,
      high: price,
      of: fc.constantFrom('trade 1s', 'trade 1s', 'trade 1m', 'ask 1s', 'bid 1m'),
    });
    let seen = 0;
    fc.assert(
      fc.property(
        fc.array(candle, { minLength: 5, maxLength: 50 }),
        fc.infiniteStream(fc.nat()),
        (parts, keys) => {
          const candles = new Map<string, SimpleCandle>();
          for (const { at, of, ...range } of parts) {
            const [kind, interval] = of.split(' ') as ['trade' | 'bid' | 'ask', '1s' | '1m'];
            const [low, high] = [range.low, range.high].sort((a, b) => a - b) as [number, number];
            const number = interval === '1s' ? at : at % 20;
            const start = monday + number * length[interval];
            const one = { interval, start, price: kind, open: low, high, low, close: high };
            candles.set(`${of} ${start}`, { ...one, volume: 1 });
          }
          const ordered = [...candles.values()].sort((a, b) => a.start - b.start);
          const shuffled = ordered
            .map((one) => ({ one, key: keys.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ one }) => one);
          const run = (given: readonly SimpleCandle[]) => {
            const operator = new SignalOperator();
            return printsOf(given.flatMap((one) => operator.apply(batchOf([one]))))
              .map(({ id, time, values }) => JSON.stringify([id, time, values]))
              .sort();
          };
          const expected = run(ordered);
          seen += expected.length;
          assert.deepEqual(run(shuffled), expected);
        },
      ),
      { seed, numRuns: 300 },
    );
    assert.ok(seen > 100, `only ${seen} bad prints seen`);
  });
});

suite('bad prints of recorded bars', () => {
  const stock = { calendar: 'XNYS', zone: 'America/New_York', digits: 0 };
  const coin = { calendar: '24/7', zone: 'UTC', digits: 8 };
  const pair = { calendar: '24/7', zone: 'UTC', digits: 6 };
  const apple = { ...stock, symbol: 'AAPL', interval: '1m' as Interval };
  const folders: readonly (readonly [string, RecordedBars])[] = [
    ['us-equity/minute/aapl', apple],
    ['us-equity/minute/bac', { ...stock, symbol: 'BAC', interval: '1m' }],
    ['us-equity/minute/spy', { ...stock, symbol: 'SPY', interval: '1m' }],
    ['us-equity/second/bac', { ...stock, symbol: 'BAC', interval: '1s' }],
    ['us-equity/second/spy', { ...stock, symbol: 'SPY', interval: '1s' }],
    ['crypto/coinbase/minute/btcusd', { ...coin, symbol: 'BTCUSD', interval: '1m' }],
    ['crypto/coinbase/minute/ethusd', { ...coin, symbol: 'ETHUSD', interval: '1m' }],
    ['crypto/coinbase/minute/ltcusd', { ...coin, symbol: 'LTCUSD', interval: '1m' }],
    ['crypto/coinbase/minute/btceur', { ...coin, symbol: 'BTCEUR', interval: '1m' }],
    ['crypto/coinbase/second/btcusd', { ...coin, symbol: 'BTCUSD', interval: '1s' }],
    ['fx/oanda/minute/eurusd', { ...pair, symbol: 'EURUSD', interval: '1m' }],
    ['fx/oanda/second/eurusd', { ...pair, symbol: 'EURUSD', interval: '1s' }],
  ];
  const split = [['2014-06-09T08:00:00Z', '645.57', '92.46']];

  for (const [folder, of] of folders) {
    test(`${folder} has ${of === apple ? 'the one' : 'none'}, and quotes are sound`, async (t) => {
      const path = recordedData(folder, t);
      if (path === null) return;
      const candles: SimpleCandle[] = [];
      for (const name of readdirSync(path)) candles.push(...(await readBars(join(path, name), of)));
      assert.ok(candles.length > 1_000);
      candles.sort((a, b) => a.start - b.start);
      const signals = new SignalOperator().apply(batchOfBars(candles, of));
      const found = printsOf(signals).map(({ start, values }) => [
        start,
        values.price,
        values.nearest,
      ]);
      assert.deepEqual(found, of === apple ? split : []);
      assert.deepEqual(
        signals.filter(({ kind }) => kind.endsWith('-quotes')),
        [],
      );
    });
  }

  test("seconds say it too: Apple's minute as the seconds of its prices", async (t) => {
    const path = recordedData('us-equity/minute/aapl/20140609_trade.zip', t);
    if (path === null) return;
    const [first] = await readBars(path, apple);
    assert(first);
    const seconds = [first.open, first.low, first.close].map((price, at) =>
      flat('1s', first.start + at * second, price),
    );
    const batch = batchOfBars(seconds, apple);
    const found = printsOf(new SignalOperator().apply(batch));
    assert.deepEqual(
      found.map(({ start, severity, values }) => [start, severity, values.price, values.nearest]),
      [['2014-06-09T08:00:00Z', 'critical', '645.57', '92.23']],
    );
  });
});

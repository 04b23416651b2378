// The gap at the open, on real dates of New York's calendar.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
import { batchOf, flat, minute, seed, standing } from './candles.ts';

const utc = (text: string): number => Date.parse(text) * 1000;
/** Minutes around a weekend, an early close (July 3) and a holiday; the open is 13:30 UTC. */
const minutes = [
  ['2024-07-02T13:30Z', 10_000],
  ['2024-07-02T19:59Z', 10_100],
  ['2024-07-02T20:01Z', 11_000], // after the close
  ['2024-07-03T13:29Z', 12_000], // before the open
  ['2024-07-03T13:31Z', 10_303], // 2.01 % above 101.00
  ['2024-07-03T16:59Z', 10_200],
  ['2024-07-03T17:00Z', 10_900], // after the early close
  ['2024-07-05T13:30Z', 9_996], // exactly 2 % below 102.00
  ['2024-07-05T19:00Z', 9_000],
  ['2024-07-08T13:30Z', 8_099], // more than 10 % below 90.00
] as const;

function candlesOf(chosen: readonly (readonly [string, number])[]) {
  return chosen.map(([time, price]) => flat('1m', utc(time), price));
}

function gapsOf(operator: SignalOperator, batches: readonly ReturnType<typeof batchOf>[]) {
  return standing(batches.flatMap((batch) => operator.apply(batch)))
    .filter(({ kind }) => kind === 'gap-at-open')
    .sort((a, b) => (a.start < b.start ? -1 : 1))
    .map(({ start, time, severity, values }) => [start, time, severity, values]);
}

const expected = [
  [
    '2024-07-03T13:30:00Z',
    '2024-07-03T13:32:00Z',
    'low',
    { from: '101', to: '103.03', percent: '2.01' },
  ],
  [
    '2024-07-08T13:30:00Z',
    '2024-07-08T13:31:00Z',
    'high',
    { from: '90', to: '80.99', percent: '-10.01' },
  ],
];

suite('gap-at-open', () => {
  test('is of the first price of a session and the last of the one before, in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...minutes], { minLength: minutes.length }), (shuffled) => {
        const batches = candlesOf(shuffled).map((one) => batchOf([one], { calendar: 'XNYS' }));
        assert.deepEqual(gapsOf(new SignalOperator(), batches), expected);
      }),
      { seed, numRuns: 100 },
    );
  });

  test('what never closes has none', () => {
    assert.deepEqual(gapsOf(new SignalOperator(), [batchOf(candlesOf(minutes))]), []);
  });

  test('a late first price retracts it', () => {
    const operator = new SignalOperator();
    const before = candlesOf([
      ['2024-07-02T19:59Z', 10_000],
      ['2024-07-03T13:31Z', 10_300],
    ]);
    const raised = operator.apply(batchOf(before, { calendar: 'XNYS' }));
    const late = candlesOf([['2024-07-03T13:30Z', 10_100]]);
    const told = operator.apply(batchOf(late, { calendar: 'XNYS' }));
    assert.deepEqual(
      [...raised, ...told].map(({ kind, state, revision }) => [kind, state, revision]),
      [
        ['gap-at-open', 'raised', 0],
        ['gap-at-open', 'retracted', 1],
      ],
    );
  });

  test('without its opening print it is of the next one, and of none without any', () => {
    const session = candlesOf([
      ['2024-07-02T19:58Z', 10_290],
      ['2024-07-02T19:59Z', 10_000],
      ['2024-07-03T13:30Z', 11_000],
      ['2024-07-03T13:31Z', 10_300],
      ['2024-07-05T13:30Z', 10_600],
    ]);
    const operator = new SignalOperator();
    const told = [...operator.apply(batchOf(session, { calendar: 'XNYS' }))];
    const gapsWithout = (time: string, gone: { price: number; isPriced: boolean }) => {
      const candle = { ...flat('1m', utc(time), gone.price, 0), isPriced: gone.isPriced };
      told.push(...operator.apply(batchOf([candle], { state: 'revised', calendar: 'XNYS' })));
      return standing(told)
        .filter(({ kind }) => kind === 'gap-at-open')
        .map(({ start, time: at, values: { from, to } }) => [start.slice(8, 10), at, from, to])
        .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
    };
    const emptied = { price: 0, isPriced: false };
    const unpriced = { price: 11_000, isPriced: false };
    const friday = ['05', '2024-07-05T13:31:00Z', '103', '106'];
    assert.deepEqual(gapsWithout('2024-07-03T13:30Z', unpriced), [
      ['03', '2024-07-03T13:32:00Z', '100', '103'],
      friday,
    ]);
    assert.deepEqual(gapsWithout('2024-07-03T13:30Z', emptied).length, 2, 'it had no price');
    assert.deepEqual(gapsWithout('2024-07-02T19:59Z', emptied), [friday], 'from 102.90 to 103');
    assert.deepEqual(gapsWithout('2024-07-03T13:31Z', emptied), [
      ['05', '2024-07-05T13:31:00Z', '102.9', '106'],
    ]);
    assert.deepEqual(gapsWithout('2024-07-05T13:30Z', emptied), []);
  });

  test('a minute whose prices count to the volume only is no price', () => {
    const [close, open] = candlesOf([
      ['2024-07-02T19:59Z', 10_000],
      ['2024-07-03T13:30Z', 20_000],
    ]);
    assert(close && open);
    const next = { ...flat('1m', open.start + minute, 10_000), calendar: 'XNYS' };
    const batch = batchOf([close, { ...open, isPriced: false }, next], { calendar: 'XNYS' });
    assert.deepEqual(gapsOf(new SignalOperator(), [batch]), []);
  });
});

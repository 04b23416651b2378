// Signals of quotes: crossed ones and stale ones.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
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

/** Both sides of a second in which the bid is that much above an ask of 100.00. */
function crossed(seconds: number, cents: number, start = monday): SimpleCandle[] {
  const at = start + seconds * second;
  return [quoted('bid', '1s', at, 10_000 + cents), quoted('ask', '1s', at, 10_000)];
}

function told(candles: readonly SimpleCandle[], terms: Terms = {}) {
  const signals = new SignalOperator().apply(batchOf(candles, terms));
  return standing(signals).map(({ kind, start, time, severity, values }) => ({
    kind,
    start,
    time,
    severity,
    values,
  }));
}

suite('crossed-quotes', () => {
  const five = [1, 7, 8, 20, 33].flatMap((at) => crossed(at, 5));

  test('are five seconds of a minute in which all bids are at or above all asks', () => {
    const expected = [
      {
        kind: 'crossed-quotes',
        start: '2024-05-06T14:30:00Z',
        time: '2024-05-06T14:30:34Z',
        severity: 'medium',
        values: { bid: '100.05', ask: '100', percent: '0.05' },
      },
    ];
    assert.deepEqual(told([...five, ...crossed(50, 700)]), expected, 'the fifth says it');
    assert.deepEqual(told(five.slice(2)), [], 'four are not enough');
    const inTwo = [58, 59, 60, 61, 62].flatMap((at) => crossed(at, 5));
    assert.deepEqual(told(inTwo), [], 'nor are five in two minutes');
    const oneSide = five.filter(({ price }) => price === 'bid');
    assert.deepEqual(told(oneSide), [], 'nor one side alone');
    const uncrossed = quoted('ask', '1s', monday + 7 * second, 10_000, 10_006);
    assert.deepEqual(told([...five, uncrossed]), [], 'nor a second that was crossed in part');
  });

  test('are locked at the same price, and deep beyond 1 %', () => {
    const severityOf = (cents: number) =>
      told([1, 2, 3, 4, 5].flatMap((at) => crossed(at, cents))).map(({ severity }) => severity);
    assert.deepEqual([0, 1, 100, 101].map(severityOf), [['low'], ['medium'], ['medium'], ['high']]);
    assert.deepEqual(severityOf(-1), []);
  });

  test('are told of regular trading alone', () => {
    const open = monday - 60 * minute;
    const at = (start: number) => [1, 2, 3, 4, 5].flatMap((from) => crossed(from, 5, start));
    assert.equal(told(at(open), { calendar: 'XNYS' }).length, 1);
    assert.equal(told(at(open - minute), { calendar: 'XNYS' }).length, 0, 'before the open');
    assert.equal(told(at(open - minute)).length, 1, 'what never closes is always open');
  });
});

suite('stale-quotes', () => {
  const quotesAt = (minutes: number) => quoted('bid', '1m', monday + minutes * minute, 10_000);
  const tradesAt = (minutes: number) => flat('1m', monday + minutes * minute, 10_000);
  const later = quotesAt(12);
  const stale = {
    kind: 'stale-quotes',
    start: '2024-05-06T14:30:00Z',
    time: '2024-05-06T14:35:00Z',
    severity: 'medium',
    values: { quoted: '2024-05-06T14:31:00Z' },
  };

  test('are minutes of trades after five minutes without a quote, once a hole', () => {
    assert.deepEqual(told([quotesAt(0), tradesAt(5), tradesAt(7), later]), [stale]);
    assert.deepEqual(told([quotesAt(0), tradesAt(4), later]), [], 'not yet');
    assert.deepEqual(told([quotesAt(0), tradesAt(11), quotesAt(4), later]).length, 1, 'the 2nd');
    assert.deepEqual(told([quotesAt(0), tradesAt(5), quotesAt(5), later]), [], 'quoted');
    assert.deepEqual(told([tradesAt(5), tradesAt(13), later]), [], 'never quoted before');
  });

  test('are told once the symbol itself is quoted again', () => {
    const operator = new SignalOperator();
    const before = operator.apply(batchOf([quotesAt(0), tradesAt(5), tradesAt(90)]));
    assert.deepEqual(before, [], 'quotes of that minute may be on their way');
    const again = operator.apply(batchOf([quotesAt(6)]));
    assert.deepEqual(
      again.map(({ state, revision }) => [state, revision]),
      [['raised', 0]],
    );
    const late = operator.apply(batchOf([quotesAt(3)]));
    assert.deepEqual(
      late.map(({ state, revision }) => [state, revision]),
      [['retracted', 1]],
    );
  });

  test('are not told for a symbol that is replayed behind another', () => {
    const operator = new SignalOperator();
    const hour = Array.from({ length: 60 }, (_, at) => at);
    const batches = [
      ...hour.map((at) => batchOf([quotesAt(at)], { symbol: 'SPY' })),
      ...hour.map((at) => batchOf([tradesAt(at)], { symbol: 'BAC' })),
      ...hour.map((at) => batchOf([quotesAt(at)], { symbol: 'BAC' })),
    ];
    assert.deepEqual(
      batches.flatMap((batch) => operator.apply(batch)),
      [],
    );
  });

  test('are not those of a day before, nor of the time before the open', () => {
    const day = 24 * 60;
    const opening = [quotesAt(-70), tradesAt(-61), later];
    assert.deepEqual(told(opening, { calendar: 'XNYS' }), []);
    assert.equal(told(opening).length, 1);
    const overnight = [quotesAt(0), tradesAt(day), quotesAt(day + 9)];
    assert.deepEqual(told(overnight, { calendar: 'XNYS' }), []);
    assert.equal(told(overnight).length, 1);
  });
});

test('signals of quotes do not depend on the order in which candles come', () => {
  const candle = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 119 }), fc.integer({ min: -1, max: 1 }))
      .map(([at, cents]) => crossed(at, cents)),
    fc
      .integer({ min: 0, max: 39 })
      .map((at) => [quoted('bid', '1m', monday + at * minute, 10_000)]),
    fc.integer({ min: 0, max: 39 }).map((at) => [flat('1m', monday + at * minute, 10_000)]),
  );
  let seen = 0;
  fc.assert(
    fc.property(
      fc.array(candle, { minLength: 10, maxLength: 60 }),
      fc.infiniteStream(fc.nat()),
      (groups, keys) => {
        const newest = new Map(
          groups.flat().map((one) => [`${one.price} ${one.interval} ${one.start}`, one]),
        );
        const candles = [...newest.values()];
        const shuffled = candles
          .map((one) => ({ one, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
        const run = (given: readonly SimpleCandle[]) => {
          const operator = new SignalOperator();
          return standing(given.flatMap((one) => operator.apply(batchOf([one]))))
            .filter(({ kind }) => kind.endsWith('-quotes'))
            .map(({ id, time, values }) => JSON.stringify([id, time, values]))
            .sort();
        };
        const expected = run(candles.toSorted((a, b) => a.start - b.start));
        seen += expected.length;
        assert.deepEqual(run(shuffled), expected);
      },
    ),
    { seed, numRuns: 200 },
  );
  assert.ok(seen > 100, `only ${seen} signals seen`);
});

// Signals of quotes: crossed ones and stale ones.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { formatTime } from '../../../src/contracts/time.ts';
import type { Signal } from '../../../src/contracts/wire-objects.ts';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
import { markBatch } from '../../mark-batch.ts';
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
import { batchOfBars, readBars } from './recorded-bars.ts';

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
  const stale = {
    kind: 'stale-quotes',
    start: '2024-05-06T14:30:00Z',
    time: '2024-05-06T14:35:00Z',
    severity: 'medium',
    values: { quoted: '2024-05-06T14:31:00Z' },
  };
  /** What stands once the marks have said that all before a minute is over. */
  const toldBy = (minutes: number, candles: readonly SimpleCandle[], terms: Terms = {}) => {
    const operator = new SignalOperator();
    const signals = [
      ...operator.apply(batchOf(candles, terms)),
      ...operator.applyMarks(overAt(monday + minutes * minute)),
    ];
    return standing(signals).map(({ kind, start, time, severity, values }) => {
      return { kind, start, time, severity, values };
    });
  };

  test('are minutes of trades after five minutes without a quote, once a hole', () => {
    assert.deepEqual(toldBy(13, [quotesAt(0), tradesAt(5), tradesAt(7)]), [stale]);
    assert.deepEqual(toldBy(13, [quotesAt(0), tradesAt(5), quotesAt(12)]), [stale]);
    assert.deepEqual(toldBy(13, [quotesAt(0), tradesAt(4)]), [], 'not yet');
    assert.deepEqual(toldBy(13, [quotesAt(0), tradesAt(11), quotesAt(4)]).length, 1, 'the 2nd');
    assert.deepEqual(toldBy(13, [quotesAt(0), tradesAt(5), quotesAt(5)]), [], 'quoted');
    assert.deepEqual(toldBy(13, [tradesAt(5), tradesAt(11), quotesAt(12)]), [], 'never quoted');
  });

  test('are told as soon as the minute is over for bids and asks, and retracted if late', () => {
    const operator = new SignalOperator();
    const versions = (signals: readonly Signal[]) =>
      signals.map(({ state, revision }) => [state, revision]);
    const marked = (side: 'bid' | 'ask', minutes: number) =>
      versions(operator.applyMarks(overAt(monday + minutes * minute, [side])));
    const applied = (candle: SimpleCandle) => versions(operator.apply(batchOf([candle])));
    assert.deepEqual([applied(quotesAt(0)), marked('bid', 5), marked('ask', 5)], [[], [], []]);
    assert.deepEqual(applied(tradesAt(5)), [], 'quotes of that minute may be on their way');
    assert.deepEqual(marked('bid', 6), [], 'an ask may be');
    assert.deepEqual(marked('ask', 6), [['raised', 0]]);
    assert.deepEqual([applied(tradesAt(6)), marked('bid', 7), marked('ask', 7)], [[], [], []]);
    assert.deepEqual(applied(quotesAt(8)), [], 'the end of the hole is no news');
    assert.deepEqual(applied(quotesAt(3)), [['retracted', 1]]);
    assert.deepEqual(applied(tradesAt(20)), []);
    assert.deepEqual([marked('ask', 21), marked('bid', 21)], [[], [['raised', 0]]]);
  });

  test('are raised and retracted by nothing that merely comes later than trades', () => {
    const hour = Array.from({ length: 60 }, (_, at) => at);
    const lags = [0, 1, 7, 60];
    for (const lag of lags) {
      const operator = new SignalOperator();
      const signals = [...hour, ...hour.map((at) => at + 60)].flatMap((at) => {
        const quote = at - lag;
        const isQuoted = quote >= 0 && quote < 60;
        return [
          ...(at < 60 ? operator.apply(batchOf([tradesAt(at)])) : []),
          ...(isQuoted ? operator.apply(batchOf([quotesAt(quote)])) : []),
          ...(isQuoted ? operator.applyMarks(overAt(monday + (quote + 1) * minute)) : []),
          // Another symbol is hours ahead.
          ...operator.apply(batchOf([quotesAt(at + 300)], { symbol: 'SPY' })),
          ...operator.applyMarks(overAt(monday + (at + 301) * minute, ['bid', 'ask'], 'SPY')),
        ];
      });
      assert.deepEqual(signals, [], `${lag} minutes`);
    }
  });

  test('are retracted only where all that traded in the hole is known', () => {
    const operator = new SignalOperator();
    const apply = (candle: SimpleCandle) => operator.apply(batchOf([candle]));
    const told = [quotesAt(20), quotesAt(30), quotesAt(120)].flatMap(apply);
    told.push(...operator.applyMarks(overAt(monday + 33 * minute)));
    // The 121st drops the first 61.
    for (let at = 0; at <= 120; at++) told.push(...apply(tradesAt(at)));
    assert.deepEqual(
      told.map(({ start, state }) => [start.slice(11, 16), state]),
      [['14:50', 'raised']],
    );
    assert.deepEqual(apply(quotesAt(27)), [], 'there were trades before, and they are forgotten');
    assert.deepEqual(
      apply(quotesAt(24)).map(({ start, state }) => [start.slice(11, 16), state]),
      [['14:50', 'retracted']],
    );
  });

  test('are not those of a day before, nor of the time before the open', () => {
    const day = 24 * 60;
    const opening = [quotesAt(-70), tradesAt(-61)];
    assert.deepEqual(toldBy(13, opening, { calendar: 'XNYS' }), []);
    assert.equal(toldBy(13, opening).length, 1);
    const overnight = [quotesAt(0), tradesAt(day)];
    assert.deepEqual(toldBy(day + 9, overnight, { calendar: 'XNYS' }), []);
    assert.equal(toldBy(day + 9, overnight).length, 1);
  });
});

test('the hole in the recorded quotes of EURUSD is told once, and while it lasts', async (t) => {
  const folder = recordedData('fx/oanda/minute/eurusd', t);
  if (folder === null) return;
  const of = { symbol: 'EURUSD', calendar: 'FX', interval: '1m', zone: 'UTC', digits: 5 } as const;
  const [first, second] = ['20140501', '20140502'].map((day) =>
    readBars(join(folder, `${day}_quote.zip`), of),
  );
  const quotes = [...((await first) ?? []), ...((await second) ?? [])];
  const starts = [...new Set(quotes.map(({ start }) => start))].sort((a, b) => a - b);
  // Nobody recorded its trades: one in every minute.
  const minutes: number[] = [];
  for (let at = starts[0] ?? 0; at <= (starts.at(-1) ?? 0); at += minute) minutes.push(at);
  const holes = starts
    .filter((start, at) => (starts[at + 1] ?? start) > start + 5 * minute)
    .map((start) => ({ start: formatTime(start), state: 'raised', told: start + 6 * minute }));
  for (const lag of [0, 3]) {
    const operator = new SignalOperator();
    const told: object[] = [];
    for (const start of minutes) {
      const quoted = start - lag * minute;
      const signals = [
        ...operator.apply(batchOfBars([flat('1m', start, 138_000)], of)),
        ...operator.apply(
          batchOfBars(
            quotes.filter((one) => one.start === quoted),
            of,
          ),
        ),
        ...operator.applyMarks(overAt(quoted + minute, ['bid', 'ask'], 'EURUSD')),
      ].filter(({ kind }) => kind === 'stale-quotes');
      told.push(
        ...signals.map((one) => ({
          start: one.start,
          state: one.state,
          told: quoted + minute,
        })),
      );
    }
    assert.deepEqual(told, holes);
  }
  assert.deepEqual(
    holes.map(({ start }) => start),
    ['2014-05-01T03:22:00Z'],
  );
});

/** The marks which say that all before a time is over, of a symbol's bids and asks. */
function overAt(time: number, sides: readonly ('bid' | 'ask')[] = ['bid', 'ask'], symbol = 'AAA') {
  const span = { start: formatTime(time - minute), end: formatTime(time) };
  return markBatch(sides.map((price) => ({ symbol, price, ...span, state: 'no_trades' })));
}

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
          const marks = overAt(monday + 40 * minute);
          const at = (keys.next().value as number) % given.length;
          const signals = given.flatMap((one, index) => [
            ...operator.apply(batchOf([one])),
            ...(index === at ? operator.applyMarks(marks) : []),
          ]);
          return standing(signals)
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

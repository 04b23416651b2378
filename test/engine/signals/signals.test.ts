// The signal operator against an oracle that follows docs/SIGNALS.md word by word over all candles
// at once, in plain rational arithmetic.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { signalId } from '../../../src/contracts/signal.ts';
import { formatTime } from '../../../src/contracts/time.ts';
import type { Signal } from '../../../src/contracts/wire-objects.ts';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
import type { KeptState } from '../../../src/engine/signals/volume-history.ts';
import {
  batchOf,
  flat,
  minute,
  monday,
  restarted,
  type SimpleCandle,
  second,
  seed,
  standing,
} from './candles.ts';

/** As the engine says that a candle has lost all its trades. */
function emptied({ interval, start }: SimpleCandle): SimpleCandle {
  return flat(interval, start, 0, 0);
}

function apply(...candles: readonly SimpleCandle[]): readonly Signal[] {
  return new SignalOperator().apply(batchOf(candles));
}

/** Of every signal that holds, its id and the figures that say why. */
function oracle(candles: readonly SimpleCandle[]): Record<string, object> {
  const ordered = candles.toSorted((a, b) => a.start - b.start);
  const found: Record<string, object> = {};
  const seconds = ordered.filter(({ interval }) => interval === '1s');
  const spikeAt = (at: number, up: boolean): number | null => {
    const here = seconds[at];
    if (!here) return null;
    const window = seconds.filter(
      ({ start }) => start > here.start - minute && start <= here.start,
    );
    const from = up
      ? Math.min(...window.map(({ low }) => low))
      : Math.max(...window.map(({ high }) => high));
    return (up ? here.high / from > 1.05 : here.low / from < 0.95) ? from : null;
  };
  for (const up of [true, false]) {
    for (const [at, { start, high, low }] of seconds.entries()) {
      const from = spikeAt(at, up);
      const isInMinute = (seconds[at - 1]?.start ?? 0) > start - minute;
      if (from === null || (isInMinute && spikeAt(at - 1, up) !== null)) continue;
      const of = start - (start % minute);
      const id = signalId('price-spike', 'AAA', of, up ? 'up' : 'down');
      found[id] ??= { time: formatTime(start + second), from, to: up ? high : low };
    }
  }
  const minutes = ordered.filter(({ interval }) => interval === '1m');
  for (const [at, { start, open, high, low, volume }] of minutes.entries()) {
    if ((high - low) / open > 0.02) {
      found[signalId('volatility', 'AAA', start)] = { time: formatTime(start + minute) };
    }
    const before = minutes.slice(Math.max(0, at - 20), at).map((one) => one.volume);
    if (before.length < 20) continue;
    const mean = before.reduce((sum, one) => sum + one, 0) / 20;
    const variance = before.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 20;
    if (volume > mean + 3 * Math.sqrt(variance) && volume >= 2 * mean) {
      found[signalId('volume-anomaly', 'AAA', start)] = { time: formatTime(start + minute) };
    }
  }
  return found;
}

/** The oracle knows these four, and says of them this. */
function figuresOf(signals: readonly Signal[]): Record<string, object> {
  const known = ['price-spike', 'volume-anomaly', 'volatility', 'price-change'];
  const cents = (text: string | undefined): number => Math.round(Number(text) * 100);
  return Object.fromEntries(
    signals
      .filter(({ kind }) => known.includes(kind))
      .map(({ id, kind, time, values }) => {
        const spike = { time, from: cents(values.from), to: cents(values.to) };
        return [id, kind === 'price-spike' ? spike : { time }];
      }),
  );
}

/** Three minutes of seconds and thirty of minutes, with jumps: all within every horizon. */
const anyCandles = fc.tuple(
  fc.array(fc.record({ at: fc.integer({ min: 0, max: 179 }), price: prices() }), {
    maxLength: 30,
  }),
  fc.array(
    fc.record({
      price: prices(),
      volume: fc.oneof(fc.integer({ min: 90, max: 110 }), fc.integer({ min: 1, max: 1_000 })),
    }),
    { minLength: 18, maxLength: 30 },
  ),
);

function prices() {
  // Away from the exact 5 % and 2 %, where a double cannot say which side it is on.
  const price = fc.oneof(
    fc.integer({ min: 10_000, max: 10_300 }),
    fc.integer({ min: 9_000, max: 11_500 }),
  );
  return fc.tuple(price, price, price, price).map(([open, close, one, other]) => ({
    open,
    close,
    high: Math.max(open, close, one, other),
    low: Math.min(open, close, one, other),
  }));
}

suite('signal operator', () => {
  test('any order, batching, revision and restart leaves the signals of the set', () => {
    fc.assert(
      fc.property(
        anyCandles,
        fc.array(fc.integer(), { minLength: 60, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        fc.array(fc.boolean(), { minLength: 1 }),
        ([seconds, minutes], shuffle, cuts, fates) => {
          const bySecond = new Map(seconds.map((one) => [one.at, one]));
          const candles: SimpleCandle[] = [
            ...[...bySecond.values()].map(({ at, price }) => ({
              ...price,
              interval: '1s' as const,
              start: monday + at * second,
              volume: 1,
            })),
            ...minutes.map(({ price, volume }, at) => ({
              ...price,
              interval: '1m' as const,
              start: monday + at * minute,
              volume,
            })),
          ];
          const arrived = candles
            .map((candle, index) => ({ candle, key: shuffle[index % shuffle.length] ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ candle }) => candle);
          const isGone = ({ start }: SimpleCandle): boolean =>
            fates[(start / second) % fates.length] === true;
          const published: Signal[] = [];
          const kept = new Map<string, KeptState>();
          let operator = new SignalOperator();
          // Each comes wrong at first, and is then revised.
          const wrong = arrived.map((candle) => ({ ...candle, high: candle.high * 2, volume: 1 }));
          for (const [given, state] of [
            [wrong, 'final'],
            [arrived, 'revised'],
            // Cancels take all trades of some.
            [arrived.filter(isGone).map(emptied), 'revised'],
          ] as const) {
            for (let from = 0, n = 0; from < given.length; n++) {
              const to = from + (cuts[n % cuts.length] ?? 1);
              published.push(...operator.apply(batchOf(given.slice(from, to), { state })));
              operator = restarted(operator, kept);
              from = to;
            }
          }
          const left = candles.filter((candle) => !isGone(candle));
          assert.deepEqual(figuresOf(standing(published)), oracle(left));
        },
      ),
      { seed, numRuns: 500 },
    );
  });

  test('a spike is more than 5 % within a minute, once, by the exact cent', () => {
    const start = monday;
    const at = (seconds: number, price: number) => flat('1s', start + seconds * second, price);
    assert.deepEqual(apply(at(0, 10_000), at(59, 10_500)), []);
    const [spike, ...others] = apply(at(0, 10_000), at(58, 10_501), at(59, 10_600));
    assert.deepEqual(others, []);
    assert.deepEqual(spike, {
      id: signalId('price-spike', 'AAA', start, 'up'),
      kind: 'price-spike',
      symbol: 'AAA',
      time: '2024-05-06T14:30:59Z',
      start: '2024-05-06T14:30:00Z',
      severity: 'medium',
      state: 'raised',
      revision: 0,
      text: 'AAA rose 5.01 % within a minute, to 105.01',
      values: { direction: 'up', from: '100', to: '105.01', percent: '5.01' },
    });
    assert.deepEqual(apply(at(0, 10_000), at(60, 10_501)), [], 'a minute later is too late');
    const [fall] = apply(at(0, 10_000), at(1, 7_999));
    assert.deepEqual([fall?.severity, fall?.values.percent], ['critical', '-20.01']);
  });

  test('what a revision undoes is retracted, and raised again when it comes back', () => {
    const operator = new SignalOperator();
    const calm = flat('1m', monday, 10_000);
    const told = [{ ...calm, high: 10_300 }, calm, { ...calm, low: 9_700 }].flatMap((candle) =>
      operator.apply(batchOf([candle])),
    );
    assert.deepEqual(
      told.map(({ kind, state, revision }) => [kind, state, revision]),
      [
        ['volatility', 'raised', 0],
        ['volatility', 'retracted', 1],
        ['volatility', 'raised', 2],
      ],
    );
    assert.deepEqual(operator.apply(batchOf([{ ...calm, low: 9_700 }])), [], 'no news');
  });

  test('is told once however many others there are, and retracted after them', () => {
    let operator = new SignalOperator();
    const tell = (...candles: readonly SimpleCandle[]): readonly Signal[] =>
      operator.apply(batchOf(candles, { calendar: 'XNYS' }));
    const open = monday - 60 * minute;
    const friday = flat('1m', open - 3 * 24 * 60 * minute, 9_000);
    const hour = { ...flat('1h', open - 30 * minute, 9_000), close: 10_000, high: 10_000 };
    // Each of the 390 minutes of the session swings.
    const session = Array.from({ length: 390 }, (_, at) => ({
      ...flat('1m', open + at * minute, 10_000),
      high: 10_300,
    }));
    const told = [...tell(friday, hour), ...session.flatMap((one) => tell(one))];
    const count = (kind: string) => told.filter((signal) => signal.kind === kind).length;
    assert.deepEqual(
      ['price-change', 'gap-at-open', 'volatility'].map((kind) => count(kind)),
      [1, 1, 390],
    );
    operator = restarted(operator, new Map());
    assert.deepEqual(
      tell({ ...hour, close: 9_000 }).map(({ kind, state, revision }) => [kind, state, revision]),
      [['price-change', 'retracted', 1]],
    );
  });

  test('an hour more than a week behind the newest changes nothing', () => {
    const operator = new SignalOperator();
    const week = 7 * 24 * 60 * minute;
    const start = monday - 30 * minute;
    const hour = { ...flat('1h', start, 10_000), close: 11_000, high: 11_000 };
    const told = [hour, flat('1h', start + week, 10_000), { ...hour, close: 10_000 }, hour];
    const versions = told.map((one) => operator.apply(batchOf([one])).map(({ state }) => state));
    assert.deepEqual(versions, [['raised'], [], ['retracted'], ['raised']]);
    operator.apply(batchOf([flat('1h', start + week + 60 * minute, 10_000)]));
    assert.deepEqual(operator.apply(batchOf([{ ...hour, close: 10_000 }])), []);
    assert.deepEqual(operator.apply(batchOf([hour])), []);
  });

  test('an hour that changes by more than 5 % is told, and open candles are not', () => {
    const hour = { ...flat('1h', monday - 30 * minute, 10_000), close: 10_501, high: 10_501 };
    assert.deepEqual(new SignalOperator().apply(batchOf([hour], { state: 'open' })), []);
    const [change] = apply(hour);
    assert.equal(change?.kind, 'price-change');
    assert.deepEqual(change?.values, { from: '100', to: '105.01', percent: '5.01' });
  });
});

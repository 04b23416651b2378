// What holds for every indicator and any series of candles.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { CandleNumbers } from '../../../src/engine/indicators/indicator.ts';
import {
  type IndicatorName,
  indicatorKinds,
  parseIndicator,
  restoreIndicator,
} from '../../../src/engine/indicators/indicators.ts';
import { assertNear, everyIndicator, flat, make, run, seed, series } from './candles.ts';
import { naive } from './naive.ts';

const rounding = 2 ** -53;

for (const text of everyIndicator) {
  const { name, parameters } = parseIndicator(text);
  const kind = indicatorKinds[name];

  suite(text, () => {
    test('incremental equals computed from scratch', () => {
      const property = fc.property(series, (candles) => {
        const values = run(make(text), candles);
        const tolerance = toleranceOf(name, candles);
        for (const [index, value] of values.entries()) {
          const expected = naive[name](candles.slice(0, index + 1), ...parameters);
          assertNear(value, expected, tolerance, `${text} at ${index}`);
        }
      });
      fc.assert(property, { seed, numRuns: 100 });
    });

    test('peek answers what add would, and leaves no trace', () => {
      const property = fc.property(series, series, (candles, versions) => {
        const indicator = make(text);
        for (const candle of candles) {
          const before = JSON.stringify(indicator.snapshot());
          for (const version of versions.slice(0, 3)) {
            const copy = restoreIndicator(name, JSON.parse(before));
            assert.deepEqual(indicator.peek(version), copy.add(version));
          }
          assert.equal(JSON.stringify(indicator.snapshot()), before);
          assert.deepEqual(indicator.peek(candle), indicator.add(candle));
        }
      });
      fc.assert(property, { seed, numRuns: 50 });
    });

    test('a snapshot through JSON goes on as if there had been no break', () => {
      const property = fc.property(series, fc.nat(60), (candles, cut) => {
        const whole = make(text);
        const expected = run(whole, candles);
        const first = make(text);
        const begun = run(first, candles.slice(0, cut));
        const snapshot = first.snapshot();
        const second = restoreIndicator(name, JSON.parse(JSON.stringify(snapshot)));
        assert.deepEqual([...begun, ...run(second, candles.slice(cut))], expected);
        assert.deepEqual(second.snapshot(), whole.snapshot());
        // The snapshot is a value: the operator it came from may go on.
        const written = JSON.stringify(snapshot);
        run(first, candles);
        assert.equal(JSON.stringify(snapshot), written);
      });
      fc.assert(property, { seed, numRuns: 100 });
    });

    test('the first value comes when its kind says, with the outputs of its kind', () => {
      const candles = Array.from({ length: 60 }, (_, index) => flat(100 + (index % 3)));
      const values = run(make(text), candles);
      const first = kind.firstValue(...parameters);
      assert.deepEqual(
        values.map((value) => value !== null),
        candles.map((_, index) => index + 1 >= first),
      );
      const outputs = kind.outputs.map((output) => output.name);
      assert.deepEqual(Object.keys(values.at(-1) ?? {}), outputs);
    });
  });
}

/** What rounding alone may do to it, here and in the oracle. */
function toleranceOf(name: IndicatorName, candles: readonly CandleNumbers[]): number {
  const level = Math.max(...candles.map(({ high }) => high));
  const spread = level - Math.min(...candles.map(({ low }) => low)) + 1;
  switch (name) {
    case 'sma':
    case 'vwap':
      return 0;
    case 'ema':
      return 10 * rounding * level;
    case 'macd':
      return 30 * rounding * level;
    case 'bollinger':
      return 2 * rounding * level + 50 * rounding * spread;
    case 'atr':
      return 30 * rounding * spread;
    case 'rsi':
      return 1e-11;
    case 'volatility':
      // The oracle's close / previous close rounds away what is below 2^-53; a year has 252.
      return 16 * 10 * rounding * (1 + Math.log(spread));
    case 'change':
      // The oracle subtracts 1, when all but the last digits may be gone.
      return 100 * 3 * rounding * spread;
  }
}

// The registry and its parser, and each definition on examples worked out by hand.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Failure } from '../../../src/base/failure.ts';
import type { CandleNumbers } from '../../../src/engine/indicators/indicator.ts';
import {
  indicatorKinds,
  indicatorNames,
  parseIndicator,
} from '../../../src/engine/indicators/indicators.ts';
import { Vwap } from '../../../src/engine/indicators/vwap.ts';
import { assertNear, everyIndicator, flat, make, run } from './candles.ts';

suite('an indicator as text', () => {
  test('is read with its parameters, defaults where they are left out', () => {
    const cases: Record<string, string> = {
      sma: 'sma:20',
      'sma:5': 'sma:5',
      'sma:005': 'sma:5',
      'ema:12': 'ema:12',
      rsi: 'rsi:14',
      macd: 'macd:12,26,9',
      'macd:5': 'macd:5,26,9',
      'macd:5,35,5': 'macd:5,35,5',
      bollinger: 'bollinger:20,2',
      'bollinger:10,1.50': 'bollinger:10,1.5',
      atr: 'atr:14',
      vwap: 'vwap',
      'volatility:30': 'volatility:30,252',
      'volatility:20,31622400': 'volatility:20,31622400',
      change: 'change:1',
      'change:1000': 'change:1000',
    };
    for (const [text, canonical] of Object.entries(cases)) {
      const spec = parseIndicator(text);
      assert.equal(spec.text, canonical);
      assert.equal(spec.name, canonical.split(':')[0]);
      assert.deepEqual(parseIndicator(spec.text), spec);
    }
    assert.deepEqual(parseIndicator('macd:5').parameters, [5, 26, 9]);
  });

  test('that is wrong is refused with what is wrong and how to write it', () => {
    const cases: Record<string, RegExp> = {
      '': /"" cannot be: there is no such name/,
      SMA: /there is no such name/,
      toString: /there is no such name/,
      ' sma': /there is no such name/,
      'sma:': /length has to be a whole number from 1 to 1000, not ""/,
      'sma:0': /length has to be a whole number from 1 to 1000, not "0"/,
      'sma:1001': /not "1001"/,
      'sma:2.5': /a whole number from 1 to 1000, not "2.5"/,
      'sma:-1': /not "-1"/,
      'sma:1e2': /not "1e2"/,
      'sma: 20': /not " 20"/,
      'sma:20:3': /not "20:3"/,
      'sma:20\n': /not "20\\n"/,
      'sma:20,3': /it has 2 parameters, and sma takes 1 at most/,
      'rsi:1': /from 2 to 1000, not "1"/,
      'macd:26,12': /fast \(26\) has to be less than slow \(12\)/,
      'macd:12,12': /fast \(12\) has to be less than slow \(12\)/,
      'macd:12,,9': /slow has to be a whole number from 2 to 1000, not ""/,
      'bollinger:20,0': /width has to be a number from 0.1 to 10, not "0"/,
      'vwap:1': /it has 1 parameters, and vwap takes no parameters/,
      'volatility:1': /length has to be a whole number from 2/,
      'volatility:20,0': /periodsPerYear has to be a number from 1/,
      [`sma:${'9'.repeat(500)}`]: /^.{0,200}$/,
    };
    for (const [text, message] of Object.entries(cases)) {
      assert.throws(
        () => parseIndicator(text),
        (error) => {
          assert.ok(error instanceof Failure);
          assert.equal(error.code, 'bad-request');
          assert.match(error.message, message);
          assert.match(error.cure, /^Write /);
          return true;
        },
        text,
      );
    }
    assert.throws(() => parseIndicator('macd:0'), {
      cure: 'Write macd:fast,slow,signal, for example macd:12,26,9.',
    });
  });

  test('every kind can be made with its defaults, and is tested', () => {
    for (const name of indicatorNames) {
      const { parameters } = indicatorKinds[name];
      const defaults = parameters.map((parameter) => parameter.default);
      assert.deepEqual(parseIndicator(name).parameters, defaults);
      assert.equal(make(name).add(flat(1, 0)), null);
      assert.ok(everyIndicator.some((text) => text.split(':')[0] === name));
    }
  });
});

suite('by hand', () => {
  const closes = (...values: number[]): CandleNumbers[] => values.map((value) => flat(value));

  test('an EMA starts with the mean and moves by its share of the distance', () => {
    // Weight 2 / (3 + 1).
    assert.deepEqual(run(make('ema:3'), closes(1, 2, 6, 7, 3)).slice(2), [
      { ema: 3 },
      { ema: 5 },
      { ema: 4 },
    ]);
  });

  test('an RSI weighs rises against falls, and says nothing of a market that stood still', () => {
    // Rises 3, 0, then (1.5 + 2) / 2; falls 0, 1, then (0.5 + 0) / 2.
    assert.deepEqual(run(make('rsi:2'), closes(10, 13, 12, 14)).slice(2), [
      { rsi: 75 },
      { rsi: 87.5 },
    ]);
    assert.deepEqual(run(make('rsi:2'), closes(5, 5, 5, 5, 6, 5)).slice(3, 5), [
      null,
      { rsi: 100 },
    ]);
    assert.deepEqual(run(make('rsi:2'), closes(5, 4, 3)).at(-1), { rsi: 0 });
  });

  test('an RSI of a market that only rises is 100, however it rises', () => {
    const rising = closes(...Array.from({ length: 200 }, (_, index) => 1 + index ** 3));
    const values = run(make('rsi:3'), rising).slice(3);
    assert.deepEqual(
      values,
      values.map(() => ({ rsi: 100 })),
    );
  });

  test('an RSI keeps its value through any number of equal closes', () => {
    const rsi = make('rsi:2');
    const before = run(rsi, closes(10, 13, 12, 14)).at(-1);
    const after = run(
      rsi,
      Array.from({ length: 5000 }, () => flat(14)),
    ).at(-1);
    assert.ok(Math.abs((after?.rsi as number) - (before?.rsi as number)) < 1e-9);
    assert.deepEqual(rsi.add(flat(15)), { rsi: 100 });
    assert.ok((rsi.add(flat(14))?.rsi as number) < 50);
  });

  test('an ATR counts the gap to the previous close, up or down', () => {
    const candle = (low: number, close: number, high: number): CandleNumbers => ({
      ...flat(close),
      low,
      high,
    });
    const candles = [candle(8, 10, 12), candle(15, 15, 16), candle(2, 3, 4), candle(3, 3, 3)];
    // Ranges 4, 6, 13, 0.
    assert.deepEqual(run(make('atr:2'), candles), [null, { atr: 5 }, { atr: 9 }, { atr: 4.5 }]);
  });

  test('Bollinger bands take the population deviation', () => {
    // The textbook series with mean 5 and population deviation 2.
    const values = run(make('bollinger:8,2'), closes(2, 4, 4, 4, 5, 5, 7, 9));
    assert.deepEqual(values.at(-1), { middle: 5, upper: 9, lower: 1 });
    const huge = 2 ** 53 - 1;
    const still = run(make('bollinger:7,2'), closes(...Array.from({ length: 7 }, () => huge)));
    assert.equal(still.at(-1)?.upper, still.at(-1)?.lower);
  });

  test('volatility is 0 while a market grows evenly, and starts over behind a close of 0', () => {
    const still = { volatility: 0, annualised: 0 };
    const even = run(make('volatility:3,252'), closes(1, 2, 4, 8, 16));
    assert.deepEqual(even.slice(3), [still, still]);
    // Returns ±ln 2: mean 0, squares 2 ln² 2, divided by 1.
    const volatility = Math.SQRT2 * Math.LN2;
    const swing = run(make('volatility:2,4'), closes(1, 2, 1)).at(-1);
    assertNear(swing ?? null, { volatility, annualised: 2 * volatility }, 1e-15, 'swing');
    const broken = run(make('volatility:2,4'), closes(1, 2, 1, 0, 1, 2, 1));
    assert.deepEqual(broken, [null, null, swing, null, null, null, swing]);
  });

  test('a VWAP is of what was traded since the reset', () => {
    const vwap = new Vwap();
    assert.equal(vwap.add(flat(7, 0)), null);
    assert.deepEqual(vwap.add(flat(10, 3)), { vwap: 10 });
    assert.deepEqual(vwap.add(flat(20, 1)), { vwap: 12.5 });
    vwap.reset();
    assert.deepEqual(vwap.snapshot(), new Vwap().snapshot());
    assert.deepEqual(vwap.add(flat(30, 2)), { vwap: 30 });
  });

  test('a change is over a span of candles, and from 0 has no percentage', () => {
    assert.deepEqual(run(make('change:2'), closes(8, 9, 6, 18, 0, 1, 2)).slice(2), [
      { change: -2, percent: -25 },
      { change: 9, percent: 100 },
      { change: -6, percent: -100 },
      { change: -17, percent: (100 * -17) / 18 },
      null,
    ]);
  });
});

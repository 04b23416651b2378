// A million updates leave no error behind: a running sum that drifts would show it here.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { prng } from '../../../src/base/prng.ts';
import { type ExactSum, plus, zeroSum } from '../../../src/engine/indicators/exact-sum.ts';
import { Vwap } from '../../../src/engine/indicators/vwap.ts';
import { assertNear, flat, make, seed } from './candles.ts';

const updates = 1_000_000;
const length = 50;

/** A market that walks, from any start, and jumps by ten orders of magnitude at times. */
function* closes(count: number, max: number): Generator<number> {
  const random = prng(seed);
  let close = Math.floor(max / 2);
  for (let index = 0; index < count; index++) {
    if (random.integer(1000) === 0) close = Math.floor(random.uniform() * 10 ** random.integer(16));
    close = Math.min(max, Math.max(1, close + random.integer(2001) - 1000));
    yield close;
  }
}

suite(`after ${updates} updates (seed ${seed})`, () => {
  test('an SMA equals the mean of its window at every update, to the last bit', () => {
    // Below 2^53 / 50, where the sum of the plain loop is exact too.
    const sma = make(`sma:${length}`);
    const ring = new Float64Array(length);
    let index = 0;
    for (const close of closes(updates, Math.floor(2 ** 53 / length))) {
      ring[index++ % length] = close;
      const value = sma.add(flat(close));
      if (index < length) continue;
      let sum = 0;
      for (const one of ring) sum += one;
      // assert's own messages would cost a minute.
      if (value?.sma !== sum / length) assert.equal(value?.sma, sum / length, `update ${index}`);
    }
    assert.equal(index, updates);
  });

  test('an SMA of prices up to 2^53 equals the mean in whole numbers of any size', () => {
    const sma = make(`sma:${length}`);
    const window: bigint[] = [];
    let sum = 0n;
    for (const close of closes(updates, 2 ** 53)) {
      window.push(BigInt(close));
      sum += BigInt(close);
      if (window.length > length) sum -= window[window.length - length - 1] as bigint;
      const value = sma.add(flat(close));
      if (window.length < length) continue;
      const mean = Number(sum) / length;
      if (value?.sma !== mean) assert.equal(value?.sma, mean, `update ${window.length}`);
    }
  });

  test('a VWAP equals notional / volume in whole numbers of any size', () => {
    const vwap = new Vwap();
    let [notional, volume] = [0n, 0n];
    for (const close of closes(updates, 2 ** 40)) {
      const candle = flat(close, (close % 8191) + 1);
      const value = vwap.add(candle);
      notional += BigInt(candle.notional);
      volume += BigInt(candle.volume);
      const mean = Number(notional) / Number(volume);
      if (value?.vwap !== mean) assert.equal(value?.vwap, mean);
    }
    assert.ok(notional > 2n ** 60n);
  });

  test('recursive averages and deviations equal those of an operator that began lately', () => {
    const texts = ['ema:10', 'rsi:10', 'macd:5,10,5', 'atr:10', 'bollinger:20,2', 'volatility:20'];
    // What was before these weighs less than 2^-53 for any of them.
    const memory = 1000;
    const level = 2 ** 40;
    const old = texts.map(make);
    const young = texts.map(make);
    const random = prng(seed);
    for (let index = 1; index <= updates; index++) {
      const candle = flat(level + random.integer(2001) - 1000);
      const values = old.map((indicator) => indicator.add(candle));
      if (index <= updates - memory) continue;
      const others = young.map((indicator) => indicator.add(candle));
      if (index < updates) continue;
      for (const [i, text] of texts.entries()) {
        const tolerance = /^(ema|macd)/.test(text) ? level * 2 ** -49 : 1e-9;
        assertNear(values[i] ?? null, others[i] ?? null, tolerance, text);
      }
    }
  });
});

test('an exact sum is 0 again when all that was added is taken away, in any order', () => {
  const random = prng(seed);
  const values = Array.from({ length: 10_000 }, () =>
    Math.floor(random.uniform() * 2 ** random.integer(54)),
  );
  const order = values.toSorted((a, b) => (a % 1009) - (b % 1009));
  const sum = (from: ExactSum, values: readonly number[]): ExactSum => values.reduce(plus, from);
  const whole = sum(zeroSum, values);
  assert.equal(whole.sum, Number(values.reduce((all, value) => all + BigInt(value), 0n)));
  assert.deepEqual(
    sum(
      whole,
      order.map((value) => -value),
    ),
    zeroSum,
  );
});

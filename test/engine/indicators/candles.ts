// Candles for the tests of indicators: generated ones, and what compares the values made of them.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CandleNumbers, Indicator, Values } from '../../../src/engine/indicators/indicator.ts';
import { createIndicator, parseIndicator } from '../../../src/engine/indicators/indicators.ts';

export const seed = Number(process.env.FC_SEED ?? 20261121);

/** Every indicator, short and long. */
export const everyIndicator = [
  'sma:1',
  'sma:7',
  'ema:1',
  'ema:9',
  'rsi:2',
  'rsi:14',
  'macd:1,2,1',
  'macd:3,8,4',
  'bollinger:2,1',
  'bollinger:9,2.5',
  'atr:1',
  'atr:6',
  'vwap',
  'volatility:2,1',
  'volatility:8,252',
  'change:1',
  'change:12',
];

/** A candle whose high, low and close are one price, traded `volume` times. */
export function flat(close: number, volume = 1): CandleNumbers {
  return { high: close, low: close, close, volume, notional: close * volume };
}

/**
 * Series around one level each: prices of a few increments, of a usual market, and at the end of
 * what a double counts exactly, where only careful sums survive.
 */
export const series: fc.Arbitrary<CandleNumbers[]> = fc
  .record({
    level: fc.constantFrom(0, 1_000_000, 2 ** 40, 2 ** 53 - 2000),
    spread: fc.constantFrom(1, 5, 1000),
  })
  .chain(({ level, spread }) => {
    const price = fc.integer({ min: level + 1, max: level + spread });
    const candle = fc.tuple(price, price, price, fc.nat(3), fc.maxSafeNat());
    return fc.array(candle.map(candleOf), { minLength: 1, maxLength: 60 });
  });

function candleOf([a, b, c, volume, traded]: readonly number[] & { length: 5 }): CandleNumbers {
  const [low, close, high] = [a, b, c].sort((x, y) => (x as number) - (y as number)) as number[];
  return {
    high: high as number,
    low: low as number,
    close: close as number,
    volume: volume as number,
    notional: volume === 0 ? 0 : (traded as number),
  };
}

export function make(text: string): Indicator {
  return createIndicator(parseIndicator(text));
}

export function run(indicator: Indicator, candles: readonly CandleNumbers[]): (Values | null)[] {
  return candles.map((candle) => indicator.add(candle));
}

/** The same columns, each within `tolerance`; null against null only. */
export function assertNear(
  actual: Values | null,
  expected: Values | null,
  tolerance: number,
  where: string,
): void {
  assert.deepEqual(Object.keys(actual ?? {}), Object.keys(expected ?? {}), where);
  for (const [output, value] of Object.entries(expected ?? {})) {
    const difference = Math.abs((actual?.[output] as number) - value);
    const found = `${where}: ${output} is ${actual?.[output]} and should be ${value}`;
    assert.ok(difference <= tolerance, `${found}, within ${tolerance}`);
  }
}

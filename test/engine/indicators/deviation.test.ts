// Squared deviations keep their digits at any level: whole numbers against exact fractions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { squaredDeviations } from '../../../src/engine/indicators/deviation.ts';
import { seed } from './candles.ts';

const values = fc
  .record({
    level: fc.constantFrom(0, 1_000_000_000, 2 ** 53 - 5000),
    spread: fc.constantFrom(0, 1, 5000),
  })
  .chain(({ level, spread }) =>
    fc.array(fc.integer({ min: level, max: level + spread }), { minLength: 1, maxLength: 200 }),
  );

test('squared deviations are right to the last digits, and 0 for equal values', () => {
  const property = fc.property(values, (values) => {
    const sum = values.reduce((all, value) => all + BigInt(value), 0n);
    const squares = values.reduce((all, value) => all + BigInt(value) ** 2n, 0n);
    const expected = Number(BigInt(values.length) * squares - sum * sum) / values.length;
    const found = squaredDeviations(Float64Array.from(values));
    const close = Math.abs(found - expected) <= expected * values.length * 2 ** -53;
    assert.ok(close, `${found} and should be ${expected}`);
  });
  fc.assert(property, { seed, numRuns: 1000 });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  compare,
  fraction,
  parseRational,
  type Rational,
  rationalOf,
  rounded,
  shortestWithin,
  simplestWithin,
} from '../../src/corporate-actions/rational.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const positive = fc
  .tuple(fc.bigInt(1n, 10n ** 6n), fc.bigInt(1n, 10n ** 6n))
  .map(([top, bottom]) => fraction(top, bottom));

function inOrder(a: Rational, b: Rational): [Rational, Rational] {
  return compare(a, b) <= 0 ? [a, b] : [b, a];
}

suite('rational numbers', () => {
  test('are read and written as decimals, half up', () => {
    assert.equal(rounded(rationalOf('645.5700'), 8), '645.57');
    assert.equal(rounded(fraction(1n, 7n), 8), '0.14285714');
    assert.equal(rounded(fraction(1n, 8n), 2), '0.13');
    assert.equal(rounded(rationalOf('12345678901234567890.5'), 0), '12345678901234567891');
    for (const text of ['', '-1', '1e5', 'inf', '.5', '1,5', ' 1']) {
      assert.equal(parseRational(text), null, text);
    }
  });

  test('between two bounds have a simplest: none within has a smaller denominator', () => {
    fc.assert(
      fc.property(positive, positive, (a, b) => {
        const [low, high] = inOrder(a, b);
        const { numerator, denominator } = simplestWithin(low, high);
        assert(compare(low, fraction(numerator, denominator)) <= 0);
        assert(compare(fraction(numerator, denominator), high) <= 0);
        // By trial: the least numerator over each smaller denominator is too large.
        const trials = denominator < 2_000n ? denominator : 2_000n;
        for (let bottom = 1n; bottom < trials; bottom++) {
          const top = (low.numerator * bottom + low.denominator - 1n) / low.denominator;
          assert(compare(fraction(top, bottom), high) > 0, `${top}/${bottom} is simpler`);
        }
      }),
      { seed, numRuns: 200 },
    );
  });

  test('between two bounds have a shortest decimal', () => {
    assert.equal(shortestWithin(rationalOf('2.64991'), rationalOf('2.65003')), '2.65');
    assert.equal(shortestWithin(rationalOf('0.34'), rationalOf('0.39')), '0.37');
    assert.equal(shortestWithin(rationalOf('3'), rationalOf('3')), '3');
    assert.equal(shortestWithin(fraction(1n, 3n), fraction(1n, 3n)), null);
  });
});

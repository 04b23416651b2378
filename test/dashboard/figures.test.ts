import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { basisPoints, change, compare, minus, position } from '../../dashboard/src/decimal.ts';
import * as format from '../../dashboard/src/format.ts';
import { treemap } from '../../dashboard/src/overview/treemap.ts';
import { parseMetrics, quantile, sum, sumsBy } from '../../dashboard/src/pipeline/prometheus.ts';
import { matches } from '../../dashboard/src/search.ts';
import { formatDecimal } from '../../src/contracts/decimal.ts';
import { changeBetween } from '../../src/gateway/market-summary.ts';
import { seeded } from '../gateway/seed.ts';

suite('amounts in the dashboard', () => {
  const amount = fc
    .tuple(fc.integer({ min: 1, max: 1e12 }), fc.integer({ min: 0, max: 8 }))
    .map(([value, scale]) => formatDecimal(value, scale));

  test('change as the server says they change', () => {
    fc.assert(
      fc.property(amount, amount, (last, reference) => {
        const here = change(last, reference);
        const there = changeBetween(reference, last);
        assert.equal(here.direction, there.trend);
        assert.equal(Number(here.amount), Number(there.change));
        assert.equal(Number(here.percent), Number(there.changePercent));
      }),
      seeded(),
    );
  });

  test('stay exact where floating point would not', () => {
    assert.equal(minus('0.3', '0.1'), '0.2');
    assert.equal(minus('9007199254740993', '0.01'), '9007199254740992.99');
    assert.match(format.price('9007199254740993.1', 2), /993.10$/);
  });

  test('are signed in writing, not by colour alone', () => {
    assert.equal(format.signed('-7.1', 2), '−7.10');
    assert.equal(format.percent('4.19'), '+4.19%');
    assert.equal(format.percent('-0.00'), '0.00%');
    assert.equal(format.percent(null), '–');
  });

  test('are long only where there is room', () => {
    assert.equal(format.size('4439'), format.size('4439').replace(/[KMB]/, ''));
    assert.match(format.size('28760000'), /^28.76M$/);
    assert.equal(format.size('0.125'), '0.125');
    assert.equal(format.size(null), '–');
  });

  test('are placed between low and high, in the middle when there is no room', () => {
    assert.equal(position('15', '10', '20'), 0.5);
    assert.equal(position('25', '10', '20'), 1);
    assert.equal(position('10', '10', '10'), 0.5);
  });
});

test('ages are told in the unit that a person would use', () => {
  const ages = [0, 59_999, 60_000, 3_599_999, 7_200_000, 260_000_000].map(format.age);
  assert.deepEqual(ages, ['0 s', '59 s', '1 min', '59 min', '2 h', '3 d']);
});

test('amounts compare, and spreads are told in basis points, without floating point', () => {
  assert.deepEqual(
    [compare('0.30', '0.3'), compare('-1', '0.5'), compare('10', '9.99')],
    [0, -1, 1],
  );
  assert.equal(basisPoints('99.99', '100.01'), '2.0');
  assert.equal(basisPoints('0', '0'), null);
});

test('a symbol is found by its code first, then by any part of code and name', () => {
  const items = [
    { symbol: 'GM', name: 'General Motors' },
    { symbol: 'SGMO', name: 'Sangamo' },
    { symbol: 'GMED', name: 'Globus Medical' },
    { symbol: 'V', name: 'Visa' },
  ];
  const found = (text: string) => matches(items, text).map(({ symbol }) => symbol);
  assert.deepEqual(found(' gm '), ['GM', 'GMED', 'SGMO']);
  assert.deepEqual(found('medical'), ['GMED']);
  assert.deepEqual(found(''), ['GM', 'SGMO', 'GMED', 'V']);
});

suite('metrics', () => {
  const text = (requests: number, slow: number) => `# HELP a what it is
# TYPE taken_seconds histogram
taken_seconds_bucket{le="0.1",route="a"} ${requests}
taken_seconds_bucket{le="0.2",route="a"} ${requests + slow}
taken_seconds_bucket{le="+Inf",route="a"} ${requests + slow}
taken_seconds_count{route="a"} ${requests + slow}
open 3
named{of="a \\"b\\"",by="x"} 1.5
named{of="c",by="x"} 2
`;

  test('are read with their labels, and summed', () => {
    const metrics = parseMetrics(text(90, 10));
    assert.equal(sum(metrics, 'open'), 3);
    assert.equal(sum(metrics, 'named', { by: 'x' }), 3.5);
    assert.deepEqual(
      [...sumsBy(metrics, 'named', 'of')],
      [
        ['a "b"', 1.5],
        ['c', 2],
      ],
    );
    assert.equal(sum(metrics, 'nothing'), 0);
  });

  test('give quantiles between the buckets, of all or of what came since', () => {
    const [before, now] = [parseMetrics(text(90, 10)), parseMetrics(text(90, 30))];
    assert.equal(quantile(0.45, 'taken_seconds', before, null), 0.05);
    assert.ok(Math.abs(quantile(0.95, 'taken_seconds', before, null) - 0.15) < 1e-12);
    assert.ok(Math.abs(quantile(0.5, 'taken_seconds', now, before) - 0.15) < 1e-12);
    assert.ok(Number.isNaN(quantile(0.5, 'taken_seconds', now, now)));
    assert.ok(Number.isNaN(quantile(0.5, 'nothing', now, null)));
  });
});

test('tiles of a heat map have areas by weight, cover the frame and do not overlap', () => {
  const weights = fc.array(fc.double({ min: 0.01, max: 1e9, noNaN: true }), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(weights, (given) => {
      const [width, height] = [800, 500];
      const items = given.map((weight) => ({ item: weight, weight }));
      const tiles = treemap(items, width, height);
      const total = given.reduce((all, weight) => all + weight, 0);
      assert.equal(tiles.length, given.length);
      for (const tile of tiles) {
        const area = (tile.item / total) * width * height;
        assert.ok(Math.abs(tile.width * tile.height - area) < 1e-3);
        assert.ok(tile.x > -1e-6 && tile.x + tile.width < width + 1e-3);
        assert.ok(tile.y > -1e-6 && tile.y + tile.height < height + 1e-3);
      }
      const overlap = (a: (typeof tiles)[0], b: (typeof tiles)[0]): number =>
        Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
        Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));
      for (const [index, tile] of tiles.entries()) {
        for (const other of tiles.slice(index + 1)) assert.ok(overlap(tile, other) < 1e-3);
      }
    }),
    seeded(50),
  );
});

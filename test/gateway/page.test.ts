import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { change, minus, position } from '../../dashboard/decimal.ts';
import * as format from '../../dashboard/format.ts';
import { formatDecimal } from '../../src/contracts/decimal.ts';
import { changeBetween } from '../../src/gateway/market-summary.ts';
import { rig } from './rig.ts';
import { seeded } from './seed.ts';

suite('the page is served', () => {
  test('with every module that it imports, types stripped, and from here alone', async (t) => {
    const one = await rig(t);
    const { body: html } = await one.get('/');
    const wanted = [...html.matchAll(/(?:src|href)="(\/[\w./-]+\.(?:js|css|svg))"/g)].map(
      ([, path]) => path,
    );
    assert.ok(wanted.includes('/main.js') && wanted.includes('/styles.css'));
    assert.ok(!/(?:src|href)="https?:[^"]+\.(?:js|css)"/.test(html));
    const seen = new Set<string>();
    for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const { status, headers, body } = await one.get(path);
      assert.equal(status, 200, path);
      const type = path.endsWith('.js')
        ? 'text/javascript'
        : path.endsWith('.css')
          ? 'text/css'
          : 'image/svg';
      assert.ok(headers.get('content-type')?.startsWith(type), path);
      if (!path.endsWith('.js') || path.startsWith('/vendor/')) continue;
      assert.doesNotMatch(body, /^import type|: string\b(?! =)/m, `${path} has types`);
      const imports = [...body.matchAll(/from '([^']+)'/g)];
      for (const [, name] of imports) wanted.push(new URL(name, `http://host${path}`).pathname);
    }
    assert.ok(seen.has('/vendor/lightweight-charts.js'));
  });

  test('and not again while it has not changed', async (t) => {
    const one = await rig(t);
    for (const path of ['/', '/main.js', '/vendor/lightweight-charts.js']) {
      const { headers } = await one.get(path);
      const etag = headers.get('etag') ?? '';
      const again = await one.get(path, { headers: { 'if-none-match': etag } });
      assert.deepEqual([again.status, again.body], [304, '']);
      const other = await one.get(path, { headers: { 'if-none-match': '"another"' } });
      assert.equal(other.status, 200);
    }
  });
});

suite('amounts in the page', () => {
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

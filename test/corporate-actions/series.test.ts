// Whose candles a symbol means, and which actions are its own.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import type { Adjustment, CorporateAction } from '../../src/contracts/corporate-action.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { actionsOf } from '../../src/corporate-actions/action-files.ts';
import { type Series, seriesOf } from '../../src/corporate-actions/series.ts';

function actions(path: string, ...lines: string[]): readonly CorporateAction[] {
  return actionsOf({ path, text: lines.join('\n') }, { calendar: 'XNYS' }).actions;
}

function followed(
  known: readonly CorporateAction[],
  symbol: string,
  asof: string,
  adjustment: Adjustment = 'all',
): Series {
  return seriesOf(known, { symbol, asof, adjustment });
}

function names(known: readonly CorporateAction[], symbol: string, asof: string): string[] {
  return followed(known, symbol, asof).names.map(({ symbol: name, from, to }) => {
    const [start, end] = [from, to].map((time) => (isFinite(time) ? formatTime(time) : ''));
    return `${name} ${start}/${end}`;
  });
}

const facebook = actions('meta.csv', '20120518,fb,Q', '20220608,fb,Q', '20501231,meta,Q');
/** What was META before: a fund, since METV. */
const fund = actions('metv.csv', '20210630,meta,P', '20220131,meta,P', '20501231,metv,P');

suite('a series', () => {
  const both = [...facebook, ...fund];
  const [given, taken] = ['2022-02-01T05:00:00Z', '2022-06-09T04:00:00Z'];

  test('follows an instrument through its names, from New York midnight on', () => {
    const whole = [`FB /${taken}`, `META ${taken}/`];
    assert.deepEqual(names(both, 'META', '2026-01-01'), whole);
    assert.deepEqual(names(both, 'META', '2022-06-09'), whole);
    assert.deepEqual(names(both, 'FB', '2022-06-08'), whole);
    assert.deepEqual(names(both, 'FB', '2022-06-09'), whole, 'on the day itself');
  });

  test('is another when the name was another’s', () => {
    const whole = [`META /${given}`, `METV ${given}/`];
    assert.deepEqual(names(both, 'METV', '2026-01-01'), whole);
    assert.deepEqual(names(both, 'META', '2022-01-15'), whole);
    assert.deepEqual(names(both, 'META', '2022-03-01'), [`META ${given}/${taken}`], 'nobody’s');
  });

  test('of a name that was given up is of who used it later, and says so', () => {
    assert.deepEqual(names(both, 'FB', '2026-01-01'), [`FB ${taken}/`]);
    assert.equal(followed(both, 'FB', '2026-01-01').givenUp?.to, 'META');
    assert.equal(followed(both, 'META', '2026-01-01').givenUp, null);
    assert.equal(followed([], 'FB', '2026-01-01').givenUp, null);
  });

  test('survives a chain of names, a name taken back, and a swap on one day', () => {
    const chain = actions(
      'x.csv',
      'A,2020-01-06,rename,B',
      'B,2021-01-04,rename,A',
      'A,2022-01-03,rename,C',
    );
    const spans = [
      'A /2020-01-06',
      'B 2020-01-06/2021-01-04',
      'A 2021-01-04/2022-01-03',
      'C 2022-01-03/',
    ];
    const days = (symbol: string, asof: string) =>
      names(chain, symbol, asof).map((name) => name.replaceAll(/T05:00:00Z/g, ''));
    for (const [symbol, asof] of [
      ['C', '2023-01-01'],
      ['B', '2020-06-01'],
      ['A', '2021-06-01'],
    ]) {
      assert.deepEqual(days(symbol as string, asof as string), spans);
    }
    const swap = actions('x.csv', 'A,2020-01-06,rename,B', 'B,2020-01-06,rename,A');
    const at = '2020-01-06T05:00:00Z';
    assert.deepEqual(names(swap, 'A', '2021-01-01'), [`B /${at}`, `A ${at}/`]);
    assert.deepEqual(names(swap, 'B', '2021-01-01'), [`A /${at}`, `B ${at}/`]);
  });

  test('has the actions of its own, by whatever name they were told', () => {
    const lean = actions(
      'bac.csv',
      '19980303,0.99,0.5,68.81',
      '20040827,1,0.5,89',
      '20501231,1,1,0',
    );
    const map = actions('bac.csv', '19980102,nb,N', '19980930,nb,N', '20501231,bac,N');
    // The first BAC, which was bought, paid a dividend of its own in 1998.
    const other = actions('x.csv', 'BAC,1998-03-09,dividend,0.34', 'NB,1997-02-28,split,2');
    const known = [...lean, ...map, ...other];
    const dates = (symbol: string, asof: string, adjustment?: Adjustment) =>
      followed(known, symbol, asof, adjustment).actions.map(({ date, kind }) => `${date} ${kind}`);
    const split = ['1997-02-28 split', '2004-08-30 split'];
    assert.deepEqual(dates('BAC', '2026-01-01'), [
      '1997-02-28 split',
      '1998-03-04 dividend',
      '2004-08-30 split',
    ]);
    assert.deepEqual(dates('NB', '1998-09-30', 'all'), ['1997-02-28 split', '1998-03-04 dividend']);
    assert.deepEqual(dates('BAC', '2026-01-01', 'split'), split);
    assert.deepEqual(dates('BAC', '2004-08-29', 'split'), split.slice(0, 1), 'by asof');
    assert.deepEqual(dates('BAC', '2004-08-30', 'split'), split);
    assert.deepEqual(dates('BAC', '2026-01-01', 'raw'), []);
    assert.deepEqual(dates('BAC', '1998-04-01'), ['1998-03-09 dividend']);
  });

  test('takes what two sources tell of a day once', () => {
    const lean = actions('x.csv', '20200102,1,0.5,10', '20501231,1,1,0');
    const own = actions('own.csv', 'X,2020-01-03,split,3');
    for (const known of [
      [...lean, ...own],
      [...own, ...lean],
    ]) {
      const found = followed(known, 'X', '2026-01-01').actions;
      assert.deepEqual(
        found.map((action) => action.kind === 'split' && action.ratio),
        ['3:1'],
      );
    }
  });

  test('is as of the date that it is at the exchange', () => {
    const split = actions('x.csv', 'X,2020-01-06,split,3');
    const at = (iso: string) =>
      seriesOf(split, { symbol: 'X', adjustment: 'all', asof: micros(Date.parse(iso) * 1000) });
    const [before, after] = [at('2020-01-06T04:59:59Z'), at('2020-01-06T05:00:00Z')];
    assert.deepEqual([before.asof, before.actions.length], ['2020-01-05', 0]);
    assert.deepEqual([after.asof, after.actions.length], ['2020-01-06', 1]);
  });
});

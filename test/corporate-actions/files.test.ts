// Files of corporate actions: what is in them, and what is wrong with them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Failure } from '../../src/base/failure.ts';
import type { CorporateAction } from '../../src/contracts/corporate-action.ts';
import { actionsOf } from '../../src/corporate-actions/action-files.ts';
import { recordedData } from '../recorded-data.ts';
import { recordedActions } from './recorded-actions.ts';

function read(path: string, lines: readonly string[], calendar = 'XNYS') {
  return actionsOf({ path, text: `${lines.join('\n')}\n` }, { calendar });
}

function told(actions: readonly CorporateAction[]): string[] {
  return actions.map((action) => {
    const { symbol, date, kind } = action;
    const value =
      action.kind === 'split'
        ? action.ratio
        : action.kind === 'rename'
          ? action.to
          : `${action.amount} of ${action.reference}`;
    return [symbol, date, kind, value].join(' ');
  });
}

suite('a LEAN factor file', () => {
  test('tells the splits and dividends that there were', (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    const apple = told(recordedActions(folder, 'aapl'));
    // investor.apple.com, dividend history and split history.
    for (const fact of [
      'AAPL 2000-06-21 split 2:1',
      'AAPL 2005-02-28 split 2:1',
      'AAPL 2012-08-09 dividend 2.65 of 619.86',
      'AAPL 2014-05-08 dividend 3.29 of 592.33',
      'AAPL 2014-06-09 split 7:1',
      'AAPL 2014-08-07 dividend 0.47 of 94.97',
      'AAPL 2020-08-31 split 4:1',
      'AAPL 2020-11-06 dividend 0.205 of 119.03',
    ]) {
      assert(apple.includes(fact), fact);
    }
    assert.equal(apple.filter((fact) => fact.includes('split')).length, 4);
    assert(told(recordedActions(folder, 'bac')).includes('BAC 2004-08-30 split 2:1'));
  });

  test('is given back by its actions: every factor to the last digit', (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    let checked = 0;
    for (const symbol of ['aapl', 'bac', 'spy']) {
      const actions = recordedActions(folder, symbol);
      const path = join(folder, 'factor_files', `${symbol}.csv`);
      for (const line of readFileSync(path, 'utf8').split('\n')) {
        const [day = '', price = '', split = ''] = line.split(',');
        const date = day.replace(/(....)(..)(..)/, '$1-$2-$3');
        const later = actions.filter((action) => action.date > date);
        const prices = later.map((action) =>
          action.kind === 'dividend' ? 1 - Number(action.amount) / Number(action.reference) : 1,
        );
        const splits = later.map((action) => {
          const [top, bottom] = action.kind === 'split' ? action.ratio.split(':').map(Number) : [];
          return (bottom ?? 1) / (top ?? 1);
        });
        const product = (numbers: readonly number[]): number => numbers.reduce((a, b) => a * b, 1);
        assert.equal(product(prices).toFixed(7), Number(price).toFixed(7), `${symbol} ${date}`);
        assert.equal(product(splits).toPrecision(6), Number(split).toPrecision(6));
        checked++;
      }
    }
    assert(checked > 200, `only ${checked} rows`);
  });

  test('may hold both on a day, reverse splits, old numbers for a symbol, and few rows', () => {
    const both = read('acme.1.csv', [
      '20200102,0.4500000,20,1',
      '20200110,0.4500000,20,50',
      '20200214,0.9000000,10,40',
      '20211230,1,1,0',
    ]);
    assert.deepEqual(told(both.actions), [
      'ACME 2020-01-13 dividend 25 of 50',
      'ACME 2020-01-13 split 1:2',
      'ACME 2020-02-18 dividend 4 of 40',
      'ACME 2020-02-18 split 1:10',
    ]);
    assert.deepEqual(both.whole, { source: 'lean:acme.1', kinds: ['split', 'dividend'] });
    assert(both.actions.every(({ namedOn }) => namedOn === '2021-12-30'));
    assert.deepEqual(read('x.csv', ['20501231,1,1,0']).actions, []);
    assert.deepEqual(told(read('x.csv', ['20200214,1,0.333333,40', '20501231,1,1']).actions), [
      'X 2020-02-18 split 3:1',
    ]);
  });
});

suite('a LEAN map file', () => {
  test('tells renames, by the first day of the new symbol', (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    assert.deepEqual(told(recordedActions(folder, 'bac', 'map')), ['NB 1998-10-01 rename BAC']);
    assert.deepEqual(recordedActions(folder, 'spy', 'map'), []);
  });

  test('may have moved between exchanges, and end at a delisting', () => {
    const { actions, whole } = read('meta.csv', [
      '20120518,fb,Q',
      '20151231,fb,P',
      '20220608,fb',
      '20501231,meta,Q',
    ]);
    assert.deepEqual(told(actions), ['FB 2022-06-09 rename META']);
    assert.deepEqual(whole, { source: 'lean:meta', kinds: ['rename'] });
  });
});

suite('a CSV of actions', () => {
  const expected = [
    'AAPL 2014-06-09 split 7:1',
    'GE 2021-08-02 split 1:8',
    'IBM 2026-05-08 dividend 1.69 of null',
    'IBM 2026-02-10 dividend 1.68 of 293.5',
    'FB 2022-06-09 rename META',
  ];

  test('has one column for values, or one for each kind, and a header or none', () => {
    const rows = [
      'aapl,2014-06-09,split,7',
      'GE,2021-08-02,Split,1:8',
      '"IBM","2026-05-08","dividend","1.69"',
      'IBM, 2026-02-10, dividend, 1.68, 293.5',
      'FB,2022-06-09,rename,META',
    ];
    assert.deepEqual(told(read('x.csv', rows).actions), expected);
    const header = 'symbol,date,kind,value,reference';
    assert.deepEqual(told(read('x.csv', ['\uFEFF' + header, '', ...rows]).actions), expected);
    for (const name of ['ratio|amount|to', 'ratio']) {
      const odd = [`symbol,date,kind,${name},reference`, ...rows];
      assert.deepEqual(told(read('x.csv', odd).actions), expected);
    }
    const own = [
      'kind,symbol,date,to,ratio,amount,reference,note',
      'split,AAPL,2014-06-09,,14/2,,,seven for one',
      'split,GE,2021-08-02,,0.125,,,',
      'dividend,IBM,2026-05-08,,,1.69,,',
      'dividend,IBM,2026-02-10,,,1.68,293.5,',
      'rename,FB,2022-06-09,META,,,,',
    ];
    assert.deepEqual(told(read('x.csv', own).actions), expected);
    assert.equal(read('x.csv', rows).whole, null);
  });
});

suite('a file that is wrong', () => {
  const cases: [string, string, string[], RegExp][] = [
    ['is nothing of this', 'x.csv', ['symbol,time,price,size'], /x\.csv is no file of corporate/],
    ['is empty', 'x.csv', [''], /x\.csv is no file/],
    ['is named after no symbol', '-.csv', ['20501231,1,1,0'], /named after no symbol.*--symbol/],
    ['has no such day', 'x.csv', ['20140231,0.5,1,9', '20501231,1,1,0'], /row 1.*2014-02-31.*no/],
    ['is too early', 'x.csv', ['18890102,1,2,9', '20140102,1,1,9'], /row 1: .*1889.*1990.*--cal/],
    ['has a factor with lost digits', 'x.csv', ['20140102,1,1e+07,9'], /row 1.*"1e\+07".*CSV/],
    ['has no factor', 'x.csv', ['20140102,1,1,9', '20150102,1,inf,9'], /row 2.*"inf"/],
    ['has no close', 'x.csv', ['20140102,0.9,1', '20501231,1,1'], /row 1.*no reference price/],
    [
      'has a dividend below zero',
      'x.csv',
      ['20140102,1.1,1,9', '20501231,1,1,0'],
      /row 1.*no dividend/,
    ],
    ['has two rows for a day', 'x.csv', ['20140102,1,1,9', '20140102,1,2,9'], /row 1.*row, 2/],
    ['has no symbol in a map', 'x.csv', ['20140102,fb', '20140103,f?b,Q'], /row 2: "f\?b"/],
    ['has no kind', 'x.csv', ['symbol,date,kind,value', 'A,2014-06-09,gift,2'], /row 2: "gift"/],
    ['has no ratio', 'x.csv', ['A,2014-06-09,split,0:1'], /row 1: "0:1".*7:1/],
    ['has a split that is none', 'x.csv', ['A,2014-06-09,split,2:2'], /row 1: "2:2"/],
    ['has no amount', 'x.csv', ['A,2014-06-09,dividend,-1'], /row 1: the amount "-1"/],
    ['pays out all', 'x.csv', ['A,2014-06-09,dividend,9,9'], /row 1: the dividend 9 is not below/],
    ['renames to itself', 'x.csv', ['A,2014-06-09,rename,a'], /row 1: A is renamed to itself/],
    [
      'tells a thing twice',
      'x.csv',
      ['A,2014-06-09,dividend,1', 'A,2014-06-09,dividend,2'],
      /row 2: A has a dividend on 2014-06-09 in row 1 too.*sum/,
    ],
  ];
  for (const [what, path, lines, message] of cases) {
    test(`and ${what} says where and how to mend it`, () => {
      assert.throws(
        () => read(path, lines),
        (error: unknown) => {
          assert(error instanceof Failure && error.code === 'bad-file');
          assert.match(error.message, new RegExp(`^${path}`));
          assert.match(`${error.message} ${error.cure}`, message);
          return true;
        },
      );
    });
  }

  test('and has dates of no calendar that there is names those there are', () => {
    assert.throws(() => read('x.csv', ['20501231,1,1,0'], 'NYSE'), {
      code: 'bad-request',
      cure: /XNYS, XLON/,
    });
  });
});

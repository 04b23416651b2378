// Corporate actions in a real PostgreSQL: imported, asked for, and in exports.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import type { Adjustment } from '../../src/contracts/corporate-action.ts';
import { actionsOf } from '../../src/corporate-actions/action-files.ts';
import { importActions } from '../../src/store/corporate-actions.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { exportCandles } from '../../src/store/export.ts';
import { openHistory } from '../../src/store/history-postgres.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { candleBatch, type SimpleCandle } from './batches.ts';
import { connected, linesOf, testCluster } from './cluster.ts';

const cluster = testCluster();

async function importText(database: DatabaseAddress, path: string, ...lines: string[]) {
  const file = actionsOf({ path, text: lines.join('\n') }, { calendar: 'XNYS' });
  const { added, changed, withdrawn, known } = await importActions(database, [file]);
  return [added, changed, withdrawn, known];
}

const factors = [
  '20200102,0.4500000,0.5,20',
  '20200110,0.4500000,0.5,50',
  '20200214,0.9,1,40',
  '20501231,1,1,0',
];

suite('importing corporate actions', () => {
  test('again changes nothing, and a file that changed is what counts', async (t) => {
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    const rows = () => linesOf(client, 'select *, xmin from corporate_actions order by date, kind');
    assert.deepEqual(await importText(database, 'acme.csv', ...factors), [3, 0, 0, 0]);
    const before = await rows();
    assert.deepEqual(await importText(database, 'acme.csv', ...factors), [0, 0, 0, 3]);
    assert.deepEqual(await rows(), before, 'not even a row was written');
    // The provider has taken back the split, and corrected the last dividend.
    const corrected = ['20200110,0.4,1,50', '20200214,0.8,1,40', '20501231,1,1,0'];
    assert.deepEqual(await importText(database, 'acme.csv', ...corrected), [0, 1, 1, 1]);
    const own = ['symbol,date,kind,value', 'ACME,2020-01-13,split,2', 'ACME,2021-01-04,rename,NEW'];
    assert.deepEqual(await importText(database, 'own.csv', ...own), [2, 0, 0, 0]);
    assert.deepEqual(await importText(database, 'more.csv', own[0] as string), [0, 0, 0, 0]);
    const map = ['20200102,acme,N', '20501231,acme,N'];
    assert.deepEqual(
      await importText(database, 'acme.csv', ...map),
      [0, 0, 0, 0],
      'other kinds stay',
    );
    const told = 'select source, symbol, date::text, kind, amount from corporate_actions';
    assert.deepEqual(await linesOf(client, `${told} order by corporate_actions.date, source`), [
      'csv|ACME|2020-01-13|split|∅',
      'lean:acme|ACME|2020-01-13|dividend|25',
      'lean:acme|ACME|2020-02-18|dividend|8',
      'csv|ACME|2021-01-04|rename|∅',
    ]);
  });

  test('takes all files or none', async (t) => {
    const database = await cluster.migratedDatabase();
    const client = await connected(t, database);
    const file = actionsOf({ path: 'x.csv', text: 'A,2020-01-06,split,2' }, { calendar: 'XNYS' });
    const [action] = file.actions;
    const bad = { actions: [{ ...action, kind: 'gift' } as never], whole: null };
    await assert.rejects(importActions(database, [file, bad]), /corporate_actions_kind_check/);
    assert.deepEqual(await linesOf(client, 'select * from corporate_actions'), []);
  });

  test('gives back what was told, of all names that renames connect', async (t) => {
    const database = await cluster.migratedDatabase();
    const text = [
      'A,2020-01-06,rename,B',
      'B,2021-01-04,rename,C',
      'B,2020-02-03,dividend,0.250,12.5',
      'A,2019-02-04,dividend,0.25',
      'C,2021-05-03,split,1:10',
      'D,2021-05-03,split,2',
    ].join('\n');
    const file = actionsOf({ path: 'x.csv', text }, { calendar: 'XTKS' });
    await importActions(database, [file]);
    const history = openHistory({ database });
    t.after(async () => await history.close());
    const expected = file.actions
      .filter(({ symbol }) => symbol !== 'D')
      .map((action) => (action.kind === 'dividend' ? { ...action, amount: '0.25' } : action))
      .sort((a, b) => (a.date < b.date ? -1 : 1));
    for (const symbol of ['A', 'B', 'C']) {
      assert.deepEqual(await history.actions(symbol), expected);
    }
    assert.equal((await history.actions('D')).length, 1);
    assert.deepEqual(await history.actions('E'), []);
  });
});

suite('an export of adjusted candles', () => {
  const header = 'symbol,interval,start,open,high,low,close,volume,vwap,trades,revision,state';

  async function exported(
    database: DatabaseAddress,
    symbol: string,
    adjustment: Adjustment = 'raw',
    more: object = {},
  ): Promise<string[]> {
    const series = { symbol, adjustment, asof: '2026-01-01' };
    const options = { format: 'csv', symbol, series, ...more } as const;
    const chunks = await Array.fromAsync(exportCandles(database, options));
    return Buffer.concat(chunks).toString().trimEnd().split('\n');
  }

  async function stored(): Promise<DatabaseAddress> {
    const database = await cluster.migratedDatabase();
    const at = (iso: string) => Date.parse(iso) * 1000;
    const candles: SimpleCandle[] = [
      { symbol: 'NB', start: at('1998-09-30T00:00Z'), interval: '1d', close: 7_000 },
      { symbol: 'NB', start: at('1998-09-30T15:30Z'), interval: '15m', close: 7_000 },
      { symbol: 'NB', start: at('1998-09-30T15:37Z'), interval: '1m', close: 7_000 },
      { symbol: 'BAC', start: at('1998-10-01T00:00Z'), interval: '1d', close: 7_200 },
      { symbol: 'BAC', start: at('1998-10-01T15:30Z'), interval: '15m', close: 7_200 },
      { symbol: 'BAC', start: at('1998-10-01T15:37Z'), interval: '1m', close: 7_200 },
      { symbol: 'BAC', start: at('2004-08-30T00:00Z'), interval: '1d', close: 4_400 },
      { symbol: 'BAC', start: at('2004-08-30T15:30Z'), interval: '15m', close: 4_400 },
      { symbol: 'BAC', start: at('2004-08-30T15:37Z'), interval: '1m', close: 4_400 },
      // The first BAC.
      { symbol: 'BAC', start: at('1998-09-30T15:30Z'), interval: '15m', close: 6_000 },
      { symbol: 'BAC', start: at('1998-09-30T00:00Z'), interval: '1d', close: 6_000 },
    ];
    const sink = openCandlesSink({ database, epoch: 'epoch', partition: 0 });
    await sink.write([candleBatch(0, candles)], candles.length);
    await sink.close();
    const lines = ['NB,1998-10-01,rename,BAC', 'BAC,2004-08-30,split,2'];
    await importText(database, 'x.csv', ...lines);
    return database;
  }

  test('has the former name, and what was done', async () => {
    const database = await stored();
    assert.deepEqual(await exported(database, 'BAC', 'split', { intervals: ['1m', '1d'] }), [
      `${header},adjustment,asof`,
      'NB,1d,1998-09-30T00:00:00Z,5,35,5,35,200,5,1,0,final,split,2026-01-01',
      'NB,1m,1998-09-30T15:37:00Z,5,35,5,35,200,5,1,0,final,split,2026-01-01',
      'BAC,1d,1998-10-01T00:00:00Z,5,36,5,36,200,5,1,0,final,split,2026-01-01',
      'BAC,1m,1998-10-01T15:37:00Z,5,36,5,36,200,5,1,0,final,split,2026-01-01',
      'BAC,1d,2004-08-30T00:00:00Z,10,44,10,44,100,10,1,0,final,split,2026-01-01',
      'BAC,1m,2004-08-30T15:37:00Z,10,44,10,44,100,10,1,0,final,split,2026-01-01',
    ]);
  });

  test('is raw unless asked otherwise, in the columns of every export', async () => {
    const database = await stored();
    const span = { intervals: ['1d'], to: micros(Date.parse('2000-01-01') * 1000) };
    assert.deepEqual(await exported(database, 'BAC', 'raw', span), [
      header,
      'NB,1d,1998-09-30T00:00:00Z,10,70,10,70,100,10,1,0,final',
      'BAC,1d,1998-10-01T00:00:00Z,10,72,10,72,100,10,1,0,final',
    ]);
    const as1998 = { symbol: 'BAC', adjustment: 'raw', asof: '1998-09-30' } as const;
    assert.deepEqual(await exported(database, 'BAC', 'raw', { ...span, series: as1998 }), [
      header,
      'BAC,1d,1998-09-30T00:00:00Z,10,60,10,60,100,10,1,0,final',
    ]);
    const all = await Array.fromAsync(exportCandles(database, { format: 'csv' }));
    assert.equal(Buffer.concat(all).toString().trimEnd().split('\n').length, 12, 'as stored');
  });

  test('of a name that was given up says whose history is meant', async () => {
    const database = await stored();
    await assert.rejects(exported(database, 'NB'), {
      code: 'not-found',
      message: /NB, which is BAC since 1998-10-01/,
      cure: /as of 1998-10-01/,
    });
  });

  test('of nothing stored says so', async () => {
    const database = await cluster.migratedDatabase();
    await importText(database, 'x.csv', 'NB,1998-10-01,rename,BAC');
    await assert.rejects(exported(database, 'BAC'), {
      code: 'not-found',
      message: /nothing is stored of NB or BAC/,
    });
  });
});

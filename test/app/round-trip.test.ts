// What `export trades` writes, `replay` takes back: the same trades, verdicts and candles.

import { strict as assert } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { verdicts } from '../../src/contracts/verdict.ts';
import { recordedData } from '../recorded-data.ts';
import { csv, run, withDataFolder } from './command.ts';

type Env = Readonly<Record<string, string>>;

async function replay(data: string, args: readonly string[], env: Env = {}): Promise<string> {
  const { code, stderr } = await run(data, ['replay', '--quiet', ...args], env);
  assert.equal(code, 0, stderr);
  return stderr;
}

interface Held {
  readonly trades: string;
  readonly candles: string;
}

async function heldIn(data: string): Promise<Held> {
  const trades = await run(data, ['export', 'trades']);
  const candles = await run(data, ['export', 'candles']);
  assert.deepEqual([trades.code, candles.code], [0, 0], trades.stderr + candles.stderr);
  return { trades: trades.stdout, candles: candles.stdout };
}

/** What there is in a folder, and in an empty one after a replay of its export. */
async function andReplayed(data: string): Promise<{ before: Held; after: Held }> {
  const before = await heldIn(data);
  const file = join(data, 'trades.csv');
  await writeFile(file, before.trades);
  let after = before;
  await withDataFolder(async (other) => {
    await replay(other, [file]);
    after = await heldIn(other);
  });
  // Into the folder that it came from it brings nothing.
  const rows = csv(before.trades).length.toLocaleString('en');
  assert.match(await replay(data, [file]), new RegExp(`^${rows} repeats passed over in`));
  assert.deepEqual(await heldIn(data), before);
  return { before, after };
}

test('recorded trades of BAC and of Kraken come back with all their candles', async (t) => {
  const folder = recordedData('.', t);
  if (!folder) return;
  await withDataFolder(async (data) => {
    const ticks = ['20131007', '20131008'].map((day) => `us-equity/tick/bac/${day}_trade.zip`);
    const files = [...ticks, 'crypto/kraken/http_trades.json'];
    await replay(
      data,
      files.map((file) => join(folder, file)),
    );
    const { before, after } = await andReplayed(data);
    // unzip -p *_trade.zip | wc -l: 214,044; Kraken gives a thousand.
    assert.equal(csv(before.trades).length, 215_044);
    assert.equal(after.trades, before.trades);
    // A file of LEAN's ends with its day; in an export the day may go on after its last trade.
    const [day] = csv(after.candles).filter(({ interval, state, symbol }) => {
      return symbol === 'BAC' && interval === '1d' && state === 'open';
    });
    assert.equal(day?.start, '2013-10-08T04:00:00Z');
    const open = after.candles.match(/^BAC,.*,open$/gm) ?? [];
    assert(open.length <= 7, `${open.length} of seven intervals are open`);
    assert.equal(after.candles.replaceAll(/^(BAC,.*),open$/gm, '$1,final'), before.candles);
  });
});

const header = 'symbol,time,price,size,id,conditions,action,original';
const onTapeC = ['--tape', 'sip-c', '--calendar', 'XNYS'];
/** Each file arrives by itself; of ACME, a day of New York under the rules of tape C. */
const arrivals: readonly { options?: readonly string[]; env?: Env; rows: readonly string[] }[] = [
  {
    options: onTapeC,
    rows: [
      header,
      'ACME,2024-05-06T12:00:00Z,101,10,1,@ T,,',
      'ACME,2024-05-06T13:30:00Z,100,10,2,@,,',
      'ACME,2024-05-06T13:30:00.5Z,250,10,3,@,,',
      'ACME,2024-05-06T13:30:01Z,104,10,4,@,,',
      'ACME,2024-05-06T14:00:00Z,105,10,5,"@,Z",,',
      'ACME,2024-05-06T14:00:30Z,103,10,9007199254740991,@,,',
      'ACME,2024-05-06T14:01:00Z,,,90,,cancel,',
      'ACME,2024-05-06T14:10:00Z,102,10,6,@,,',
    ],
  },
  // Neither ids nor a tape; the first two rows are two trades.
  {
    rows: [
      'symbol,time,price,size',
      'BTC-USD,2024-05-06T23:59:59.999999Z,64000.01,0.00000001',
      'BTC-USD,2024-05-06T23:59:59.999999Z,64000.01,0.00000001',
      'BTC-USD,2024-05-07T00:00:00Z,64000.5,2',
    ],
  },
  {
    options: onTapeC,
    rows: [
      header,
      'ACME,2024-05-06T13:30:00.5Z,,,3,,cancel,',
      'ACME,2024-05-06T13:30:01Z,99.5,20,A-4,@,correction,4',
      'ACME,2024-05-06T14:01:00Z,300,10,90,@,,', // its cancel came before it
      'ACME,2024-05-06T13:59:00Z,98,10,7,@,,', // late
    ],
  },
  {
    options: onTapeC,
    env: { CORRECTION_HORIZON_HOURS: '1' },
    rows: [
      header,
      'ACME,2024-05-06T13:00:00Z,400,10,8,@,,', // too late
      'ACME,2024-05-06T12:00:00Z,,,1,,cancel,', // too late
    ],
  },
];

test('cancels, corrections, late trades and tapes come back as they were decided', async () => {
  await withDataFolder(async (data) => {
    for (const [index, { options = [], env = {}, rows }] of arrivals.entries()) {
      const file = join(data, `${index}.csv`);
      await writeFile(file, rows.join('\n'));
      await replay(data, [...options, file], env);
    }
    const { before, after } = await andReplayed(data);
    const found = new Set(csv(before.trades.replaceAll(/"(.*?)"/g, '')).map((row) => row.verdict));
    assert.deepEqual(found, new Set(verdicts));
    // In order of time nothing is late, and no candle is revised.
    assert.equal(after.trades, before.trades.replaceAll(',late,', ',on time,'));
    const figures = (candles: string) => candles.replaceAll(/,\d+,\w+$/gm, '');
    assert.equal(figures(after.candles), figures(before.candles));
    const days = csv(after.candles).filter(({ interval }) => interval === '1d');
    assert.deepEqual(
      days.map(({ symbol, start, open, high, low, close, volume, trades }) =>
        [symbol, start, open, high, low, close, volume, trades].join(),
      ),
      [
        'ACME,2024-05-06T04:00:00Z,100,105,98,102,80,7',
        'BTC-USD,2024-05-06T00:00:00Z,64000.01,64000.01,64000.01,64000.01,0.00000002,2',
        'BTC-USD,2024-05-07T00:00:00Z,64000.5,64000.5,64000.5,64000.5,2,1',
      ],
    );
  });
});

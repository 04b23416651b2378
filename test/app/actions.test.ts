// `tapeline actions import` and adjusted exports as a user runs them.

import { strict as assert } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { formatTime } from '../../src/contracts/time.ts';
import { RecordedFile } from '../../src/feeds/replay/recorded-file.ts';
import { recordedData } from '../recorded-data.ts';
import { csv, run, withDataFolder } from './command.ts';

test("Apple's minutes have no cliff at its split once they are adjusted", async (t) => {
  const folder = recordedData('us-equity', t);
  if (!folder) return;
  await withDataFolder(async (data) => {
    const trades = join(data, 'aapl.csv');
    const rows = await Promise.all(['20140606', '20140609'].map((day) => closesOf(folder, day)));
    await writeFile(trades, ['symbol,time,price,size', ...rows.flat()].join('\n'));
    assert.equal((await run(data, ['replay', trades])).code, 0);

    const files = ['factor_files', 'map_files'].map((kind) => join(folder, kind, 'aapl.csv'));
    const first = await run(data, ['actions', 'import', ...files]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /corporate actions: 39 added, in/);
    const again = await run(data, ['actions', 'import', ...files]);
    assert.match(again.stderr, /corporate actions: 39 known already, in/);

    const args = ['export', 'candles', '--symbol', 'AAPL'];
    const minutes = async (...more: string[]) =>
      csv((await run(data, [...args, '--interval', '1m', ...more])).stdout);
    const [raw, split] = [await minutes(), await minutes('--adjustment', 'split')];
    assert.equal(split.length, rows.flat().length);
    assert(steepest(raw) > 5);
    assert(steepest(split) < 1.02, `${steepest(split)}`);
    for (const [index, one] of split.entries()) {
      const factor = (one.start as string) < '2014-06-09' ? 28 : 4;
      const before = raw[index] as Record<string, string>;
      assert.equal(Number(one.close).toFixed(6), (Number(before.close) / factor).toFixed(6));
      assert.equal(Number(one.volume), Number(before.volume) * factor);
      assert.equal(one.adjustment, 'split');
    }
    // Days of UTC: what was traded on the 6th, and on the 9th, from 4:00 to 20:00 in New York.
    const days = await run(data, [...args, '--interval', '1d', '--adjustment', 'all']);
    assert.deepEqual(
      csv(days.stdout).map(({ start, close }) => [start, Math.round(Number(close) * 10)]),
      // 645.85 and 93.77 by the factors of the file: x 0.9011818 x 0.0357143 and x 0.25.
      [
        ['2014-06-06T00:00:00Z', 208],
        ['2014-06-09T00:00:00Z', 211],
      ],
    );
  });
});

test('exported days of an exchange are its own, each once, over a split', async (t) => {
  const folder = recordedData('us-equity', t);
  if (!folder) return;
  await withDataFolder(async (data) => {
    const minutes = ['20140606', '20140609'].map((day) =>
      join(folder, `minute/aapl/${day}_trade.zip`),
    );
    assert.equal((await run(data, ['replay', ...minutes])).code, 0);
    const file = join(folder, 'factor_files/aapl.csv');
    assert.equal((await run(data, ['actions', 'import', file])).code, 0);
    const args = ['export', 'candles', '--symbol', 'AAPL', '--interval', '1d'];
    const days = async (...more: string[]) => csv((await run(data, [...args, ...more])).stdout);
    const raw = await days();
    const split = await days('--adjustment', 'split', '--asof', '2014-06-30');
    assert.deepEqual(
      split.map(({ start, close }) => [start, Number(close).toFixed(6)]),
      [
        ['2014-06-06T04:00:00Z', (Number(raw[0]?.close) / 7).toFixed(6)],
        ['2014-06-09T04:00:00Z', Number(raw[1]?.close).toFixed(6)],
      ],
    );
  });
});

/** The close of each recorded minute as one trade of its volume: a CSV line each. */
async function closesOf(folder: string, day: string): Promise<string[]> {
  const lines: string[] = [];
  const file = await RecordedFile.open(join(folder, `minute/aapl/${day}_trade.zip`));
  // Midnight in New York, which is four hours behind UTC in June.
  const midnight = Date.parse(`${day.replace(/(....)(..)(..)/, '$1-$2-$3')}T04:00Z`);
  for await (const part of file.parts()) {
    for (const line of (await text(part.read())).split('\n').filter(Boolean)) {
      const [ms, , , , close, volume] = line.trim().split(',').map(Number);
      const time = formatTime((midnight + (ms ?? 0)) * 1000);
      lines.push(`AAPL,${time},${(close ?? 0) / 10_000},${volume}`);
    }
  }
  return lines;
}

/** The largest ratio between closes that follow each other, either way. */
function steepest(candles: readonly Record<string, string>[]): number {
  const closes = candles.map(({ close }) => Number(close));
  return Math.max(
    ...closes.slice(1).map((close, index) => {
      const before = closes[index] as number;
      return Math.max(close / before, before / close);
    }),
  );
}

test('what is wrong with actions is said with its cure, and nothing is imported', async () => {
  await withDataFolder(async (data) => {
    const good = join(data, 'good.csv');
    const bad = join(data, 'bad.csv');
    await writeFile(good, 'symbol,date,kind,ratio\nACME,2024-05-06,split,2\n');
    await writeFile(
      bad,
      'symbol,date,kind,ratio\nACME,2024-05-06,split,2\nACME,06.05.24,split,2\n',
    );
    const refused = await run(data, ['actions', 'import', good, bad]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /bad\.csv, row 3: "06\.05\.24" is no date\n +Write it as 2014/);
    const absent = await run(data, ['actions', 'import', good, join(data, 'absent.csv')]);
    assert.match(absent.stderr, /absent\.csv: there is no such file/);
    const folder = await run(data, ['actions', 'import', data]);
    assert.match(folder.stderr, /is a folder\n +Name the files in it/);
    const imported = await run(data, ['actions', 'import', good]);
    assert.match(imported.stderr, /corporate actions: 1 added/, 'so it was not before');
    const all = await run(data, ['export', 'candles', '--adjustment', 'all']);
    assert.equal(all.code, 1);
    assert.match(all.stderr, /no symbol is given\n +Add --symbol/);
  });
});

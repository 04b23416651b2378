// Kill -9 at random moments of a replay, then the replay again: the rows at the end are those of an
// undisturbed run. TAPELINE_KILLS says how many (npm test does a few), TAPELINE_SEED which moments.

import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { prng } from '../../src/base/prng.ts';
import { recordedData } from '../recorded-data.ts';
import { csv, run, start, withDataFolder } from './command.ts';

const kills = Number(process.env.TAPELINE_KILLS ?? 5);
const seed = Number(process.env.TAPELINE_SEED ?? 20261121);
const span = ['--from', '2013-10-07', '--to', '2013-10-08', '--format', 'csv'];

/** What must survive: all but revision and state, which tell how a candle came to be. */
async function rowsOf(folder: string) {
  const candles = await run(folder, ['export', 'candles', '--symbol', 'BAC', ...span]);
  assert.equal(candles.code, 0, candles.stderr);
  const trades = await run(folder, ['export', 'trades', '--symbol', 'BAC', ...span]);
  assert.equal(trades.code, 0, trades.stderr);
  return {
    candles: without(csv(candles.stdout), 'revision', 'state'),
    trades: without(csv(trades.stdout), 'received', 'verdict'),
  };
}

function without(rows: readonly Record<string, string>[], ...names: readonly string[]) {
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name))),
  );
}

test(`${kills} times kill -9 in a replay leave the rows of an undisturbed run`, async (t) => {
  const file = recordedData('us-equity/tick/bac/20131007_trade.zip', t);
  if (!file) return;
  await withDataFolder(async (undisturbed) => {
    const began = systemClock.now();
    assert.equal((await run(undisturbed, ['replay', file])).code, 0);
    const fullMs = (systemClock.now() - began) / 1000;
    const expected = await rowsOf(undisturbed);
    assert.equal(expected.trades.length, 88_172);
    await withDataFolder(async (folder) => {
      const random = prng(seed);
      const moments: number[] = [];
      for (let kill = 0; kill < kills; kill++) {
        const moment = (0.1 + 0.85 * random.uniform()) * fullMs;
        moments.push(Math.round(moment));
        const { child, finished } = start(folder, ['replay', file]);
        await systemClock.wait(moment);
        if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL');
        await finished;
      }
      const last = await run(folder, ['replay', file]);
      const told = `seed ${seed}, killed after ${moments.join(', ')} ms`;
      assert.equal(last.code, 0, `${told}: ${last.stderr}`);
      assert.deepEqual(await rowsOf(folder), expected, told);
    });
  });
});

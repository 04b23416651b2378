// The examples as a user runs them: in processes of their own, against a real gateway.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';
import { type Rig, rig } from '../gateway/rig.ts';
import { monday, second } from '../gateway/tape.ts';

function run(t: TestContext, name: string, ...args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function subscribed(one: Rig, stream: string, count: number): Promise<void> {
  await one.measures(new RegExp(`_subscriptions\\{stream="${stream}"\\} ${count}$`, 'm'));
}

test('the watcher prints trades', async (t) => {
  const one = await rig(t);
  const child = run(t, 'watcher.ts', one.gateway.url, 'AAPL', 'MSFT');
  await subscribed(one, 'trades', 1);
  await one.tape.trades(
    { time: monday, price: 17_250, size: 3 },
    { symbol: 'MSFT', time: monday + 1, price: 41_000, size: 4 },
  );
  const lines: string[] = [];
  assert(child.stdout);
  for await (const line of createInterface(child.stdout)) if (lines.push(line) === 2) break;
  assert.deepEqual(lines, [
    '2024-05-06T14:30:00Z AAPL 172.5 3',
    '2024-05-06T14:30:00.000001Z MSFT 410 4',
  ]);
});

test('the collector has each minute once, however it ended', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-collector-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'aapl.jsonl');
  const one = await rig(t);
  const minute = async (index: number): Promise<void> => {
    const candle = { interval: '1m', time: monday + index * 60 * second } as const;
    await one.tape.candles({ ...candle, ohlc: [1, 1, 1, 1], state: 'open' });
    await one.tape.candles({ ...candle, ohlc: [1, 2, 1, index], state: 'final' });
  };
  const minutes = async (): Promise<string[]> => {
    const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(0, -1);
    const messages = lines.map((line) => JSON.parse(line));
    return messages.flatMap(({ rows, ...row }) => rows ?? [row]).map(({ start }) => start);
  };
  const collected = async (count: number): Promise<void> =>
    await eventually(
      async () => (await minutes()).length >= count,
      async () => `${count} minutes, but ${(await minutes()).join()}`,
    );
  await minute(0);
  await one.settled();
  for (let round = 1; round <= 3; round++) {
    const child = run(t, 'candle-collector.ts', one.gateway.url, 'AAPL', path);
    await subscribed(one, 'candles', 1);
    await minute(2 * round - 1);
    await collected(2 * round);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await subscribed(one, 'candles', 0);
    await appendFile(path, '{"type":"candle","cur'); // as a crash in the writing would leave it
    await minute(2 * round);
  }
  run(t, 'candle-collector.ts', one.gateway.url, 'AAPL', path);
  await collected(7);
  const expected = Array.from({ length: 7 }, (_, index) => `2024-05-06T14:3${index}:00Z`);
  assert.deepEqual(await minutes(), expected);
});

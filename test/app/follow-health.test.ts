// What /health says of the engine, over a real log and parts that come as far as the test says.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FollowHealth } from '../../src/app/follow-health.ts';
import { ManualClock } from '../../src/base/clock.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';

const quiet = { info: () => undefined, warn: () => undefined };

async function logOf(t: TestContext, clock: ManualClock, count: number) {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-health-'));
  const log = await openEmbeddedLog({ folder, logger: quiet, clock });
  t.after(async () => {
    await log.close();
    await rm(folder, { recursive: true });
  });
  await log.commit({
    appends: [{ topic: 'market.trades', count, bytes: Buffer.from('records') }],
  });
  return log;
}

test('an engine says how far it is behind, and is down once it has stood for 10 s', async (t) => {
  const clock = new ManualClock(0);
  const trades = { topic: 'market.trades' as const, position: 0 };
  const candles = { topic: 'market.candles' as const, position: 0 };
  const health = new FollowHealth([trades, candles], await logOf(t, clock, 100), clock);
  assert.deepEqual(health.report(), { state: 'ok', detail: '100 records behind' });
  await clock.advance(9_000);
  assert.equal(health.report().state, 'ok');
  trades.position = 40;
  assert.deepEqual(health.report(), { state: 'ok', detail: '60 records behind' });
  await clock.advance(9_000);
  assert.equal(health.report().state, 'ok');
  await clock.advance(3_000);
  const detail = 'market.trades stands for 12 s, 60 records behind';
  assert.deepEqual(health.report(), { state: 'down', detail });
  trades.position = 100;
  assert.deepEqual(health.report(), { state: 'ok', detail: 'up to date' });
  await clock.advance(3_600_000);
  assert.deepEqual(health.report(), { state: 'ok', detail: 'up to date' });
});

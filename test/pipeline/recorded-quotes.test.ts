// Stale quotes on a recorded day, from files through ingest, derive and detect: what was quoted
// without a break is never told, not even for a moment, however far trades are ahead of quotes.

import { strict as assert } from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { ManualClock } from '../../src/base/clock.ts';
import { decodeJson } from '../../src/contracts/frame.ts';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { replayFeed } from '../../src/feeds/replay/replay.ts';
import type { Log } from '../../src/log/log.ts';
import { detectSignals } from '../../src/pipeline/detect.ts';
import type { Follower } from '../../src/pipeline/follower.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import { recordedData } from '../recorded-data.ts';
import { atOnce, batchesOf, deriveFrom, ingestInto, never, start, withLog } from './rig.ts';

/** Followers of the log that detect reads behind, one of trades and one of quotes. */
async function followers(log: Log) {
  const clock = new ManualClock(start);
  const trades = deriveFrom(log, clock, 'market.trades');
  const quotes = deriveFrom(log, clock, 'market.quotes');
  const signals = detectSignals(log, clock, pipelineMeters(new Registry()));
  for (const follower of [trades, quotes, signals]) await follower.recover();
  return { trades, quotes, signals };
}

async function drain(follower: Follower): Promise<void> {
  while (await follower.step(atOnce, never));
}

async function replay(log: Log, files: readonly string[]): Promise<void> {
  const feed = replayFeed({ speed: 'max', clock: new ManualClock(start), files });
  await ingestInto(log).run(feed, never, false);
}

/** Every version that was told. */
async function staleIn(log: Log): Promise<readonly (readonly string[])[]> {
  const batches = await batchesOf(log, 'market.signals');
  return batches
    .flatMap(({ bytes }) => decodeJson<Signal>(bytes))
    .filter(({ kind }) => kind === 'stale-quotes')
    .map(({ start: from, state }) => [from, state]);
}

suite('recorded quotes', () => {
  for (const order of ['trades before quotes', 'quotes before trades'] as const) {
    test(`of BAC are never stale, ${order}`, async (t) => {
      const folder = recordedData('us-equity/tick/bac', t);
      if (!folder) return;
      const isTradesFirst = order === 'trades before quotes';
      const files = ['trade', 'quote'].map((kind) => join(folder, `20131007_${kind}.zip`));
      await withLog(async (open) => {
        const log = await open();
        await replay(log, isTradesFirst ? files : files.toReversed());
        const { trades, quotes, signals } = await followers(log);
        // Detect has read all of the one before the other begins.
        for (const follower of isTradesFirst ? [trades, quotes] : [quotes, trades]) {
          await drain(follower);
          await drain(signals);
        }
        assert.deepEqual(await staleIn(log), []);
      });
    });
  }
});

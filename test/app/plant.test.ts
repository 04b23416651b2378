// The plant on a real log: a full disk holds it up and no more, and stopping it leaves nothing
// undone.

import { strict as assert } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { Plant, type PlantOptions } from '../../src/app/plant.ts';
import { ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { decodeCandles } from '../../src/contracts/candle.ts';
import { type Candle, candleAt } from '../../src/contracts/wire-objects.ts';
import type { Feed, Intake } from '../../src/feeds/feed.ts';
import type { Log } from '../../src/log/log.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { Ingest } from '../../src/pipeline/ingest.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import { eventually } from '../eventually.ts';
import { FaultyLog } from '../faulty-log.ts';

const start = Date.UTC(2024, 4, 6, 14, 30) * 1000;

interface Rig {
  readonly log: FaultyLog;
  readonly clock: ManualClock;
  /** What the plants have warned of. */
  readonly warned: readonly string[];
  readonly plant: (options?: Partial<PlantOptions>) => Plant;
}

async function withRig(work: (rig: Rig) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-plant-'));
  const clock = new ManualClock(start);
  const warned: string[] = [];
  const warn = (_: object, message: string): void => void warned.push(message);
  const logger = { info: warn, warn, error: warn };
  const log = new FaultyLog(await openEmbeddedLog({ folder, logger, clock }));
  const common = { log, clock, logger, keepTrying: true, lingerMs: 0, retentionHours: 24 };
  const correctionHorizon = Number.POSITIVE_INFINITY;
  const plant = (options?: Partial<PlantOptions>): Plant => {
    const meters = pipelineMeters(new Registry());
    const stored = (): number => Number.POSITIVE_INFINITY;
    const unbounded = { correctionHorizon, retentionGigabytes: 1 };
    return new Plant({ ...common, ...unbounded, meters, stored, ...options });
  };
  try {
    await work({ log, clock, warned, plant });
  } finally {
    await log.close();
    await rm(folder, { recursive: true });
  }
}

/** A trade for each of these seconds, whose number is its id and its price. */
function push(intake: Intake, ...seconds: readonly number[]): void {
  for (const second of seconds) {
    const { trades } = intake.open;
    const instrument = trades.instrumentOf('AAA', 0, 0);
    const time = start + second * microsPerSecond;
    trades.push(instrument, trades.tagOf('', '', ''), time, time, second, 1, second);
  }
}

/** A feed that ends after these trades. */
function feedOf(...seconds: readonly number[]): Feed {
  return { name: 'test', run: async (intake) => push(intake, ...seconds) };
}

/** Start second and close of the candles of a second that are final. */
async function finalsOf(log: Log): Promise<(readonly [number, string])[]> {
  const { end } = log.range('market.candles');
  const candles: Candle[] = [];
  for (let next = 0; next < end; ) {
    const read = await log.read('market.candles', next, 2 ** 20);
    for (const { bytes } of read.batches) {
      const batch = decodeCandles(bytes);
      for (let row = 0; row < batch.count; row++) candles.push(candleAt(batch, row));
    }
    next = read.next;
  }
  return candles
    .filter(({ interval, state }) => interval === '1s' && state === 'final')
    .map((candle) => [(Date.parse(candle.start) * 1000 - start) / microsPerSecond, candle.close]);
}

suite('a full disk', () => {
  test('holds up a plant that serves, until there is room', async () => {
    await withRig(async ({ log, clock, warned, plant }) => {
      const meters = pipelineMeters(new Registry());
      const ingest = new Ingest(log, clock, { allowedLateness: 0, correctionHorizon: 0 }, meters);
      await ingest.run(feedOf(1, 2, 3), new AbortController().signal, false);
      log.isDiskFull = true;
      const serving = plant();
      const refuse = async (times: number): Promise<void> => {
        for (const end = log.refused + times; log.refused < end; ) {
          await Promise.race([clock.advance(10_000), serving.failed]);
        }
      };
      await refuse(10);
      const fed = serving.feed(feedOf(4, 9));
      await refuse(10);
      assert.match(warned.join(), /retention waits: no space/);
      log.isDiskFull = false;
      await clock.advance(10_000);
      await Promise.all([fed, serving.stop()]);
      assert.deepEqual(await finalsOf(log), [
        [1, '1'],
        [2, '2'],
        [3, '3'],
        [4, '4'],
      ]);
    });
  });

  test('fails a command', async () => {
    await withRig(async ({ log, plant }) => {
      const command = plant({ keepTrying: false });
      log.isDiskFull = true;
      await assert.rejects(command.feed(feedOf(1)), isDiskFull);
      await assert.rejects(command.stop(), isDiskFull);
    });
  });

  test('does not keep a plant from stopping', async () => {
    await withRig(async ({ log, clock, plant }) => {
      const stopped = plant();
      log.isDiskFull = true;
      const fed = stopped.feed(feedOf(1));
      for (let tries = 0; log.refused < 5; tries++) {
        assert.ok(tries < 1_000, 'a full disk is tried again');
        await clock.advance(1_000);
      }
      await Promise.all([
        assert.rejects(stopped.stop(), isDiskFull),
        assert.rejects(fed, isDiskFull),
      ]);
    });
  });
});

suite('stopping', () => {
  test('takes in and derives what a feed gives last', async () => {
    await withRig(async ({ log, plant }) => {
      const stopped = plant();
      const begun = Promise.withResolvers<void>();
      const feed: Feed = {
        name: 'test',
        async run(intake, signal) {
          push(intake, 1);
          await intake.flush();
          begun.resolve();
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          // A feed ends in its own time: a frame is parsed, a file is closed.
          for (let turns = 0; turns < 10; turns++) await turn();
          push(intake, 2, 9);
        },
      };
      const fed = stopped.feed(feed);
      await begun.promise;
      await stopped.stop();
      await fed;
      assert.deepEqual(await finalsOf(log), [
        [1, '1'],
        [2, '2'],
      ]);
    });
  });

  test('waits for retention at work, which the log would be closed under', async () => {
    await withRig(async ({ log, clock, warned, plant }) => {
      const stopped = plant();
      const trimming = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      log.beforeTrim = async () => {
        trimming.resolve();
        await held.promise;
      };
      await clock.advance(1_000);
      await trimming.promise;
      let isStopped = false;
      const stop = stopped.stop().then(() => {
        isStopped = true;
      });
      // The last that a stopping plant writes.
      const isSaved = async () => (await log.state('signals market.candles checkpoint')) !== null;
      await eventually(isSaved, 'the last checkpoint');
      for (let turns = 0; turns < 10; turns++) await turn();
      assert(!isStopped);
      held.resolve();
      await stop;
      assert.deepEqual(warned, []);
    });
  });
});

async function turn(): Promise<void> {
  await new Promise(setImmediate);
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Failure && error.code === 'disk-full';
}

// Ingest and derive on the real log: repeats add nothing, and crashes at any step leave the candles
// of an undisturbed run, revision by revision.

import { strict as assert } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import fc from 'fast-check';
import { type Clock, ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { decodeCandles } from '../../src/contracts/candle.ts';
import { decodeJson, frameKind } from '../../src/contracts/frame.ts';
import { noId } from '../../src/contracts/identity.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import { type Candle, candleAt, tradeAt } from '../../src/contracts/wire-objects.ts';
import { Observations } from '../../src/feeds/feed.ts';
import type { Log, StoredBatch, Topic } from '../../src/log/log.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { deriveCandles } from '../../src/pipeline/derive.ts';
import type { Follower } from '../../src/pipeline/follower.ts';
import { Ingest } from '../../src/pipeline/ingest.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const start = Date.UTC(2024, 4, 6, 14, 30) * 1000;
const allowedLateness = 2 * microsPerSecond;
const options = { allowedLateness, openEvery: 1 };
const never = new AbortController().signal;
const atOnce = { lingerMs: 0, keepTrying: false };

interface SimpleTrade {
  readonly symbol: string;
  readonly seconds: number;
  readonly price: number;
  readonly id: number;
}

function observed(trades: readonly SimpleTrade[], scope = 'somewhere', now = 0): Observations {
  const seen = new Observations('test', scope);
  for (const { symbol, seconds, price, id } of trades) {
    const instrument = seen.trades.instrumentOf(symbol, 2, 0);
    const tag = seen.trades.tagOf('', '', '');
    const time = start + seconds * microsPerSecond;
    seen.trades.push(instrument, tag, time, start + 1e9 + now, price, 10, id);
  }
  return seen;
}

async function withLog<T>(work: (open: () => Promise<Log>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-exactly-once-'));
  let log: Log | undefined;
  try {
    return await work(async () => {
      await log?.close();
      const logger = { warn: () => undefined };
      log = await openEmbeddedLog({ folder, logger, clock: new ManualClock(start) });
      return log;
    });
  } finally {
    await log?.close();
    await rm(folder, { recursive: true });
  }
}

async function batchesOf(log: Log, topic: Topic) {
  const { end } = log.range(topic, 0);
  const batches: StoredBatch[] = [];
  for (let next = 0; next < end; ) {
    const read = await log.read(topic, 0, next, 2 ** 20);
    assert.deepEqual(read.lost, []);
    batches.push(...read.batches);
    next = read.next;
  }
  return batches;
}

async function tradesOf(log: Log) {
  return (await batchesOf(log, 'market.trades'))
    .filter(({ bytes }) => frameKind(bytes) === 'trades')
    .flatMap(({ bytes }) => {
      const batch = decodeTrades(bytes);
      return Array.from({ length: batch.count }, (_, row) => tradeAt(batch, row, 0));
    });
}

async function candlesOf(log: Log): Promise<Candle[]> {
  return (await batchesOf(log, 'market.candles')).flatMap(({ bytes }) => {
    const batch = decodeCandles(bytes);
    return Array.from({ length: batch.count }, (_, row) => candleAt(batch, row));
  });
}

function ingestInto(log: Log): Ingest {
  const clock = new ManualClock(start);
  return new Ingest(log, clock, { allowedLateness }, pipelineMeters(new Registry()));
}

function deriveFrom(log: Log, clock: Clock): Follower {
  return deriveCandles(log, 'market.trades', options, clock, pipelineMeters(new Registry()));
}

type Steps = readonly {
  readonly trades: readonly SimpleTrade[];
  readonly crash: boolean;
  /** Microseconds of receive time since the step before. */
  readonly pause: number;
}[];

const anyTrade = fc.record({
  symbol: fc.constantFrom('AAA', 'BBB'),
  seconds: fc.integer({ min: 0, max: 300 }),
  price: fc.integer({ min: 1, max: 1_000 }),
  id: fc.integer({ min: 0, max: 60 }),
});

suite('ingest', () => {
  test('takes each id once, across batches, repeats and restarts', async () => {
    await withLog(async (open) => {
      const trade = (id: number) => ({ symbol: 'AAA', seconds: id, price: 100 + id, id });
      let log = await open();
      const before = ingestInto(log);
      await before.take(observed([trade(1), trade(2), trade(1)]), false, never);
      await before.take(observed([trade(2), trade(3)]), false, never);
      log = await open();
      await ingestInto(log).take(observed([trade(3), trade(1), trade(4)]), false, never);
      assert.deepEqual(
        (await tradesOf(log)).map(({ id }) => id),
        ['1', '2', '3', '4'],
      );
    });
  });

  test('knows sparse ids again at once, also those that have left its memory', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      // Each id lies in a block of its own, and there are more of them than memory keeps.
      const sparse = Array.from({ length: 5_000 }, (_, index) => ({
        symbol: 'AAA',
        seconds: 1,
        price: 100,
        id: index * 1_000_003,
      }));
      await Promise.all([
        ingest.take(observed(sparse), false, never),
        ingest.take(observed(sparse), false, never),
      ]);
      assert.equal((await tradesOf(log)).length, sparse.length);
    });
  });

  test('equal rows without an id are different trades', async () => {
    await withLog(async (open) => {
      const log = await open();
      const same = { symbol: 'AAA', seconds: 1, price: 100, id: noId };
      await ingestInto(log).take(observed([same, same]), false, never);
      assert.equal((await tradesOf(log)).length, 2);
    });
  });

  test('marks late what is behind its instrument by more than the allowed lateness', async () => {
    await withLog(async (open) => {
      const log = await open();
      const at = (symbol: string, seconds: number, id: number) => ({
        symbol,
        seconds,
        price: 1,
        id,
      });
      const trades = [at('AAA', 10, 1), at('AAA', 8, 2), at('AAA', 7, 3), at('BBB', 1, 4)];
      await ingestInto(log).take(observed(trades), false, never);
      assert.deepEqual(
        (await tradesOf(log)).map(({ verdict }) => verdict),
        ['on time', 'on time', 'late', 'on time'],
      );
    });
  });

  test('an event time in the future is a dead letter and makes nothing late', async () => {
    await withLog(async (open) => {
      const log = await open();
      const absurd = { symbol: 'AAA', seconds: 10_000_000, price: 1, id: 1 };
      const good = { symbol: 'AAA', seconds: 1, price: 1, id: 2 };
      await ingestInto(log).take(observed([absurd, good]), false, never);
      const [letters] = await batchesOf(log, 'dead-letter');
      assert(letters);
      const [letter] = decodeJson<{ reason: string }>(letters.bytes);
      assert.equal(letter?.reason, 'time-in-future');
      assert.deepEqual(
        (await tradesOf(log)).map(({ id, verdict }) => [id, verdict]),
        [['2', 'on time']],
      );
    });
  });
});

suite('derive', () => {
  test('crashes at any step give the candles of an undisturbed run', async () => {
    const cases = fc.array(
      fc.record({
        trades: fc.array(anyTrade, { minLength: 1, maxLength: 8 }),
        crash: fc.boolean(),
        pause: fc.integer({ min: 0, max: 1_500_000 }),
      }),
      { minLength: 1, maxLength: 12 },
    );
    const run = async (steps: Steps, crashes: boolean) =>
      await withLog(async (open) => {
        const clock = new ManualClock(start);
        let log = await open();
        let ingest = ingestInto(log);
        let derive = deriveFrom(log, clock);
        await derive.recover();
        let now = 0;
        for (const { trades, crash, pause } of steps) {
          now += pause;
          await clock.advance(pause / 1000);
          await ingest.take(observed(trades, 'somewhere', now), false, never);
          if (crashes && crash) {
            log = await open();
            ingest = ingestInto(log);
            derive = deriveFrom(log, clock);
            await derive.recover();
          }
          await derive.step(atOnce, never);
          if (crashes && crash) {
            derive = deriveFrom(log, clock);
            await derive.recover();
          }
        }
        return await candlesOf(log);
      });
    await fc.assert(
      fc.asyncProperty(cases, async (steps) => {
        assert.deepEqual(await run(steps, true), await run(steps, false));
      }),
      { seed, numRuns: 25 },
    );
  });
});

// Ingest and derive on the real log: repeats add nothing, and crashes at any step leave the candles
// of an undisturbed run, revision by revision.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { barTime, decodeBars } from '../../src/contracts/bar.ts';
import { frameKind } from '../../src/contracts/frame.ts';
import { noId } from '../../src/contracts/identity.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import { cancel, late, onTime } from '../../src/contracts/verdict.ts';
import type { Instrument } from '../../src/contracts/wire-objects.ts';
import { Observations } from '../../src/feeds/feed.ts';
import { FaultyLog } from '../faulty-log.ts';
import {
  atOnce,
  batchesOf,
  candlesOf,
  deriveFrom,
  figuresOf,
  ingestInto,
  never,
  observed,
  publishedFigures,
  reasonsOf,
  type SimpleTrade,
  start,
  tradesOf,
  withLog,
} from './rig.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);

function heartbeatAt(seconds: number) {
  const eventTime = start + seconds * microsPerSecond;
  return {
    source: 'test',
    symbols: ['AAA', 'BBB'],
    eventTime,
    receiveTime: start,
    complete: false,
  };
}

type Steps = readonly {
  readonly trades: readonly SimpleTrade[];
  readonly crash: boolean;
  /** Microseconds of receive time since the step before. */
  readonly pause: number;
  /** Seconds at which a heartbeat comes after the trades. */
  readonly beat: number | null;
}[];

/** A trade that follows from its number, several to a second. */
function tradeOf(id: number): SimpleTrade {
  const symbol = id % 3 === 0 ? 'BBB' : 'AAA';
  return { symbol, seconds: Math.floor(id / 8) * 20, price: 1 + ((id * 7_919) % 1_000), id };
}

/** Trades and cancels of them, with repeats. */
const anyEvent = fc
  .record({ id: fc.integer({ min: 0, max: 60 }), cancels: fc.boolean() })
  .map(({ id, cancels }) =>
    cancels ? { ...tradeOf(id), price: 0, verdict: cancel } : tradeOf(id),
  );

const hour = 3_600;
const spacing = 4 * hour + 17 * 60;
/** Four to a minute, in two of its seconds. The even ones come when they were made. */
const dayTradeOf = (id: number, verdict = onTime): SimpleTrade => {
  const seconds = Math.floor(id / 4) * spacing + (id % 4 < 2 ? 0 : 1);
  return { symbol: 'AAA', seconds, price: 1 + ((id * 7_919) % 1_000), id, verdict };
};
const anyDayEvent = fc.record({
  /** How far back, in percent of the time since the start. */
  back: fc.noBias(fc.integer({ min: 0, max: 100 })),
  id: fc.integer({ min: 0, max: 3 }),
  verdict: fc.constantFrom(onTime, late, cancel),
});
const daySteps = fc.array(
  fc.record({
    hours: fc.noBias(fc.integer({ min: 0, max: 60 })),
    events: fc.array(anyDayEvent, { minLength: 2, maxLength: 6 }),
    horizonHours: fc.constantFrom(24, 24, Number.POSITIVE_INFINITY),
    crash: fc.boolean(),
  }),
  { minLength: 8, maxLength: 14 },
);
type DaySteps = typeof daySteps extends fc.Arbitrary<infer T> ? T : never;

/** The trades that are left of these, each once. */
function left(events: readonly SimpleTrade[]): SimpleTrade[] {
  const cancels = new Set(events.filter(({ verdict }) => verdict === cancel).map(({ id }) => id));
  const made = new Set(events.filter(({ verdict }) => verdict !== cancel).map(({ id }) => id));
  return [...made].filter((id) => !cancels.has(id)).map(tradeOf);
}

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

  test('takes each bar once, late by its end, and numbers it among the trades', async () => {
    await withLog(async (open) => {
      const bars = (...rows: readonly (readonly [minute: number, id: number])[]) => {
        const seen = new Observations('test', 'file:1');
        const instrument = seen.bars.instrumentOf('AAA', 2, 0);
        for (const [minute, id] of rows) {
          const time = barTime(start + minute * 60 * microsPerSecond, '1m');
          seen.bars.push(instrument, time, start + 1e9, [1, 1, 1, 1], 1, id);
        }
        return seen;
      };
      let log = await open();
      await ingestInto(log).take(bars([0, 1], [1, 2], [0, 3]), false, never);
      const trade = { symbol: 'AAA', seconds: 118, price: 1, id: 4 };
      await ingestInto(log).take(observed([trade]), false, never);
      log = await open();
      await ingestInto(log).take(bars([2, 4], [1, 2]), false, never);
      const taken = (await batchesOf(log, 'market.trades')).map(({ bytes }) => {
        const { count, id, verdict, instruments } =
          frameKind(bytes) === 'bars' ? decodeBars(bytes) : decodeTrades(bytes);
        const rows = Array.from({ length: count }, (_, row) => [id[row], verdict[row]]);
        return [frameKind(bytes), instruments[0]?.sequence, ...rows];
      });
      assert.deepEqual(taken, [
        ['bars', 0, [1, onTime], [2, onTime], [3, late]],
        ['trades', 3, [4, onTime]],
        ['bars', 4, [4, onTime]],
      ]);
    });
  });

  test('a poorer definition does not undo a better one, nor does another source’s', async () => {
    await withLog(async (open) => {
      const log = await open();
      const poor: Instrument = {
        symbol: 'AAA',
        name: 'AAA',
        exchange: '',
        currency: '',
        assetClass: 'unknown',
        priceIncrement: null,
        sizeIncrement: null,
        calendar: '24/7',
        source: 'replay',
      };
      const good: Instrument = { ...poor, assetClass: 'equity', calendar: 'XNYS' };
      const definitions = [poor, good, poor, { ...good, calendar: 'XTSE', source: 'other' }];
      for (const [index, definition] of definitions.entries()) {
        const seen = observed([{ symbol: 'AAA', seconds: index, price: 1, id: index }]);
        seen.instruments.push(definition);
        await ingestInto(log).take(seen, false, never);
      }
      const batches = await batchesOf(log, 'market.trades');
      assert.deepEqual(
        batches.map(({ bytes }) => decodeTrades(bytes).instruments[0].calendar),
        ['24/7', 'XNYS', 'XNYS', 'XNYS'],
      );
    });
  });

  test('an event time in the future is a dead letter and makes nothing late', async () => {
    await withLog(async (open) => {
      const log = await open();
      const absurd = { symbol: 'AAA', seconds: 10_000_000, price: 1, id: 1 };
      const good = { symbol: 'AAA', seconds: 1, price: 1, id: 2 };
      await ingestInto(log).take(observed([absurd, good]), false, never);
      assert.deepEqual(await reasonsOf(log), ['time-in-future']);
      assert.deepEqual(
        (await tradesOf(log)).map(({ id, verdict }) => [id, verdict]),
        [['2', 'on time']],
      );
    });
  });
});

suite('derive', () => {
  test('crashes at any step give the candles of an undisturbed run', async () => {
    const steps = fc.array(
      fc.record({
        trades: fc.array(anyEvent, { maxLength: 8 }),
        crash: fc.boolean(),
        pause: fc.integer({ min: 0, max: 1_500_000 }),
        beat: fc.option(fc.integer({ min: 0, max: 300 })),
      }),
      { minLength: 1, maxLength: 12 },
    );
    // Open candles are published between any two checkpoints, or between some.
    const openEvery = fc.constantFrom(1, 3_000_000);
    const run = async (steps: Steps, openEvery: number, crashes: boolean) =>
      await withLog(async (open) => {
        const clock = new ManualClock(start);
        let log = await open();
        let ingest = ingestInto(log);
        let derive = deriveFrom(log, clock, 'market.trades', openEvery);
        await derive.recover();
        let now = 0;
        for (const { trades, crash, pause, beat } of steps) {
          now += pause;
          await clock.advance(pause / 1000);
          const seen = observed(trades, 'somewhere', now);
          if (beat !== null) seen.heartbeats.push(heartbeatAt(beat));
          await ingest.take(seen, false, never);
          if (crashes && crash) {
            log = await open();
            ingest = ingestInto(log);
            derive = deriveFrom(log, clock, 'market.trades', openEvery);
            await derive.recover();
          }
          await derive.step(atOnce, never);
          if (crashes && crash) {
            derive = deriveFrom(log, clock, 'market.trades', openEvery);
            await derive.recover();
          }
        }
        return await candlesOf(log);
      });
    await fc.assert(
      fc.asyncProperty(steps, openEvery, async (steps, openEvery) => {
        const [disturbed, undisturbed] = [true, false].map((crashes) =>
          run(steps, openEvery, crashes),
        );
        const candles = await undisturbed;
        assert.deepEqual(await disturbed, candles);
        // Else the newest versions of open candles are not published yet.
        if (openEvery > 1) return;
        const trades = left(steps.flatMap(({ trades }) => trades));
        assert.deepEqual(publishedFigures(candles), figuresOf(trades));
      }),
      { seed, numRuns: 50 },
    );
  });

  test('so they do as days pass, the floor rises and closed candles leave the state', async () => {
    let deleted = 0;
    const run = async (steps: DaySteps, crashes: boolean) =>
      await withLog(async (open) => {
        const clock = new ManualClock(start);
        let log = new FaultyLog(await open());
        let derive = deriveFrom(log, clock);
        await derive.recover();
        let now = 0;
        for (const { hours, events, horizonHours, crash } of steps) {
          now += hours * hour;
          await clock.advance(hours * hour * 1000);
          const newest = Math.floor(now / spacing);
          const made = Array.from({ length: 2 * newest }, (_, index) => dayTradeOf(2 * index));
          const others = events.map(({ back, id, verdict }) =>
            dayTradeOf(4 * Math.floor((newest * (100 - back)) / 100) + id, verdict),
          );
          const ingest = ingestInto(log, clock, horizonHours * hour * microsPerSecond);
          const seen = observed([...made, ...others], 'somewhere', now * 1e6);
          await ingest.take(seen, false, never);
          if (crashes && crash) {
            log = new FaultyLog(await open());
            derive = deriveFrom(log, clock);
            await derive.recover();
          }
          await derive.step(atOnce, never);
          if (!crashes) deleted += log.deletions;
          if (crashes && crash) {
            derive = deriveFrom(log, clock);
            await derive.recover();
          }
        }
        const taken = await tradesOf(log);
        const cancels = taken.filter(({ verdict }) => verdict === 'cancel').map(({ id }) => id);
        const counting = taken
          .filter(({ verdict }) => verdict === 'on time' || verdict === 'late')
          .filter(({ id }) => !cancels.includes(id));
        const left = counting.map(({ id }) => dayTradeOf(Number(id)));
        return { candles: await candlesOf(log), left };
      });
    await fc.assert(
      fc.asyncProperty(daySteps, async (steps) => {
        const [disturbed, undisturbed] = [await run(steps, true), await run(steps, false)];
        assert.deepEqual(disturbed.candles, undisturbed.candles);
        assert.deepEqual(publishedFigures(undisturbed.candles), figuresOf(undisturbed.left));
      }),
      { seed, numRuns: 20 },
    );
    assert(deleted > 0, 'candles have left the state');
  });

  test('checkpoints among thousands of symbols write only those that changed', async () => {
    await withLog(async (open) => {
      const clock = new ManualClock(start);
      const log = new FaultyLog(await open());
      const ingest = ingestInto(log);
      const derive = deriveFrom(log, clock);
      await derive.recover();
      let id = 0;
      const bytesOfStep = async (symbols: number, seconds: number): Promise<number> => {
        const trades = Array.from({ length: symbols }, (_, n) => {
          return { symbol: `S${n}`, seconds, price: 100, id: id++ };
        });
        await ingest.take(observed(trades, 'somewhere', seconds * 1e6), false, never);
        await derive.step(atOnce, never);
        return log.stateBytes.at(-1) as number;
      };
      assert((await bytesOfStep(2_500, 1)) < 100, 'no checkpoint before its time');
      await clock.advance(1_000);
      await bytesOfStep(10, 2);
      await clock.advance(1_000);
      const bytes = await bytesOfStep(10, 3);
      // Clocks of all, and of those that traded seven open candles, one that closed, and marks.
      assert(bytes < 2_500 * 20 + 10 * 9 * 250, `${bytes} bytes of state`);
    });
  });

  test('checkpoints of thousands of quiet symbols write little at each heartbeat', async () => {
    await withLog(async (open) => {
      const clock = new ManualClock(start);
      const log = new FaultyLog(await open());
      const ingest = ingestInto(log);
      const derive = deriveFrom(log, clock);
      await derive.recover();
      const symbols = Array.from({ length: 5_000 }, (_, n) => `S${n}`);
      const trades = symbols.map((symbol, id) => ({ symbol, seconds: 0, price: 100, id }));
      await ingest.take(observed(trades), false, never);
      const bytesOfBeat = async (seconds: number): Promise<number> => {
        await clock.advance(1_000);
        const seen = observed([]);
        seen.heartbeats.push({ ...heartbeatAt(seconds), symbols });
        await ingest.take(seen, false, never);
        await derive.step(atOnce, never);
        return log.stateBytes.at(-1) as number;
      };
      for (let seconds = 1; seconds < 5; seconds++) await bytesOfBeat(seconds);
      for (let seconds = 5; seconds < 10; seconds++) {
        const bytes = await bytesOfBeat(seconds);
        // The clocks of all.
        assert(bytes < 5_000 * 20, `${bytes} bytes of state after ${seconds} seconds`);
      }
    });
  });
});

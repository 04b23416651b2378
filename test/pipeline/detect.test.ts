// Detect on the real log, behind ingest and derive: crashes at any step leave the signals of an
// undisturbed run, revision by revision.

import { strict as assert } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import fc from 'fast-check';
import { ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { decodeJson } from '../../src/contracts/frame.ts';
import { cancel } from '../../src/contracts/verdict.ts';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { Observations } from '../../src/feeds/feed.ts';
import type { Log } from '../../src/log/log.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { deriveCandles } from '../../src/pipeline/derive.ts';
import { detectSignals } from '../../src/pipeline/detect.ts';
import type { Follower } from '../../src/pipeline/follower.ts';
import { Ingest } from '../../src/pipeline/ingest.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import {
  atOnce,
  deriveFrom,
  ingestInto,
  never,
  observed as observedTrades,
  type SimpleTrade,
  withLog,
} from './rig.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
/** A Monday, five minutes before New York opens. */
const start = Date.UTC(2024, 4, 6, 13, 25) * 1000;
const opening = 300;
const allowedLateness = 2 * microsPerSecond;

const anyTrade = fc.record({
  symbol: fc.constantFrom('AAA', 'BBB'),
  seconds: fc.oneof(
    fc.integer({ min: 0, max: 900 }),
    // The first minute of the five sessions before, and of this one.
    fc.constantFrom(7, 6, 5, 4, 3, 0).map((days) => opening - days * 86_400),
  ),
  size: fc.constantFrom(10, 10, 10, 500),
  price: fc.integer({ min: 950, max: 1_200 }),
  spread: fc.integer({ min: -3, max: 3 }),
  isQuoted: fc.boolean(),
});

const anySteps = fc.array(
  fc.record({
    records: fc.array(anyTrade, { minLength: 1, maxLength: 12 }),
    /** After which of the four commits of the step the process dies; 4 is none. */
    crash: fc.integer({ min: 0, max: 4 }),
    /** Milliseconds. A checkpoint of the signals is due every 30 s. */
    pause: fc.integer({ min: 0, max: 40_000 }),
  }),
  { minLength: 1, maxLength: 10 },
);
type Steps = typeof anySteps extends fc.Arbitrary<infer S> ? S : never;

function observed(records: Steps[number]['records'], firstId: number, now: number): Observations {
  const seen = new Observations('test', 'somewhere');
  for (const symbol of ['AAA', 'BBB']) {
    seen.instruments.push({
      symbol,
      name: symbol,
      exchange: '',
      currency: 'USD',
      assetClass: 'equity',
      priceIncrement: null,
      sizeIncrement: null,
      calendar: symbol === 'AAA' ? 'XNYS' : '24/7',
      source: 'test',
    });
  }
  for (const [index, { symbol, seconds, size, price, spread, isQuoted }] of records.entries()) {
    const time = start + seconds * microsPerSecond;
    const id = firstId + index;
    const instrument = seen.trades.instrumentOf(symbol, 2, 0);
    seen.trades.push(instrument, seen.trades.tagOf('', '', ''), time, now, price, size, id);
    if (!isQuoted) continue;
    const quoted = seen.quotes.instrumentOf(symbol, 2, 0);
    seen.quotes.push(quoted, time, now, price, 10, price + spread, 10, id);
  }
  return seen;
}

async function signalsOf(log: Log): Promise<Signal[]> {
  const { end } = log.range('market.signals');
  const signals: Signal[] = [];
  for (let next = 0; next < end; ) {
    const read = await log.read('market.signals', next, 2 ** 20);
    signals.push(...read.batches.flatMap(({ bytes }) => decodeJson<Signal>(bytes)));
    next = read.next;
  }
  return signals;
}

async function run(steps: Steps, crashes: boolean): Promise<Signal[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-detect-'));
  const clock = new ManualClock(start);
  const logger = { warn: () => undefined };
  let log = await openEmbeddedLog({ folder, logger, clock });
  let ingest!: Ingest;
  let followers: Follower[] = [];
  const begin = async (): Promise<void> => {
    const meters = pipelineMeters(new Registry());
    const options = { allowedLateness, openEvery: microsPerSecond };
    ingest = new Ingest(
      log,
      clock,
      { allowedLateness, correctionHorizon: Number.POSITIVE_INFINITY },
      meters,
    );
    followers = [
      deriveCandles(log, 'market.trades', options, clock, meters),
      deriveCandles(log, 'market.quotes', options, clock, meters),
      detectSignals(log, clock, meters),
    ];
    for (const follower of followers) await follower.recover();
  };
  const dieAt = async (step: Steps[number], at: number): Promise<void> => {
    if (!crashes || step.crash !== at) return;
    await log.close();
    log = await openEmbeddedLog({ folder, logger, clock });
    await begin();
  };
  try {
    await begin();
    let firstId = 1;
    for (const step of steps) {
      await clock.advance(step.pause);
      await ingest.take(observed(step.records, firstId, clock.now() + 1e9), false, never);
      firstId += step.records.length;
      await dieAt(step, 0);
      for (let at = 1; at <= 3; at++) {
        await followers[at - 1]?.step(atOnce, never);
        await dieAt(step, at);
      }
    }
    return await signalsOf(log);
  } finally {
    await log.close();
    await rm(folder, { recursive: true });
  }
}

suite('detect', () => {
  test('crashes at any step give the signals of an undisturbed run', async () => {
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const undisturbed = await run(steps, false);
        assert.deepEqual(await run(steps, true), undisturbed);
        for (const { kind, state } of undisturbed) kinds.add(`${kind} ${state}`);
      }),
      { seed, numRuns: 25 },
    );
    assert.deepEqual(
      ['bad-print retracted', 'stale-quotes raised', 'volume-anomaly raised'].filter(
        (kind) => !kinds.has(kind),
      ),
      [],
      'the test has seen enough',
    );
  });

  test('a batch of many minutes takes back what a cancel in it undoes', async () => {
    const trade = (seconds: number): SimpleTrade => {
      return { symbol: 'AAA', seconds, price: seconds === 60 ? 13_000 : 10_000, id: seconds };
    };
    const seconds = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n) => trade(from + n));
    const undone = { ...trade(60), price: 0, verdict: cancel };
    const raised = async (...batches: readonly SimpleTrade[][]): Promise<string[]> =>
      await withLog(async (open) => {
        const log = await open();
        const clock = new ManualClock(start);
        const ingest = ingestInto(log);
        const derive = deriveFrom(log, clock);
        const detect = detectSignals(log, clock, pipelineMeters(new Registry()));
        for (const follower of [derive, detect]) await follower.recover();
        for (const batch of batches) {
          await ingest.take(observedTrades(batch), false, never);
          for (const follower of [derive, detect]) await follower.step(atOnce, never);
        }
        const newest = new Map((await signalsOf(log)).map((signal) => [signal.id, signal]));
        const told = [...newest.values()].filter(({ state }) => state === 'raised');
        return told.map(({ kind }) => kind).sort();
      });
    assert.deepEqual(await raised(seconds(0, 99)), ['bad-print', 'price-spike', 'price-spike']);
    assert.deepEqual(await raised(seconds(0, 99), [undone, ...seconds(99, 700)]), []);
    assert.deepEqual(await raised([...seconds(0, 99), undone, ...seconds(99, 700)]), []);
  });
});

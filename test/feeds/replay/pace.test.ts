import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { ManualClock } from '../../../src/base/clock.ts';
import { Intake } from '../../../src/feeds/feed.ts';
import { type ReplayOptions, replayFeed } from '../../../src/feeds/replay/replay.ts';
import { until } from '../live-run.ts';
import { copyOf, pick } from '../parsed.ts';
import { Replayed, replayed, scratch } from './replayed.ts';
import { zip } from './zip.ts';

const start = 1_700_000_000_000_000;
const second = 1_000_000;

/** A replay that goes on while a test moves its clock. */
function play(path: string, options: Partial<ReplayOptions>) {
  const clock = new ManualClock(start);
  const feed = replayFeed({ files: [path], speed: 1, clock, ...options });
  const intake = new Intake(feed.name, feed.name);
  const abort = new AbortController();
  const result = new Replayed();
  const running = feed.run(intake, abort.signal).finally(() => intake.end());
  const taken = (async () => {
    for await (const batch of intake) result.batches.push(copyOf(batch));
  })();
  /** Lets files be read and batches be taken, until the replay waits for the clock or has ended. */
  const settle = async (): Promise<void> => {
    let ended = false;
    void running.finally(() => {
      ended = true;
    });
    await until(() => ended || clock.sleeping > 0, 'the replay waits or has ended');
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  };
  const advance = async (ms: number): Promise<void> => {
    await settle();
    await clock.advance(ms);
    await settle();
  };
  return { result, abort, settle, advance, ended: Promise.all([running, taken]) };
}

function csvOf(t: TestContext, ...times: readonly number[]): string {
  const rows = times.map((time, row) => `BAC,${1_381_152_600 + time},13.94,${row + 1}\n`);
  return scratch(t)('x.csv', `symbol,time,price,size\n${rows.join('')}`);
}

const sizes = (result: Replayed): number[] => result.trades.map(({ size }) => Number(size));

suite('a paced replay', () => {
  test('plays each row when it is due, from the first one on', async (t) => {
    const { result, advance, ended } = play(csvOf(t, 0, 0.5, 0.5, 3), {});
    await advance(0);
    assert.deepEqual(sizes(result), [1]);
    await advance(499);
    assert.deepEqual(sizes(result), [1]);
    await advance(1);
    assert.deepEqual(sizes(result), [1, 2, 3]);
    await advance(2499);
    assert.deepEqual(sizes(result), [1, 2, 3]);
    await advance(1);
    await ended;
    assert.deepEqual(sizes(result), [1, 2, 3, 4]);
  });

  test('plays N times as fast', async (t) => {
    const { result, advance, ended } = play(csvOf(t, 0, 10, 20), { speed: 10 });
    await advance(999);
    assert.deepEqual(sizes(result), [1]);
    await advance(1);
    assert.deepEqual(sizes(result), [1, 2]);
    await advance(1000);
    await ended;
    assert.deepEqual(sizes(result), [1, 2, 3]);
  });

  test('tells every second of event time how far it has come, and its end', async (t) => {
    const { result, advance, ended } = play(csvOf(t, 0.25, 3.75), {});
    for (let ms = 0; ms < 3500; ms += 250) await advance(250);
    await ended;
    const at = (time: number): number => (1_381_152_600 + time) * second;
    assert.deepEqual(pick(result.heartbeats, 'symbols', 'eventTime', 'receiveTime', 'complete'), [
      [['BAC'], at(1), at(1), false],
      [['BAC'], at(2), at(2), false],
      [['BAC'], at(3), at(3), false],
      [['BAC'], at(3.75), at(3.75), true],
    ]);
  });

  test('goes by receive time where there is one, and keeps the lead of event time', async (t) => {
    // Received at 0 s and 10 s, traded 2 s later by the exchange's clock.
    const frames = [0, 10].map((time) => {
      const trade = { e: 'trade', s: 'BTCUSDT', t: time, p: '1', q: '1', m: true, X: 'MARKET' };
      const frame = JSON.stringify({ ...trade, T: (1_723_161_257 + time) * 1000 });
      return `${1_723_161_255 + time}.0: ${frame}\n`;
    });
    const { result, advance, ended } = play(scratch(t)('x', frames.join('')), {});
    await advance(1000);
    assert.equal(result.tradeCount, 1);
    assert.deepEqual(pick(result.heartbeats, 'eventTime', 'receiveTime'), [
      [1_723_161_258 * second, 1_723_161_256 * second],
    ]);
    await advance(8999);
    assert.equal(result.tradeCount, 1);
    await advance(1);
    await ended;
    assert.equal(result.tradeCount, 2);
  });

  test('does not wait out the night between two files', async (t) => {
    const file = scratch(t);
    const row = '14400000,139400,500,P,20002020,0\n';
    const files = ['07', '08'].map((day) =>
      file(`${day}.zip`, zip({ [`201310${day}_bac_Trade_Tick.csv`]: row })),
    );
    const { result, advance, ended } = play('', { files });
    await advance(0);
    await ended;
    assert.equal(result.tradeCount, 2);
  });

  test('ends at once when it is aborted', async (t) => {
    const { result, abort, settle, ended } = play(csvOf(t, 0, 3600), {});
    await settle();
    abort.abort();
    await ended;
    assert.deepEqual(sizes(result), [1]);
    // What was not played is not said to be complete.
    assert.deepEqual(result.heartbeats, []);
  });
});

suite('back-pressure', () => {
  test('never more rows wait than the intake has room for', async (t) => {
    const path = csvOf(t, ...Array.from({ length: 1000 }, (_, row) => row));
    const feed = replayFeed({ files: [path], speed: 'max', clock: new ManualClock(start) });
    const rowsMax = 64;
    const intake = new Intake(feed.name, feed.name, rowsMax);
    const running = feed.run(intake, new AbortController().signal).finally(() => intake.end());
    const result = new Replayed();
    for await (const batch of intake) {
      // The instrument's definition comes on top.
      assert.ok(batch.trades.count <= rowsMax && batch.count <= rowsMax + 1);
      result.batches.push(copyOf(batch));
      // A slow reader.
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
      assert.ok(intake.open.count <= rowsMax + 1);
    }
    await running;
    assert.deepEqual(
      sizes(result),
      Array.from({ length: 1000 }, (_, row) => row + 1),
    );
  });

  test('an abort ends a replay that waits for room', async (t) => {
    const path = csvOf(t, ...Array.from({ length: 1000 }, (_, row) => row));
    const feed = replayFeed({ files: [path], speed: 'max', clock: new ManualClock(start) });
    const intake = new Intake(feed.name, feed.name, 64);
    const abort = new AbortController();
    const running = feed.run(intake, abort.signal);
    await until(() => intake.free <= 0, 'there is no room left');
    abort.abort();
    intake.end();
    await running;
    assert.ok(intake.open.count <= 65);
  });

  test('a replay is the same every time', async (t) => {
    const path = csvOf(t, 0, 0, 1, 2, 2, 3);
    const [first, again] = [await replayed({ files: [path] }), await replayed({ files: [path] })];
    assert.deepEqual(first.trades, again.trades);
    assert.deepEqual(first.heartbeats, again.heartbeats);
    assert.equal(first.batches[0]?.trades.scope, again.batches[0]?.trades.scope);
  });
});

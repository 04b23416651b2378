import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock, microsPerSecond } from '../../../src/base/clock.ts';
import { Failure } from '../../../src/base/failure.ts';
import { tradeAt } from '../../../src/contracts/wire-objects.ts';
import { Intake } from '../../../src/feeds/feed.ts';
import { defaultSymbols } from '../../../src/feeds/simulator/listing.ts';
import { simulatorFeed } from '../../../src/feeds/simulator/simulator.ts';
import { copyOf, type Seen } from '../parsed.ts';

const start = 1_790_000_000_000_000;

suite('the simulator feed', () => {
  test('says its instruments first, then trades, quotes and a heartbeat a second', async () => {
    const { batches } = await runFor(5_000, {});
    const [first] = batches;
    assert.deepEqual(
      first.instruments.map(({ symbol }) => symbol),
      defaultSymbols,
    );
    assert.deepEqual(first.instruments[0], {
      symbol: 'AAPL',
      name: 'Apple Inc.',
      exchange: 'XNAS',
      currency: 'USD',
      assetClass: 'equity',
      priceIncrement: '0.01',
      sizeIncrement: '1',
      calendar: '24/7',
      source: 'simulator',
    });
    const trades = batches.reduce((sum, batch) => sum + batch.trades.count, 0);
    assert.ok(trades > 400 && trades < 600, `${trades} trades in 5 s at 100/s`);
    const heartbeats = batches.flatMap((batch) => batch.heartbeats);
    assert.equal(heartbeats.length, 5);
    for (const [index, heartbeat] of heartbeats.entries()) {
      assert.deepEqual(heartbeat.symbols, defaultSymbols);
      assert.equal(Math.floor((heartbeat.eventTime - start) / microsPerSecond), index + 1);
    }
  });

  test('no event lies in the future, and a heartbeat is never contradicted', async () => {
    const { batches } = await runFor(5_000, { tradesPerSecond: 2_000 });
    let complete = 0;
    let newest = 0;
    for (const { trades, heartbeats } of batches) {
      assert.equal(trades.scope, `simulator:${start}`);
      for (let row = 0; row < trades.count; row++) {
        assert.ok(trades.eventTime[row] <= trades.receiveTime[row]);
        assert.ok(trades.eventTime[row] >= newest);
        assert.ok(trades.eventTime[row] > complete);
        newest = trades.eventTime[row];
      }
      for (const { eventTime } of heartbeats) {
        assert.ok(eventTime >= newest);
        complete = eventTime;
      }
    }
  });

  test('the same seed and clock give the same observations; another seed does not', async () => {
    const [one, two, other] = await Promise.all([
      runFor(2_000, { seed: 5 }),
      runFor(2_000, { seed: 5 }),
      runFor(2_000, { seed: 6 }),
    ]);
    assert.deepEqual(one.batches, two.batches);
    assert.notDeepEqual(one.batches, other.batches);
  });

  test('a later run has a scope of its own, so that its ids are new', async () => {
    const [one, two] = [await runFor(100, {}), await runFor(100, {}, start + 1)];
    assert.notEqual(one.batches[0].trades.scope, two.batches[0].trades.scope);
  });

  test('holds 200,000 trades a second without losing or repeating an id', async () => {
    const { batches } = await runFor(1_000, { tradesPerSecond: 200_000 });
    const next = new Map<string, number>();
    for (const { trades } of batches) {
      for (let row = 0; row < trades.count; row++) {
        const { symbol } = trades.instruments[trades.instrument[row]];
        assert.equal(trades.id[row], next.get(symbol) ?? 0);
        next.set(symbol, trades.id[row] + 1);
      }
    }
    const total = next.values().reduce((sum, count) => sum + count, 0);
    assert.ok(Math.abs(total - 200_000) < 2_500, `${total}`);
  });

  test('never buffers beyond the bound, and skips a stall instead of making it up', async () => {
    const clock = new ManualClock(start);
    const feed = simulatorFeed({ tradesPerSecond: 1_000, clock });
    const intake = new Intake('simulator', '', 64);
    const stop = new AbortController();
    const running = feed.run(intake, stop.signal);
    await pass(clock, 10_000);
    assert.ok(intake.open.count <= 64);

    const consumer = collect(intake);
    await pass(clock, 1_000);
    stop.abort();
    await running;
    intake.end();
    const trades = (await consumer).flatMap(({ trades }) =>
      Array.from({ length: trades.count }, (_, row) => tradeAt(trades, row, 0)),
    );
    const times = trades.map(({ time }) => Date.parse(time) - start / 1000);
    const gap = Math.max(...times.slice(1).map((time, index) => time - times[index]));
    assert.ok(gap > 9_000 && gap < 9_800, `skipped ${gap} ms`);
    assert.ok(trades.length > 900 && trades.length < 1_500, `${trades.length} trades`);
    assert.match(feed.status?.().detail ?? '', /9\.\d s skipped in stalls/);
    assert.equal(feed.status?.().state, 'ended');
  });

  test('refuses what it cannot simulate, and says the cure', () => {
    const clock = new ManualClock(start);
    const cases = [{ symbols: [] }, { symbols: ['aapl'] }, { tradesPerSecond: 0 }];
    for (const options of [...cases, { tradesPerSecond: Number.NaN }]) {
      assert.throws(
        () => simulatorFeed({ ...options, clock }),
        (error) =>
          error instanceof Failure &&
          error.code === 'bad-configuration' &&
          /SYMBOLS|TRADES_PER_SECOND/.test(error.cure),
      );
    }
  });
});

/** Lets time pass once the feed waits for it. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  await clock.advance(0);
  await clock.advance(ms);
}

async function runFor(
  ms: number,
  options: { tradesPerSecond?: number; seed?: number },
  from = start,
): Promise<{ batches: Seen[] }> {
  const clock = new ManualClock(from);
  const feed = simulatorFeed({ ...options, clock });
  const intake = new Intake('simulator', '');
  const stop = new AbortController();
  const consumer = collect(intake);
  const running = feed.run(intake, stop.signal);
  await pass(clock, ms);
  stop.abort();
  await running;
  intake.end();
  return { batches: await consumer };
}

async function collect(intake: Intake): Promise<Seen[]> {
  return await Array.fromAsync(intake, copyOf);
}

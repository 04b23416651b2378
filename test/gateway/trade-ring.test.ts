import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { decodeTrades } from '../../src/contracts/trade.ts';
import type { Verdict } from '../../src/contracts/verdict.ts';
import type { Trade } from '../../src/contracts/wire-objects.ts';
import { RowBudget } from '../../src/gateway/recent/row-budget.ts';
import { rowsBySymbol } from '../../src/gateway/recent/rows-by-symbol.ts';
import { TradeRing } from '../../src/gateway/recent/trade-ring.ts';
import { MemoryLog } from './memory-log.ts';
import { seeded } from './seed.ts';
import { monday, Tape, type TapeTrade } from './tape.ts';

/** Writes batches and pushes what the log then holds into a ring, as the tail would. */
class RingRig {
  readonly log = new MemoryLog();
  readonly tape = new Tape(this.log);
  readonly ring: TradeRing;

  constructor(rowsMax = 4096, budget = 1 << 20) {
    this.ring = new TradeRing('AAPL', rowsMax, new RowBudget(budget), 0);
  }

  async write(...trades: readonly TapeTrade[]): Promise<void> {
    await this.push(await this.tape.trades(...trades));
  }

  async push(offset: number): Promise<void> {
    const { batches } = await this.log.read('market.trades', offset, 1);
    const batch = decodeTrades(batches[0].bytes);
    this.ring.push(batch, rowsBySymbol(batch), 0, offset);
  }

  sequences(): number[] {
    return this.ring.newestFirst({}, 10_000).map((trade) => trade.sequence);
  }
}

const at = (micros: number, verdict: Verdict = 'on time'): TapeTrade => ({
  time: monday + micros,
  price: 10_000 + micros,
  verdict,
});

suite('recent trades', () => {
  test('stand newest first by event time, then by sequence', async () => {
    const rig = new RingRig();
    await rig.write(at(5), at(3, 'late'), at(5), at(9));
    assert.deepEqual(rig.sequences(), [3, 2, 0, 1]);
  });

  test('keep the newest rows when the bound is reached, and say what went', async () => {
    const rig = new RingRig(64);
    for (let index = 0; index < 200; index++) await rig.write(at(index));
    assert.equal(rig.ring.count, 64);
    assert.equal(rig.ring.oldestSequence, 136);
    assert.equal(rig.ring.completeFrom, 136);
    assert.equal(rig.ring.olderTimeMax, Infinity, 'what came before the start is not known');
    rig.ring.learnOlderTime(-Infinity, rig.ring.breaks);
    assert.equal(rig.ring.olderTimeMax, monday + 135);
  });

  test('stay within a budget that they share', async () => {
    const rig = new RingRig(4096, 0);
    for (let index = 0; index < 100; index++) await rig.write(at(index));
    assert.equal(rig.ring.count, 32);
    assert.deepEqual(rig.sequences().slice(0, 2), [99, 98]);
  });

  test('never span a break in the sequence', async () => {
    const rig = new RingRig();
    await rig.write(at(1));
    await rig.tape.trades(at(2)); // the log loses this one
    await rig.write(at(3));
    assert.deepEqual(rig.sequences(), [2]);
    assert.equal(rig.ring.completeFrom, 2);
    assert.equal(rig.ring.breaks, 1);
    rig.ring.learnOlderTime(monday, 0);
    assert.equal(rig.ring.olderTimeMax, Infinity, 'what was learned before the break is void');
  });
});

suite('the latest trade', () => {
  const latest = ({ ring }: RingRig): string | undefined => ring.latest()?.price;

  test('is the newest by event time: a late one does not replace it', async () => {
    const rig = new RingRig();
    await rig.write(at(5), at(2, 'late'));
    assert.equal(latest(rig), '100.05');
  });

  test('goes back when it is cancelled, past others that were', async () => {
    const rig = new RingRig();
    await rig.write({ ...at(1), id: 71 }, { ...at(2), id: 72 }, { ...at(3), id: 73 });
    await rig.write({ ...at(2, 'cancel'), id: 72 });
    assert.equal(latest(rig), '100.03');
    await rig.write({ ...at(3, 'cancel'), id: 73 });
    assert.equal(latest(rig), '100.01');
  });

  test('says in the list that it was cancelled, also before it came', async () => {
    const rig = new RingRig();
    await rig.write({ ...at(1), id: 71 }, { ...at(2), id: 72 }, { ...at(2, 'cancel'), id: 72 });
    await rig.write({ ...at(9, 'cancelled'), id: 79 });
    assert.deepEqual(
      rig.ring.newestFirst({}, 10).map(({ id, verdict }) => `${id} ${verdict}`),
      ['79 cancelled', '72 cancel', '72 cancelled', '71 on time'],
    );
    assert.equal(latest(rig), '100.01');
  });

  test('stays where its cancel is too late to change a candle', async () => {
    const rig = new RingRig();
    await rig.write({ ...at(1), id: 71 }, { ...at(1, 'cancel too late'), id: 71, price: 0 });
    assert.deepEqual(
      rig.ring.newestFirst({}, 10).map(({ verdict }) => verdict),
      ['cancel too late', 'on time'],
    );
    assert.equal(latest(rig), '100.01');
  });

  test('is the correction of itself', async () => {
    const rig = new RingRig();
    await rig.write({ ...at(3), id: 7 });
    await rig.write({ ...at(3, 'correction'), id: 7, price: 9_999 });
    assert.equal(latest(rig), '99.99');
  });

  test('outlives the rows around it', async () => {
    const rig = new RingRig(32);
    await rig.write(at(1_000));
    for (let index = 0; index < 100; index++) await rig.write(at(index, 'late'));
    assert.equal(latest(rig), '110');
  });

  test('comes from the store where the log held none, until a newer one arrives', async () => {
    const rig = new RingRig();
    const stored = { price: '88' } as Trade;
    rig.ring.keepLatest(stored, monday);
    assert.equal(latest(rig), '88');
    await rig.write(at(1));
    assert.equal(latest(rig), '100.01');
    rig.ring.keepLatest(stored, monday);
    assert.equal(latest(rig), '100.01');
  });
});

test('a ring answers as a plain list of its newest rows would', async () => {
  const trade = fc.record({
    time: fc.nat({ max: 20 }),
    textId: fc.option(fc.string(), { nil: undefined }),
  });
  const batches = fc.array(fc.array(trade, { minLength: 1, maxLength: 20 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(batches, fc.nat({ max: 25 }), fc.nat({ max: 25 }), async (given, from, to) => {
      const rig = new RingRig(64);
      for (const batch of given) {
        await rig.write(
          ...batch.map(({ time, textId }) => ({
            ...at(time),
            ...(textId === undefined ? {} : { textId }),
          })),
        );
      }
      const times = given.flat().map(({ time }) => monday + time);
      const kept = times
        .map((time, sequence) => ({ time, sequence }))
        .slice(-rig.ring.count || times.length);
      const span = { from: monday + from, to: monday + to };
      const expected = kept
        .filter(({ time }) => time >= span.from && time < span.to)
        .sort((a, b) => b.time - a.time || b.sequence - a.sequence)
        .map(({ sequence }) => sequence);
      const found = rig.ring.newestFirst(span, 10_000);
      assert.deepEqual(
        found.map(({ sequence }) => sequence),
        expected,
      );
      const gone = times.slice(0, times.length - rig.ring.count);
      rig.ring.learnOlderTime(-Infinity, 0);
      assert.equal(rig.ring.olderTimeMax, Math.max(-Infinity, ...gone));
    }),
    seeded(100),
  );
});

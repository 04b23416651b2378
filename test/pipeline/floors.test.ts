// Days after nothing can change them closed candles leave the log's state, and ingest lets nothing
// come that would: on the real log, over weeks of a clock of its own.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock, micros, microsPerSecond } from '../../src/base/clock.ts';
import type { Gone } from '../../src/contracts/instrument.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import { cancel, late, onTime } from '../../src/contracts/verdict.ts';
import type { Observations } from '../../src/feeds/feed.ts';
import type { Log } from '../../src/log/log.ts';
import type { Follower } from '../../src/pipeline/follower.ts';
import type { Ingest } from '../../src/pipeline/ingest.ts';
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
  type SimpleTrade,
  start,
  tradesOf,
  withLog,
} from './rig.ts';

const hour = 3_600;
const day = 24 * hour;
const horizon = day * microsPerSecond;
const noHorizon = Number.POSITIVE_INFINITY;

/** Ingest and derive of trades and quotes, on a clock that follows what they are given. */
class Run {
  readonly clock = new ManualClock(start);
  readonly #open: () => Promise<Log>;
  log!: FaultyLog;
  #ingest!: Ingest;
  #derives: readonly Follower[] = [];

  constructor(open: () => Promise<Log>) {
    this.#open = open;
  }

  /** As after a crash. */
  async begin(correctionHorizon = horizon): Promise<void> {
    this.log = new FaultyLog(await this.#open());
    this.#ingest = ingestInto(this.log, this.clock, correctionHorizon);
    this.#derives = (['market.trades', 'market.quotes'] as const).map((topic) =>
      deriveFrom(this.log, this.clock, topic),
    );
    for (const derive of this.#derives) await derive.recover();
  }

  /** Gives trades at a time, seconds after the start; and a checkpoint each. */
  async take(seconds: number, trades: readonly SimpleTrade[]): Promise<void> {
    await this.takeAll(seconds, observed(trades, 'somewhere', seconds * microsPerSecond));
  }

  async takeAll(seconds: number, seen: Observations): Promise<void> {
    const now = start + seconds * microsPerSecond;
    await this.clock.advance((now - this.clock.now()) / 1000);
    await this.#ingest.take(seen, false, never);
    for (const derive of this.#derives) await derive.step(atOnce, never);
  }

  /** A trade of AAA an hour, from hour `from` to before hour `to`, in batches of six hours. */
  async hours(from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += 6) {
      await this.take((at + 5) * hour, hourlies(at, at + 6));
    }
  }

  /** What the newest floor leaves out, seconds after the start. */
  async gone(): Promise<Gone> {
    const said = (await batchesOf(this.log, 'market.trades'))
      .flatMap(({ bytes }) => decodeTrades(bytes).instruments)
      .flatMap(({ gone }) => gone ?? []);
    const { from, to } = said.at(-1) as Gone;
    return { from: (from - start) / microsPerSecond, to: (to - start) / microsPerSecond };
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return await this.log.stateKeys(prefix, `${prefix}~`, 1_000_000);
  }

  async verdictsOf(...trades: readonly SimpleTrade[]): Promise<(string | undefined)[]> {
    const taken = await tradesOf(this.log);
    return trades.map(({ id }) => taken.findLast((trade) => trade.id === String(id))?.verdict);
  }

  /** Every candle is the one of these trades. */
  async holds(trades: readonly SimpleTrade[]): Promise<void> {
    assert.deepEqual(publishedFigures(await candlesOf(this.log)), figuresOf(trades));
  }
}

async function running(work: (run: Run) => Promise<void>): Promise<void> {
  await withLog(async (open) => {
    const run = new Run(open);
    await run.begin();
    await work(run);
  });
}

function tradeAt(seconds: number, id: number, verdict = onTime): SimpleTrade {
  return { symbol: 'AAA', seconds, price: 100 + (id % 97), id, verdict };
}

/** A quote of AAA. */
function quoted(seconds: number): Observations {
  const seen = observed([]);
  const instrument = seen.quotes.instrumentOf('AAA', 2, 0);
  const time = start + seconds * microsPerSecond;
  seen.quotes.push(instrument, time, time, 1, 1, 2, 1, seconds);
  return seen;
}

function beaten(seconds: number): Observations {
  const seen = observed([]);
  const eventTime = micros(start + seconds * microsPerSecond);
  const beat = { source: 'test', symbols: ['AAA'], eventTime, receiveTime: eventTime };
  seen.heartbeats.push({ ...beat, complete: false });
  return seen;
}

function hourly(at: number): SimpleTrade {
  return tradeAt(at * hour, 10_000 + at);
}

function hourlies(from: number, to: number): SimpleTrade[] {
  return Array.from({ length: to - from }, (_, index) => hourly(from + index));
}

suite('closed candles', () => {
  test('leave the state five days later, those of the first two days stay', async () => {
    await running(async (run) => {
      const quiet = [0, 1, 2].map((days) => ({ ...tradeAt(days * day, days), symbol: 'BBB' }));
      await run.take(2 * day, quiet);
      for (let days = 0; days < 12; days++) {
        await run.hours(days * 24, (days + 1) * 24);
        // The clock of BBB stands still, as does that of the quotes.
        if (days < 3) await run.takeAll((days + 1) * day, quoted(days * day));
        await run.begin();
      }
      const secondsOf = async (prefix: string) =>
        (await run.keys(prefix)).map((key) => Number(key.split(' ').at(-1)) - 2e10);
      const blockOf = (seconds: number) => Math.floor((start / microsPerSecond + seconds) / 16);
      const left = await secondsOf('candles AAA trade 0 ');
      // When it rose for the last time, after eleven days, the clock of the day before counted.
      const floor = 10 * 24 - 1 - 24;
      assert.deepEqual(await run.gone(), { from: 0, to: floor * hour });
      // The newest is not closed.
      const stay = [...hourlies(0, 48 + 1), ...hourlies(floor - 48, 12 * 24 - 1)];
      assert.deepEqual(
        left,
        stay.map(({ seconds }) => blockOf(seconds)),
      );
      for (const interval of [1, 2, 3, 4, 5, 6]) {
        const longer = await secondsOf(`candles AAA trade ${interval} `);
        const length = [1, 60, 300, 900, 3_600, 14_400, 86_400][interval] as number;
        const starts = longer.map((block) => block * 16 * length - start / microsPerSecond);
        const isGone = (at: number) => at >= 2 * day && at + 16 * length <= (floor - 48) * hour;
        assert.deepEqual(starts.filter(isGone), []);
        assert(starts.length > 0);
      }
      assert.equal((await run.keys('candles AAA bid 0 ')).length, 2);
      assert.equal((await run.keys('candles BBB trade 0 ')).length, 2);
      await run.holds([...hourlies(0, 12 * 24), ...quiet]);
    });
  });

  test('leave it in pieces, so that no checkpoint has to wait', async () => {
    await running(async (run) => {
      // A minute apart: a block of seconds each.
      const count = 4 * 24 * 60;
      const trades = Array.from({ length: count }, (_, index) => tradeAt(index * 60, index));
      await run.take(4 * day, trades);
      const deletions: number[] = [];
      for (let days = 5; days < 12; days++) {
        for (const minutes of [0, 1, 2]) {
          await run.take(days * day + minutes * 60, [
            tradeAt(days * day + minutes * 60, days * count + minutes),
          ]);
          deletions.push(run.log.deletions);
        }
      }
      assert(Math.max(...deletions) <= 2_048);
      // Two days of seconds, and what they are in.
      const sum = deletions.reduce((sum, one) => sum + one, 0);
      assert(sum > 2 * 24 * 60 && sum < 2.3 * 24 * 60, `${sum} keys`);
    });
  });
});

suite('what comes below the floor', () => {
  test('is too late, a cancel just above it makes its day anew from all minutes', async () => {
    await running(async (run) => {
      await run.hours(0, 12 * 24);
      await run.begin(noHorizon);
      const { to } = await run.gone();
      const [below, above] = [hourly(to / hour - 1), hourly(to / hour)];
      const cancels = [below, above].map((trade) => ({ ...trade, price: 0, verdict: cancel }));
      const trades = [tradeAt(to - 1, 1), tradeAt(to - 2, 2, late), tradeAt(to + 1, 3)];
      await run.take(12 * day, [...cancels, ...trades]);
      assert.deepEqual(await run.verdictsOf(...cancels, ...trades), [
        'cancel too late',
        'cancel',
        'too late',
        'too late',
        'late',
      ]);
      const left = hourlies(0, 12 * 24).filter(({ id }) => id !== above.id);
      await run.holds([...left, tradeAt(to + 1, 3)]);
    });
  });

  test('by a replay into an old log is too late, but not before its first record', async () => {
    await running(async (run) => {
      await run.hours(0, 9 * 24);
      await run.begin(noHorizon);
      const before = [-400 * day, -day - hour, -1].map((at, id) => tradeAt(at, id));
      const within = [1, 3 * day].map((at, index) => tradeAt(at, 10 + index));
      await run.take(9 * day, [...within, ...before]);
      assert.deepEqual(await run.verdictsOf(...before, ...within), [
        ...before.map(() => 'late'),
        ...within.map(() => 'too late'),
      ]);
      // In pieces, restarts between.
      await run.begin(noHorizon);
      const more = before.map(({ seconds, id }) => tradeAt(seconds - 2, 20 + id));
      await run.take(9 * day, more);
      const counting = [...hourlies(0, 9 * 24), ...before, ...more];
      await run.holds(counting);
      // Once the floor has risen again that is gone as well.
      await run.begin();
      await run.hours(9 * 24, 12 * 24);
      assert.equal((await run.gone()).from, -400 * day - 2);
      const again = tradeAt(-300 * day, 30);
      await run.begin(noHorizon);
      await run.take(12 * day, [again]);
      assert.deepEqual(await run.verdictsOf(again), ['too late']);
      await run.holds([...counting, ...hourlies(9 * 24, 12 * 24)]);
    });
  });

  test('is nothing of a gap that is filled within a day, however long it was', async () => {
    await running(async (run) => {
      await run.hours(0, 6 * 24);
      await run.begin();
      // The feed is back after a month. Its heartbeat comes first, and live trades do not wait.
      const back = 36 * 24;
      await run.takeAll(back * hour, beaten(back * hour));
      await run.hours(back, back + 12);
      const fill = (from: number, to: number) =>
        hourlies(from, to).map((trade) => ({ ...trade, verdict: late }));
      await run.take((back + 12) * hour, fill(6 * 24, 20 * 24));
      await run.begin();
      await run.hours(back + 12, back + 18);
      await run.take((back + 20) * hour, fill(20 * 24, back));
      await run.hours(back + 18, back + 4 * 24);
      await run.holds(hourlies(0, back + 4 * 24));
      // What was not to be had for days is too late.
      const last = tradeAt(30 * day, 1, late);
      await run.take((back + 4 * 24) * hour, [last]);
      assert.deepEqual(await run.verdictsOf(last), ['too late']);
    });
  });

  test('stays so after a start with a larger horizon', async () => {
    await running(async (run) => {
      await run.hours(0, 9 * 24);
      const { to } = await run.gone();
      await run.begin(30 * horizon);
      const late = [tradeAt(to - 1, 1), tradeAt(to + 1, 2)];
      await run.take(9 * day, late);
      await run.hours(9 * 24, 14 * 24);
      assert.equal((await run.gone()).to, to);
      assert.deepEqual(await run.verdictsOf(...late), ['too late', 'late']);
      await run.holds([...hourlies(0, 14 * 24), tradeAt(to + 1, 2)]);
    });
  });

  test('is nothing in a log that is only replayed into: its candles stay', async () => {
    await running(async (run) => {
      await run.begin(noHorizon);
      await run.hours(0, 9 * 24);
      const late = tradeAt(3 * day + 1, 1);
      await run.take(9 * day, [late]);
      assert.deepEqual(await run.verdictsOf(late), ['late']);
      assert.equal((await run.keys('candles AAA trade 0 ')).length, 9 * 24 - 1);
      await run.holds([...hourlies(0, 9 * 24), late]);
    });
  });
});

suite('the cancels of closed candles', () => {
  test('leave the state with their seconds', async () => {
    await running(async (run) => {
      for (let days = 0; days < 12; days++) {
        await run.hours(days * 24, (days + 1) * 24);
        const taken = { ...hourly(days * 24 + 20), price: 0, verdict: cancel };
        await run.take(days * day + 23.5 * hour, [taken]);
      }
      const { to } = await run.gone();
      const left = (await run.keys('cancelled AAA ')).map((key) => {
        return Number(key.split(' ')[2]) - 2e10 - start / microsPerSecond;
      });
      const all = Array.from({ length: 12 }, (_, days) => days * day + 20 * hour);
      assert.deepEqual(
        left,
        all.filter((at) => at < 2 * day || at >= to - 2 * day),
      );
    });
  });
});

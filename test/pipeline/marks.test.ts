// Marks from feeds to the log: what was recorded whole, and a live feed that is cut off.

import { strict as assert } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { frameKind } from '../../src/contracts/frame.ts';
import { noId } from '../../src/contracts/identity.ts';
import { decodeMarks } from '../../src/contracts/mark.ts';
import { formatTime, parseTime } from '../../src/contracts/time.ts';
import { cancel, onTime } from '../../src/contracts/verdict.ts';
import { type Mark, markAt } from '../../src/contracts/wire-objects.ts';
import { Observations } from '../../src/feeds/feed.ts';
import { replayFeed } from '../../src/feeds/replay/replay.ts';
import type { Log } from '../../src/log/log.ts';
import { recordedData } from '../recorded-data.ts';
import {
  atOnce,
  batchesOf,
  candlesOf,
  deriveFrom,
  ingestInto,
  never,
  observed,
  start,
  withLog,
} from './rig.ts';

const minute = 60 * microsPerSecond;

async function marksOf(log: Log): Promise<Mark[]> {
  const batches = await batchesOf(log, 'market.candles');
  return batches
    .filter(({ bytes }) => frameKind(bytes) === 'marks')
    .flatMap(({ bytes }) => {
      const batch = decodeMarks(bytes);
      return Array.from({ length: batch.count }, (_, row) => markAt(batch, row));
    });
}

async function derive(log: Log): Promise<void> {
  const follower = deriveFrom(log, new ManualClock(start));
  await follower.recover();
  while (await follower.step(atOnce, never));
}

/** The minutes of marks, one by one, that are in a state. */
function minutesIn(marks: readonly Mark[], state: Mark['state']): string[] {
  return marks
    .filter((mark) => mark.interval === '1m' && mark.state === state)
    .flatMap((mark) => {
      const [from, to] = [parseTime(mark.start) ?? 0, parseTime(mark.end) ?? 0];
      return Array.from({ length: (to - from) / minute }, (_, n) => formatTime(from + n * minute));
    });
}

suite('marks', () => {
  test('of Kraken’s recorded trades: its 137 minutes without one had no trades', async (t) => {
    const folder = recordedData('crypto/kraken', t);
    if (!folder) return;
    const files = [join(folder, 'http_trades.json')];
    const marks = await withLog(async (open) => {
      const log = await open();
      const feed = replayFeed({ speed: 'max', clock: new ManualClock(start), files });
      const later = new ManualClock(Date.UTC(2026, 0, 1) * 1000);
      await ingestInto(log, later).run(feed, never, false);
      await derive(log);
      return await marksOf(log);
    });
    const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')).result;
    const trades = read('http_trades.json').XBTUSDT as [string, string, number][];
    const last = trades.at(-1)?.[2] ?? 0;
    // Kraken's own candles of these minutes; the last column counts their trades.
    const bars = (read('http_ohlc.json').XBTUSDT as number[][]).filter(
      ([time]) => time > trades[0][2] - 60 && time + 60 <= last,
    );
    const empty = bars.filter((bar) => bar.at(-1) === 0).map(([time]) => formatTime(time * 1e6));
    assert.equal(empty.length, 137);
    assert.deepEqual(minutesIn(marks, 'no_trades'), empty);
    assert.deepEqual(minutesIn(marks, 'no_data'), []);
  });

  test('of a live feed that is cut off: no data, but where trades are fetched later', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      const seconds = async (from: number, to: number) => {
        for (let at = from; at <= to; at += 2) {
          const seen = new Observations('live', 'live');
          const eventTime = start + at * microsPerSecond;
          const beat = { source: 'live', symbols: ['AAA'], eventTime, complete: false };
          seen.heartbeats.push({ ...beat, receiveTime: eventTime });
          await ingest.take(seen, false, never);
        }
      };
      const trade = async (at: number) => {
        const seen = new Observations('live', 'live');
        const instrument = seen.trades.instrumentOf('AAA', 2, 0);
        const time = start + at * microsPerSecond;
        seen.trades.push(instrument, seen.trades.tagOf('', '', ''), time, time, 100, 1, noId);
        await ingest.take(seen, false, never);
      };
      await trade(0);
      await seconds(2, 150); // up to the middle of the third minute
      await seconds(330, 500); // from the middle of the sixth
      await trade(270); // in the fifth, fetched once the feed was back
      await derive(log);
      const marks = await marksOf(log);
      const at = (...minutes: number[]) => minutes.map((n) => formatTime(start + n * minute));
      assert.deepEqual(minutesIn(marks, 'traded'), at(0));
      assert.deepEqual(minutesIn(marks, 'no_trades'), at(1, 6, 7));
      assert.deepEqual(minutesIn(marks, 'no_data'), at(2, 3, 4, 5));
      const candles = (await candlesOf(log)).filter(({ interval }) => interval === '1m');
      assert.deepEqual([...new Set(candles.map((one) => one.start))].sort(), at(0, 4));
      // [0, 5) traded; the next five minutes are not over.
      const coarser = marks.filter(({ interval }) => interval === '5m');
      assert.deepEqual(
        coarser.map(({ start: from, state }) => [from, state]),
        [[formatTime(start), 'traded']],
      );
    });
  });

  test('of what lost all its trades to cancels, before its end and after: no trades', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      const follower = deriveFrom(log, new ManualClock(start));
      await follower.recover();
      const take = async (seconds: number, id: number, verdict = onTime) => {
        const price = verdict === cancel ? 0 : 100;
        const trades = [{ symbol: 'AAA', seconds, price, id, verdict }];
        await ingest.take(observed(trades), false, never);
        await follower.step(atOnce, never);
      };
      const beats = async (from: number, to: number) => {
        const seen = new Observations('test', 'somewhere');
        for (let at = from; at <= to; at += 2) {
          const eventTime = start + at * microsPerSecond;
          const beat = { source: 'test', symbols: ['AAA'], eventTime, complete: false };
          seen.heartbeats.push({ ...beat, receiveTime: eventTime });
        }
        await ingest.take(seen, false, never);
        await follower.step(atOnce, never);
      };
      const newest = async (interval: string) => {
        const marks = (await marksOf(log)).filter((mark) => mark.interval === interval);
        return [...new Map(marks.map((mark) => [mark.start, mark.state])).values()].join(' ');
      };
      await take(0, 1);
      await beats(0, 68);
      await take(70, 2);
      await take(70, 2, cancel); // its minute is not over
      await beats(70, 128);
      await take(130, 3);
      await beats(130, 200);
      await take(130, 3, cancel); // its minute is over, its five minutes are not
      await beats(202, 308);
      assert.equal(await newest('1m'), 'traded no_trades no_trades no_trades no_trades');
      assert.equal(await newest('5m'), 'traded');
      await take(310, 4);
      await beats(310, 400);
      await take(310, 4, cancel);
      await beats(402, 604);
      assert.equal(await newest('5m'), 'traded no_trades');
      await take(0, 1, cancel); // all is over
      assert.equal(await newest('5m'), 'no_trades no_trades');
      assert.match(await newest('1m'), /^no_trades( no_trades){9}$/);
      const minutes = async () => (await marksOf(log)).filter((mark) => mark.interval === '1m');
      const told = await minutes();
      await take(500, 5); // in what was told as a silence
      await take(500, 5, cancel);
      assert.deepEqual(await minutes(), told);
    });
  });

  test('follow the candles of their interval in the log', async () => {
    await withLog(async (open) => {
      const log = await open();
      const seen = new Observations('live', 'live');
      const instrument = seen.trades.instrumentOf('AAA', 2, 0);
      for (const at of [0, 30, 63]) {
        const time = start + at * microsPerSecond;
        seen.trades.push(instrument, seen.trades.tagOf('', '', ''), time, time, 100, 1, noId);
      }
      await ingestInto(log).take(seen, false, never);
      await derive(log);
      const kinds = (await batchesOf(log, 'market.candles')).map(({ bytes }) => frameKind(bytes));
      assert.deepEqual(kinds, ['candles', 'marks']);
      const [first] = await marksOf(log);
      assert.deepEqual(first, {
        symbol: 'AAA',
        price: 'trade',
        interval: '1m',
        start: formatTime(start),
        end: formatTime(start + minute),
        state: 'traded',
      });
    });
  });
});

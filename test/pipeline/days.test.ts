// Day candles of recorded days, from the files' ticks to the log, against bars that the vendors
// have made of them.

import { strict as assert } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import type { Candle } from '../../src/contracts/wire-objects.ts';
import { RecordedFile } from '../../src/feeds/replay/recorded-file.ts';
import { replayFeed } from '../../src/feeds/replay/replay.ts';
import type { DerivedTopic } from '../../src/pipeline/derive.ts';
import { recordedData } from '../recorded-data.ts';
import { atOnce, candlesOf, deriveFrom, ingestInto, never, start, withLog } from './rig.ts';

/** The newest version of every day candle that these files give. */
async function daysOf(files: readonly string[], topic: DerivedTopic): Promise<Candle[]> {
  return await withLog(async (open) => {
    const log = await open();
    const clock = new ManualClock(start);
    await ingestInto(log).run(replayFeed({ speed: 'max', clock, files }), never, false);
    const derive = deriveFrom(log, clock, topic);
    await derive.recover();
    while (await derive.step(atOnce, never));
    const days = (await candlesOf(log)).filter(({ interval }) => interval === '1d');
    return [...new Map(days.map((day) => [`${day.price} ${day.start}`, day])).values()];
  });
}

/** The rows of a vendor's file, as numbers. */
async function rowsOf(path: string): Promise<number[][]> {
  const chunks: Buffer[] = [];
  for await (const part of (await RecordedFile.open(path)).parts()) {
    for await (const piece of part.read()) chunks.push(Buffer.from(piece));
  }
  const lines = Buffer.concat(chunks).toString().trim().split('\n');
  return lines.map((line) => line.split(',').map(Number));
}

suite('the days of what was recorded', () => {
  test('of BAC as a vendor’s bars of a day stay those bars, when clocks change too', async (t) => {
    const path = recordedData('us-equity/daily/bac.zip', t);
    if (!path) return;
    const days = await daysOf([path], 'market.trades');
    const text = execFileSync('unzip', ['-p', path]).toString().trim();
    const counted = (price: string): number => Math.round(Number(price) * 10_000);
    const prices = ({ open, high, low, close }: Candle) => [open, high, low, close].map(counted);
    assert.deepEqual(
      // Midnight in New York is 04:00 or 05:00 of the same date.
      days.map((day) =>
        [day.start.slice(0, 10).replaceAll('-', ''), prices(day), day.volume].join(),
      ),
      text.split('\n').map((row) => row.trim().replace(' 00:00', '')),
    );
  });

  test('of EURUSD end at five in New York, and hold what the vendor’s minutes hold', async (t) => {
    const folder = recordedData('fx/oanda', t);
    if (!folder) return;
    const dates = ['20140501', '20140502'];
    const fileOf = (kind: string) => (date: string) =>
      join(folder, `${kind}/eurusd/${date}_quote.zip`);
    const days = await daysOf(dates.map(fileOf('tick')), 'market.quotes');
    const bars = (await Promise.all(dates.map(fileOf('minute')).map(rowsOf))).flatMap((rows, n) =>
      rows.map(([ms, open, high, low, close]) => {
        return { time: Date.UTC(2014, 4, 1 + n) + ms, open, high, low, close };
      }),
    );
    const fiveInNewYork = Date.UTC(2014, 4, 1, 21);
    const expected = [
      ['2014-04-30T21:00:00Z', bars.filter(({ time }) => time < fiveInNewYork)],
      ['2014-05-01T21:00:00Z', bars.filter(({ time }) => time >= fiveInNewYork)],
    ] as const;
    assert.deepEqual(
      days
        .filter(({ price }) => price === 'bid')
        .map(({ start, open, high, low, close, state }) => [start, open, high, low, close, state]),
      expected.map(([from, minutes]) => [
        from,
        String(minutes[0].open),
        String(Math.max(...minutes.map(({ high }) => high))),
        String(Math.min(...minutes.map(({ low }) => low))),
        String(minutes.at(-1)?.close),
        'final',
      ]),
    );
  });

  test('of BAC begin at midnight in New York and hold the file of their date', async (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    const dates = ['20131007', '20131008'];
    const files = dates.map((date) => join(folder, `tick/bac/${date}_trade.zip`));
    const days = await daysOf(files, 'market.trades');
    const volumes = (await Promise.all(files.map(rowsOf))).map((rows) =>
      rows.reduce((sum, [, , size]) => sum + size, 0),
    );
    const bars = await Promise.all(
      dates.map((date) => rowsOf(join(folder, `minute/bac/${date}_trade.zip`))),
    );
    const dollars = (price: number | undefined): string => String((price ?? 0) / 10_000);
    const prices = bars.map((minutes) => [
      dollars(minutes[0][1]),
      dollars(Math.max(...minutes.map(([, , high]) => high))),
      dollars(Math.min(...minutes.map(([, , , low]) => low))),
      dollars(minutes.at(-1)?.[4]),
    ]);
    assert.deepEqual(
      days.map(({ start, open, high, low, close, volume, state }) => [
        [start, state],
        [open, high, low, close],
        volume,
      ]),
      [
        [['2013-10-07T04:00:00Z', 'final'], prices[0], String(volumes[0])],
        [['2013-10-08T04:00:00Z', 'final'], prices[1], String(volumes[1])],
      ],
    );
  });
});

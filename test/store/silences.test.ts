// Silences from the log's marks to rows, answers and files, in a real PostgreSQL.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import { encodeMarks } from '../../src/contracts/mark.ts';
import { parseTime } from '../../src/contracts/time.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { exportCandles } from '../../src/store/export.ts';
import { openHistory } from '../../src/store/history-postgres.ts';
import type { SinkBatch } from '../../src/store/sink.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { markBatch } from '../mark-batch.ts';
import { candleBatch } from './batches.ts';
import { connected, linesOf, testCluster } from './cluster.ts';

const cluster = testCluster();
const noon = Date.UTC(2013, 9, 7, 12) * 1000;
const minute = 60_000_000;

type Marks = Parameters<typeof markBatch>[0];

const onMonday = (time: string): string => `2013-10-07T${time}:00Z`;

/** A minute with a candle, three without, one with, three without of which the second got one. */
const marks: Marks = [
  { symbol: 'AAA', start: onMonday('12:00'), end: onMonday('12:01'), state: 'traded' },
  { symbol: 'AAA', start: onMonday('12:01'), end: onMonday('12:04'), state: 'no_trades' },
  { symbol: 'AAA', start: onMonday('12:04'), end: onMonday('12:05'), state: 'traded' },
  { symbol: 'AAA', start: onMonday('12:05'), end: onMonday('12:08'), state: 'no_data' },
  { symbol: 'BBB', start: onMonday('12:00'), end: onMonday('12:01'), state: 'no_trades' },
];

function marksAt(offset: number, all: Marks): SinkBatch {
  return { offset, count: all.length, bytes: encodeMarks(markBatch(all)) };
}

async function stored(...batches: readonly SinkBatch[]): Promise<DatabaseAddress> {
  const database = await cluster.migratedDatabase();
  const sink = openCandlesSink({ database, epoch: 'epoch', partition: 0 });
  const last = batches.at(-1) as SinkBatch;
  await sink.write(batches, last.offset + last.count);
  await sink.close();
  return database;
}

function historyOf(t: TestContext, database: DatabaseAddress) {
  const history = openHistory({ database });
  t.after(async () => await history.close());
  return history;
}

const rows = `select symbol, start, "end", state from silences join instruments
  using (instrument_id) order by symbol, start`;

suite('silences', () => {
  test('are stored beside candles, and written again change nothing', async (t) => {
    const database = await stored(marksAt(0, marks));
    const client = await connected(t, database);
    const before = await linesOf(client, rows);
    assert.equal(before.length, 3);
    const sink = openCandlesSink({ database, epoch: 'another', partition: 0 });
    t.after(async () => await sink.close());
    await sink.write([marksAt(0, marks), marksAt(marks.length, marks)], marks.length + 2);
    assert.equal(await sink.position(), marks.length + 2);
    assert.deepEqual(await linesOf(client, rows), before);
  });

  test('are answered by what they overlap', async (t) => {
    const history = historyOf(t, await stored(marksAt(0, marks)));
    const asked = { interval: '1m', price: 'trade' } as const;
    const all = await history.silences('AAA', asked);
    assert.deepEqual(
      all.map(({ start, end, state }) => [start, end, state]),
      [
        [onMonday('12:01'), onMonday('12:04'), 'no_trades'],
        [onMonday('12:05'), onMonday('12:08'), 'no_data'],
      ],
    );
    const at = (time: string) => micros(parseTime(onMonday(time)) ?? 0);
    const some = async (from: string, to: string) =>
      (await history.silences('AAA', { ...asked, from: at(from), to: at(to) })).length;
    assert.deepEqual(
      [await some('12:02', '12:03'), await some('12:04', '12:05'), await some('12:03', '12:06')],
      [1, 0, 2],
    );
    assert.deepEqual(await history.silences('AAA', { ...asked, interval: '5m' }), []);
    assert.deepEqual(await history.silences('ZZZ', asked), []);
  });

  test('are exported one interval to a row, but where a candle came later', async () => {
    const candles = [0, 4, 6].map((n) => {
      return { symbol: 'AAA', start: noon + n * minute, interval: '1m' as const };
    });
    const database = await stored(candleBatch(0, candles), marksAt(candles.length, marks));
    const export1m = async (options: object): Promise<string[]> => {
      const what = { format: 'csv', symbol: 'AAA', intervals: ['1m'], ...options } as const;
      const chunks = await Array.fromAsync(exportCandles(database, what));
      return Buffer.concat(chunks).toString().trimEnd().split('\n').slice(1);
    };
    const empty = await export1m({ empty: true });
    assert.deepEqual(
      empty.map((line) => [line.slice(18, 23), line.split(',').at(-1)]),
      [
        ['12:00', 'final'],
        ['12:01', 'no_trades'],
        ['12:02', 'no_trades'],
        ['12:03', 'no_trades'],
        ['12:04', 'final'],
        ['12:05', 'no_data'],
        ['12:06', 'final'],
        ['12:07', 'no_data'],
      ],
    );
    assert.equal(empty[1], `AAA,1m,${onMonday('12:01')},,,,,,,0,0,no_trades`);
    assert.equal((await export1m({})).length, 3);
    const span = { from: micros(noon + 2 * minute), to: micros(noon + 6 * minute) };
    assert.equal((await export1m({ empty: true, ...span })).length, 4);
  });

  test('of a day on which clocks change are one day', async () => {
    // The first Sunday of November in New York, were it open: 25 hours; and two days before it.
    const days: Marks = [
      { symbol: 'AAA', start: '2024-11-01T04:00Z', end: '2024-11-03T04:00Z', state: 'no_data' },
      { symbol: 'AAA', start: '2024-11-03T04:00Z', end: '2024-11-04T05:00Z', state: 'no_data' },
    ];
    const database = await stored(
      marksAt(
        0,
        days.map((day) => ({ ...day, interval: '1d' })),
      ),
    );
    const chunks = await Array.fromAsync(exportCandles(database, { format: 'csv', empty: true }));
    const lines = Buffer.concat(chunks).toString().trimEnd().split('\n').slice(1);
    assert.deepEqual(
      lines.map((line) => line.split(',')[2]),
      ['2024-11-01T04:00:00Z', '2024-11-02T04:00:00Z', '2024-11-03T04:00:00Z'],
    );
  });
});

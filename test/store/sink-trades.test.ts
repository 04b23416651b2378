// The trades sink against a real PostgreSQL: each record once, whatever is repeated or cut.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Client } from 'pg';
import { Failure } from '../../src/base/failure.ts';
import { prng } from '../../src/base/prng.ts';
import { cancel, cancelTooLate, onTime } from '../../src/contracts/verdict.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import type { Sink, SinkBatch } from '../../src/store/sink.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { barBatch, heartbeatBatch, type SimpleTrade, tradeBatch } from './batches.ts';
import { connected, linesOf, testCluster } from './cluster.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const cluster = testCluster();
const second = 1_000_000;
const noon = Date.UTC(2013, 9, 7, 12) * 1000;

interface Opened {
  readonly database: DatabaseAddress;
  readonly client: Client;
  readonly sink: Sink;
  readonly open: (epoch?: string, partition?: number) => Sink;
}

async function opened(t: TestContext): Promise<Opened> {
  const database = await cluster.migratedDatabase();
  const client = await connected(t, database);
  const open = (epoch = 'epoch', partition = 0): Sink => {
    const sink = openTradesSink({ database, epoch, partition });
    t.after(async () => await sink.close());
    return sink;
  };
  return { database, client, sink: open(), open };
}

/** `count` trades of some symbols from `offset` on, a second apart. */
function trades(offset: number, count: number, symbols = ['AAA', 'BBB']): SimpleTrade[] {
  return Array.from({ length: count }, (_, row) => ({
    symbol: symbols[(offset + row) % symbols.length] as string,
    time: noon + (offset + row) * second,
    id: offset + row,
  }));
}

async function offsetsOf(client: Client): Promise<number[]> {
  const lines = await linesOf(client, 'select log_offset from trades order by log_offset');
  return lines.map(Number);
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, offset) => offset);
}

suite('the trades sink stores', () => {
  test('every field as it came, decimals exact', async (t) => {
    const { client, sink } = await opened(t);
    const price = Number.MAX_SAFE_INTEGER;
    const facts = { source: 'feed', priceScale: 12, sizeScale: 4, sequence: 7 };
    const odd = { symbol: 'AAA', time: noon + 1, price, size: 10_500, id: 2 ** 53 - 1 };
    const none = { symbol: 'AAA', time: noon + 2, price: 1, size: 1, id: Number.NaN };
    await sink.write([tradeBatch(0, [odd, none], facts)], 2);
    const columns =
      'symbol, micros(time), micros(received), price, size, id, venue, conditions, side, source,' +
      ' verdict, sequence, epoch, partition, log_offset';
    const received = [noon + 1 + second, noon + 2 + second];
    const tag = 'V||buy|feed|on time';
    assert.deepEqual(await linesOf(client, `select ${columns} from trades order by time`), [
      `AAA|${noon + 1}|${received[0]}|9007.199254740991|1.05|9007199254740991|${tag}|7|epoch|0|0`,
      `AAA|${noon + 2}|${received[1]}|0.000000000001|0.0001|∅|${tag}|8|epoch|0|1`,
    ]);
  });

  test('ids that are text, and none where there is none', async (t) => {
    const { client, sink } = await opened(t);
    const ids = ['T-1', 'a'.repeat(5_000), 'snow ☃ man', undefined, 'nul \0 and \ud800 half'];
    const named = ids.map((textId, row) => ({
      symbol: 'AAA',
      time: noon + row,
      id: row * 2 ** 40,
      ...(textId === undefined ? {} : { textId }),
    }));
    await sink.write([tradeBatch(0, named)], named.length);
    assert.deepEqual(await linesOf(client, 'select id from trades order by time'), [
      'T-1',
      'a'.repeat(5_000),
      'snow ☃ man',
      '∅',
      'nul \ufffd and \ufffd half',
    ]);
  });

  test('that a trade was cancelled, whether both come in one write or in two', async (t) => {
    const { client, sink } = await opened(t);
    const at = (id: number, verdict = onTime, symbol = 'AAA') => ({
      symbol,
      time: noon + id,
      id,
      verdict,
    });
    const first = [at(1), at(2), at(3), at(3, onTime, 'BBB'), at(1, cancel)];
    await sink.write([tradeBatch(0, first)], 5);
    await sink.write([tradeBatch(5, [at(3, cancel), { ...at(2, cancel), time: noon }])], 7);
    const lines = await linesOf(
      client,
      'select symbol, id, verdict from trades order by log_offset',
    );
    assert.deepEqual(lines, [
      'AAA|1|cancelled',
      'AAA|2|on time',
      'AAA|3|cancelled',
      'BBB|3|on time',
      'AAA|1|cancel',
      'AAA|3|cancel',
      'AAA|2|cancel',
    ]);
  });

  test('a trade as it was beside a cancel that came too late for its candle', async (t) => {
    const { client, sink } = await opened(t);
    const trade = { symbol: 'AAA', time: noon, id: 1 };
    await sink.write([tradeBatch(0, [trade, { ...trade, verdict: cancelTooLate }])], 2);
    assert.deepEqual(await linesOf(client, 'select verdict from trades order by log_offset'), [
      'on time',
      'cancel too late',
    ]);
  });

  test('texts of any length and kind in its tags', async (t) => {
    const { client, sink } = await opened(t);
    const conditions = ['x'.repeat(20_000), 'quote " and \\ and \n', 'nul \0', ''];
    const batch = tradeBatch(
      0,
      conditions.map((text, row) => ({ symbol: 'AAA', time: noon + row, conditions: text })),
    );
    await sink.write([batch], 4);
    const stored = await linesOf(client, 'select conditions from trades order by time');
    assert.deepEqual(
      stored,
      conditions.map((text) => text.replace('\0', '\ufffd')),
    );
  });

  test('years from 1971 to 2199, and the last and first moment of a month', async (t) => {
    const { client, sink } = await opened(t);
    const times = [
      Date.UTC(1971, 0, 1) * 1000,
      Date.UTC(1999, 11, 31, 23, 59, 59) * 1000 + 999_999,
      Date.UTC(2000, 0, 1) * 1000,
      Date.UTC(2013, 9, 7, 13, 30) * 1000,
      Date.UTC(2024, 1, 29) * 1000,
      Date.UTC(2199, 11, 31, 23, 59, 59) * 1000 + 999_999,
    ];
    const batch = tradeBatch(
      0,
      times.toReversed().map((time) => ({ symbol: 'AAA', time })),
    );
    await sink.write([batch], times.length);
    const stored = await linesOf(client, 'select micros(time) from trades order by time');
    assert.deepEqual(stored.map(Number), times);
    const partitions = await linesOf(
      client,
      `select inhrelid::regclass from pg_inherits
       where inhparent = 'trade_rows'::regclass order by 1`,
    );
    for (const month of ['1971_01', '2013_10', '2013_11', '2199_12', '2200_01']) {
      assert(partitions.includes(`trade_rows_${month}`), `${month} in ${partitions.join(' ')}`);
    }
  });

  test('no heartbeat and no bar, but the position past it', async (t) => {
    const { client, sink } = await opened(t);
    await sink.write([heartbeatBatch(0), tradeBatch(1, trades(1, 1)), heartbeatBatch(2)], 3);
    assert.deepEqual(await offsetsOf(client), [1]);
    assert.equal(await sink.position(), 3);
    await sink.write([heartbeatBatch(3), barBatch(4)], 5);
    assert.equal(await sink.position(), 5);
    assert.deepEqual(await offsetsOf(client), [1]);
  });

  test('the hours in which an instrument has trades', async (t) => {
    const { client, sink } = await opened(t);
    const hour = 3_600 * second;
    const times = [noon, noon + hour - 1, noon + hour, noon - 1];
    const trades = times.map((time) => ({ symbol: 'AAA', time }));
    await sink.write([tradeBatch(0, trades)], 4);
    await sink.write([tradeBatch(4, [{ symbol: 'AAA', time: noon + 1 }])], 5);
    assert.deepEqual(
      await linesOf(
        client,
        `select micros(hour), trades, micros(first_time), micros(last_time)
         from trade_hours order by hour`,
      ),
      [
        `${noon - hour}|1|${noon - 1}|${noon - 1}`,
        `${noon}|3|${noon}|${noon + hour - 1}`,
        `${noon + hour}|1|${noon + hour}|${noon + hour}`,
      ],
    );
  });
});

suite('the trades sink stores each record once', () => {
  test('when batches come again, whole or begun before the position', async (t) => {
    const { client, sink } = await opened(t);
    const batches = [0, 10, 20].map((offset) => tradeBatch(offset, trades(offset, 10)));
    await sink.write(batches.slice(0, 2), 20);
    await sink.write(batches, 25);
    assert.equal(await sink.position(), 25);
    await sink.write(batches.slice(1), 30);
    await sink.write(batches, 30);
    assert.deepEqual(await offsetsOf(client), upTo(30));
    const hours = await linesOf(client, 'select sum(trades) from trade_hours');
    assert.deepEqual(hours, ['30']);
  });

  test('whatever the pieces, repeats and interruptions', async (t) => {
    const batches: SinkBatch[] = [];
    let end = 0;
    for (const size of [3, 1, 7, 40, 2, 2, 9, 300, 5]) {
      batches.push(tradeBatch(end, trades(end, size)));
      end += size;
    }
    const { client, open } = await opened(t);
    let runs = 0;
    const step = fc.record({
      from: fc.nat(batches.length - 1),
      length: fc.integer({ min: 1, max: batches.length }),
      cut: fc.boolean(),
      reopen: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        await client.query('truncate trade_rows');
        const epoch = `epoch ${++runs}`;
        let sink = open(epoch);
        for (const { from, length, cut, reopen } of steps) {
          const position = await sink.position();
          const some = batches.slice(from, from + length);
          const last = some.at(-1) as SinkBatch;
          // A reader never leaves out what it has not read: it begins at or before the position.
          if ((some[0]?.offset ?? 0) > position) continue;
          await sink.write(some, last.offset + (cut ? 1 : last.count));
          if (!reopen) continue;
          await sink.close();
          sink = open(epoch);
        }
        await sink.write(batches, end);
        await sink.close();
        assert.deepEqual(await offsetsOf(client), upTo(end));
      }),
      { seed, numRuns: 20 },
    );
  });

  test('when two writers of one log race', async (t) => {
    const { client, open } = await opened(t);
    const batches = Array.from({ length: 20 }, (_, index) =>
      tradeBatch(index * 10, trades(index * 10, 10)),
    );
    const run = async (sink: Sink): Promise<void> => {
      for (let index = 0; index < batches.length; index += 2) {
        await sink.write(batches.slice(0, index + 2), (index + 2) * 10);
      }
    };
    await Promise.all([run(open()), run(open())]);
    assert.deepEqual(await offsetsOf(client), upTo(200));
    assert.deepEqual(await linesOf(client, 'select sum(trades) from trade_hours'), ['200']);
  });

  test('when the connection is killed in the middle of COPY', async (t) => {
    const { client, sink } = await opened(t);
    const count = 100_000;
    const batches = Array.from({ length: count / 1_000 }, (_, index) =>
      tradeBatch(index * 1_000, trades(index * 1_000, 1_000)),
    );
    await sink.write(batches.slice(0, 1), 1_000);
    const writing = sink.write(batches, count);
    const rejected = assert.rejects(writing, (error) => {
      assert(error instanceof Failure);
      assert.equal(error.code, 'database-unavailable');
      assert(error.kind.retryable);
      return true;
    });
    const killed = await killWhenCopying(client);
    assert(killed, 'the COPY was seen at work');
    await rejected;
    const position = await sink.position();
    assert.equal(position, 1_000);
    await sink.write(batches, count);
    assert.deepEqual(await linesOf(client, 'select count(*), sum(trades) from trade_hours'), [
      `56|${count}`,
    ]);
    assert.deepEqual(await offsetsOf(client), upTo(count));
  });

  test('when the writing process is killed at any moment', async (t) => {
    const { database, client } = await opened(t);
    const end = 12_000;
    const random = prng(seed);
    let kills = 0;
    for (;;) {
      assert(kills < 60, 'each run stores more');
      const child = writer(t, database, end);
      const closed = once(child, 'close');
      const killAt = 1 + random.integer(12);
      let lines = 0;
      for await (const _ of createInterface({ input: child.stdout })) {
        if (++lines === killAt) child.kill('SIGKILL');
      }
      const [code] = (await closed) as [number | null];
      if (code === 0) break;
      assert.equal(code, null, 'it ends by itself only when all is stored');
      kills += 1;
    }
    assert(kills > 3, `${kills} kills`);
    assert.deepEqual(await offsetsOf(client), upTo(end));
    assert.deepEqual(await linesOf(client, 'select sum(trades) from trade_hours'), [String(end)]);
  });

  test('when an idle connection was killed before', async (t) => {
    const { client, sink } = await opened(t);
    await sink.write([tradeBatch(0, trades(0, 5))], 5);
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name like 'tapeline stores%' and datname = current_database()`,
    );
    await untilStored(async () => await sink.write([tradeBatch(5, trades(5, 5))], 10));
    assert.deepEqual(await offsetsOf(client), upTo(10));
  });

  test('in each epoch and partition of the log', async (t) => {
    const { client, open } = await opened(t);
    const sinks = [open('one', 0), open('one', 1), open('two', 0)];
    for (const sink of sinks) {
      assert.equal(await sink.position(), 0);
      await sink.write([tradeBatch(0, trades(0, 3))], 3);
      await sink.write([tradeBatch(0, trades(0, 3))], 3);
    }
    assert.deepEqual(
      await linesOf(
        client,
        'select epoch, partition, count(*) from trades group by 1, 2 order by 1, 2',
      ),
      ['one|0|3', 'one|1|3', 'two|0|3'],
    );
  });
});

suite('the trades sink', () => {
  test('makes partitions beside others that make them too', async (t) => {
    const { client, open } = await opened(t);
    const years = Array.from({ length: 12 }, (_, index) => 1990 + index);
    const batch = tradeBatch(
      0,
      years.map((year) => ({ symbol: 'AAA', time: Date.UTC(year, year % 12) * 1000 })),
    );
    const sinks = Array.from({ length: 5 }, (_, index) => open(`epoch ${index}`));
    await Promise.all(sinks.map(async (sink) => await sink.write([batch], years.length)));
    const stored = await linesOf(client, 'select count(*) from trades');
    assert.deepEqual(stored, [String(5 * years.length)]);
  });

  test('keeps readers neither out nor waiting while it makes a partition', async (t) => {
    const { client, sink } = await opened(t);
    await sink.write([tradeBatch(0, trades(0, 1))], 1);
    await client.query('begin');
    assert.deepEqual(await offsetsOf(client), [0]);
    const later = { symbol: 'AAA', time: Date.UTC(2044, 4) * 1000 };
    await sink.write([tradeBatch(1, [later])], 2);
    assert.deepEqual(await offsetsOf(client), [0, 1]);
    await client.query('commit');
  });

  test('says that the database is away, and goes on when it is back', async (t) => {
    const { database, client } = await opened(t);
    const away = { ...database };
    const sink = openTradesSink({ database: away, epoch: 'epoch', partition: 0 });
    t.after(async () => await sink.close());
    const { host } = database;
    Object.assign(away, { host: '/nonexistent' });
    await assert.rejects(sink.position(), { code: 'database-unavailable' });
    Object.assign(away, { host });
    await sink.write([tradeBatch(0, trades(0, 2))], 2);
    assert.deepEqual(await offsetsOf(client), [0, 1]);
  });

  test('moves its position over what the log has lost', async (t) => {
    const { client, sink } = await opened(t);
    await sink.write([], 100);
    assert.equal(await sink.position(), 100);
    await sink.write([tradeBatch(120, trades(120, 1))], 121);
    assert.deepEqual(await offsetsOf(client), [120]);
  });
});

/** A process that stores trades up to `end`, and says a line before and after each write. */
function writer(t: TestContext, database: DatabaseAddress, end: number) {
  const module = (path: string): string => JSON.stringify(import.meta.resolve(path));
  const source = `
    import { openTradesSink } from ${module('../../src/store/sink-trades.ts')};
    import { tradeBatch } from ${module('./batches.ts')};
    const database = ${JSON.stringify(database)};
    const sink = openTradesSink({ database, epoch: 'epoch', partition: 0 });
    for (let from = await sink.position(); from < ${end}; from = await sink.position()) {
      // From a little before the position, as one who read the log in whole batches.
      const offset = Math.max(0, from - 100);
      const trades = Array.from({ length: 700 }, (_, row) => ({
        symbol: 'S' + ((offset + row) % 7),
        time: ${noon} + (offset + row) * ${second},
      }));
      console.log('from', from);
      await sink.write([tradeBatch(offset, trades)], Math.min(${end}, offset + trades.length));
      console.log('stored');
    }
    await sink.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Ends the backend that copies, once it has taken some of the rows. */
async function killWhenCopying(client: Client): Promise<boolean> {
  for (let attempt = 0; attempt < 20_000; attempt++) {
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_progress_copy
       where datname = current_database() and tuples_processed between 1 and 90000`,
    );
    if (rowCount) return true;
  }
  return false;
}

/** A connection's end may be noticed at the next call, which then says so. */
async function untilStored(write: () => Promise<void>): Promise<void> {
  await write().catch(async (error: unknown) => {
    assert(error instanceof Failure && error.kind.retryable, String(error));
    await write();
  });
}

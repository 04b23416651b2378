// The sinks of rare records, instruments, signals and dead letters, against a real PostgreSQL.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import { type DeadLetter, deadLetter } from '../../src/contracts/dead-letter.ts';
import { parseTime } from '../../src/contracts/time.ts';
import type { Instrument, Signal } from '../../src/contracts/wire-objects.ts';
import { openHistory } from '../../src/store/history-postgres.ts';
import { openDeadLettersSink } from '../../src/store/sink-dead-letters.ts';
import { openInstrumentsSink } from '../../src/store/sink-instruments.ts';
import type { SinkOptions } from '../../src/store/sink-postgres.ts';
import { openSignalsSink } from '../../src/store/sink-signals.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { jsonBatch, tradeBatch } from './batches.ts';
import { testCluster } from './cluster.ts';

const cluster = testCluster();
const noon = Date.UTC(2013, 9, 7, 12) * 1000;

async function options(): Promise<SinkOptions> {
  return { database: await cluster.migratedDatabase(), epoch: 'epoch', partition: 0 };
}

const apple: Instrument = {
  symbol: 'AAPL',
  name: 'Apple Inc.',
  exchange: 'XNAS',
  currency: 'USD',
  assetClass: 'equity',
  priceIncrement: '0.01',
  sizeIncrement: '1',
  calendar: 'XNYS',
  source: 'one',
};

suite('instruments', () => {
  test('are known by their symbol until a feed defines them', async (t) => {
    const given = await options();
    const [trades, instruments] = [openTradesSink(given), openInstrumentsSink(given)];
    const history = openHistory(given);
    t.after(async () => await Promise.all([trades.close(), instruments.close(), history.close()]));
    await trades.write([tradeBatch(0, [{ symbol: 'AAPL', time: noon }])], 1);
    assert.deepEqual(await history.instruments(), [
      {
        symbol: 'AAPL',
        name: '',
        exchange: '',
        currency: '',
        assetClass: 'unknown',
        priceIncrement: null,
        sizeIncrement: null,
        calendar: '24/7',
        source: '',
      },
    ]);
    await instruments.write([jsonBatch(0, [apple])], 1);
    assert.deepEqual(await history.instruments(), [apple]);
  });

  test('belong to the source that defined them first', async (t) => {
    const given = await options();
    const sink = openInstrumentsSink(given);
    const history = openHistory(given);
    t.after(async () => await Promise.all([sink.close(), history.close()]));
    const other = { ...apple, name: 'Another', source: 'two' };
    const refined = { ...apple, name: 'Apple', priceIncrement: '0.000000000001' };
    await sink.write([jsonBatch(0, [apple, other])], 2);
    await sink.write([jsonBatch(0, [apple, other]), jsonBatch(2, [refined, other])], 4);
    assert.deepEqual(await history.instruments(), [refined]);
    assert.equal(await sink.position(), 4);
  });
});

suite('signals', () => {
  const spike: Signal = {
    id: 'b'.repeat(32),
    kind: 'price-spike',
    symbol: 'AAPL',
    time: '2013-10-07T12:00:05Z',
    start: '2013-10-07T12:00:00Z',
    severity: 'medium',
    state: 'raised',
    revision: 0,
    text: 'AAPL rose 6 % within a minute, to 106',
    values: { direction: 'up', from: '100', to: '106', percent: '6' },
  };
  const later: Signal = { ...spike, id: 'a'.repeat(32), symbol: 'BAC', severity: 'low' };

  test('are kept in their newest version and found by symbol and severity', async (t) => {
    const given = await options();
    const sink = openSignalsSink(given);
    const history = openHistory(given);
    t.after(async () => await Promise.all([sink.close(), history.close()]));
    const changed: Signal = { ...spike, revision: 1, severity: 'high', text: 'more' };
    const last: Signal = { ...later, time: '2013-10-07T12:00:06.000001Z' };
    await sink.write([jsonBatch(0, [spike, changed])], 2);
    await sink.write([jsonBatch(0, [spike, changed]), jsonBatch(2, [last])], 3);
    assert.deepEqual(await history.signals({ limit: 10 }), [last, changed]);
    assert.deepEqual(await history.signals({ limit: 1 }), [last]);
    assert.deepEqual(await history.signals({ limit: 10, symbol: 'AAPL' }), [changed]);
    assert.deepEqual(await history.signals({ limit: 10, severity: 'low' }), [last]);
    assert.deepEqual(await history.signals({ limit: 10, symbol: 'BAC', severity: 'high' }), []);
    const [lastAt, changedAt] = [last, changed].map(({ time }) => micros(parseTime(time) ?? 0));
    assert.deepEqual(await history.signals({ limit: 10, from: lastAt }), [last]);
    assert.deepEqual(await history.signals({ limit: 10, to: lastAt }), [changed]);
    const before = { time: lastAt, id: last.id };
    assert.deepEqual(await history.signals({ limit: 10, before }), [changed]);
    const sameTime = { time: changedAt, id: '' };
    assert.deepEqual(await history.signals({ limit: 10, before: sameTime }), [changed]);
  });
});

suite('dead letters', () => {
  test('keep every field and every byte, once', async (t) => {
    const given = await options();
    const sink = openDeadLettersSink(given);
    const history = openHistory(given);
    t.after(async () => await Promise.all([sink.close(), history.close()]));
    const facts = { source: 'feed', where: 'frames.json:7', reason: 'bad-price', detail: 'nan' };
    const letters: DeadLetter[] = [
      deadLetter({ ...facts, receiveTime: noon }, Buffer.from([0, 1, 255, 0xd8, 0])),
      deadLetter({ ...facts, receiveTime: noon + 1 }, 'x'.repeat(100_000)),
      deadLetter({ ...facts, receiveTime: noon + 2 }, ''),
    ];
    await sink.write([jsonBatch(0, letters)], 3);
    await sink.write([jsonBatch(0, letters)], 3);
    assert.deepEqual(await history.deadLetters(10), letters.toReversed());
    assert.deepEqual(await history.deadLetters(1), letters.slice(-1));
    assert.equal((await history.holdings()).deadLetterCount, 3);
  });

  test('of a file are kept once, however often it is replayed', async (t) => {
    const given = await options();
    const sink = openDeadLettersSink(given);
    const history = openHistory(given);
    t.after(async () => await Promise.all([sink.close(), history.close()]));
    const letter = (id: string | null, receiveTime: number) => {
      const facts = { source: 'replay', where: 'a.csv:2', reason: 'bad-price', detail: '-1' };
      return deadLetter({ ...facts, receiveTime }, 'raw', id);
    };
    const [first, second, live] = [
      letter('1', noon),
      letter('2', noon + 1),
      letter(null, noon - 1),
    ];
    await sink.write([jsonBatch(0, [first, letter('1', noon + 5), live])], 3);
    await sink.write([jsonBatch(3, [letter('1', noon + 9), second, live])], 6);
    assert.deepEqual(await history.deadLetters(10), [second, first, live, live]);
  });

  test('are kept although their text cannot be stored as it is', async (t) => {
    const given = await options();
    const sink = openDeadLettersSink(given);
    const history = openHistory(given);
    t.after(async () => await Promise.all([sink.close(), history.close()]));
    const facts = { source: 'feed', where: 'nul \0', reason: 'bad-text', detail: 'half \udc00' };
    await sink.write([jsonBatch(0, [deadLetter({ ...facts, receiveTime: noon }, 'raw')])], 1);
    const [letter] = await history.deadLetters(1);
    assert.equal(letter?.where, 'nul \ufffd');
    assert.equal(letter?.detail, 'half \ufffd');
  });
});

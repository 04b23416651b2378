// Trades as rows, from the real log: what SQL needs is in them, a cancel takes its trade back, and
// a publisher that dies sends again what may not have arrived, and nothing else.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { Check } from 'typebox/value';
import { ManualClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { noId } from '../../src/contracts/identity.ts';
import { type TradeRow, tradeRowSchema } from '../../src/contracts/trade-row.ts';
import { cancel, onTime } from '../../src/contracts/verdict.ts';
import { Observations } from '../../src/feeds/feed.ts';
import type { Log } from '../../src/log/log.ts';
import type { Row, Rows } from '../../src/log/rows.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import { publishTrades } from '../../src/pipeline/publish.ts';
import { equity, ingestInto, never, observed, start, withLog } from './rig.ts';

/** Keeps what is sent; fails as often as it is told to. */
class KeptRows implements Rows {
  readonly sent: Row[] = [];
  failures = 0;

  async send(_: string, rows: readonly Row[]): Promise<void> {
    if (this.failures-- > 0) throw new Failure('log-unavailable', 'No broker.', 'Start it.');
    this.sent.push(...rows);
  }

  async close(): Promise<void> {}

  /** As a compacted topic keeps them. */
  get held(): Record<string, NonNullable<Row['value']>> {
    const newest = new Map(this.sent.map(({ key, value }) => [key, value]));
    return Object.fromEntries(
      [...newest].flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
    );
  }
}

/** Returns what was counted. */
async function publish(log: Log, rows: Rows, clock = new ManualClock(start), keepTrying = false) {
  const logger = { warn: () => undefined };
  const to = { rows, topic: 'market.trades', keepTrying, signal: never, logger };
  const meters = pipelineMeters(new Registry());
  const follower = publishTrades(log, to, clock, meters);
  await follower.recover();
  while (await follower.step({ lingerMs: 0, keepTrying }, never));
  return meters;
}

suite('published trades', () => {
  test('say exactly what they were, and what they may move', async () => {
    await withLog(async (open) => {
      const log = await open();
      const seen = new Observations('somewhere', 'somewhere');
      seen.trades.tape = 'sip-ab';
      // By the tape's rules as Alpaca publishes them an odd lot counts to the volume only, and what
      // was sold out of sequence may move high and low of a day.
      for (const [row, conditions] of ['@', 'I', 'Z'].entries()) {
        const instrument = seen.trades.instrumentOf('BAC', 4, 3);
        const tag = seen.trades.tagOf('N', conditions, '');
        seen.trades.push(instrument, tag, start + row, start, 139_450, 1_500, row + 1);
      }
      seen.instruments.push(equity('BAC'));
      await ingestInto(log).take(seen, false, never);
      const rows = new KeptRows();
      await publish(log, rows);
      const values = rows.sent.map(({ value }) => value as TradeRow);
      assert.deepEqual(
        values.map(({ moves, dayMoves }) => [moves, dayMoves]),
        [
          ['YYY', 'YYY'],
          ['NNY', 'NNY'],
          ['NNY', 'NYY'],
        ],
      );
      const { symbol, time, price, size, notional, eventTime, order } = values[0];
      assert.deepEqual(
        [symbol, time, price, size, notional, eventTime, order],
        ['BAC', '2024-05-06T14:30:00Z', '13.945', '1.5', '20.9175', start, 1],
      );
      // New York opens at 13:30 UTC in summer.
      const { session, sizeDigits } = values[0];
      assert.deepEqual([session, sizeDigits], [start - 3_600e6, 3]);
      assert.ok(
        values.every((value) => Check(tradeRowSchema, value)),
        'as the contract says',
      );
    });
  });

  test('are gone once they are cancelled, whichever came first', async () => {
    const trade = { symbol: 'AAA', seconds: 1, price: 100, id: 1 };
    const other = { ...trade, id: 2 };
    const cancels = { ...trade, price: 0, verdict: cancel };
    for (const order of [
      [trade, other, cancels],
      [cancels, trade, other],
    ]) {
      await withLog(async (open) => {
        const log = await open();
        const ingest = ingestInto(log);
        for (const one of order) await ingest.take(observed([one]), false, never);
        const rows = new KeptRows();
        await publish(log, rows);
        assert.deepEqual(
          Object.values(rows.held).map(({ order }) => order),
          [2],
        );
      });
    }
  });

  test('without an id are each a row of their own', async () => {
    await withLog(async (open) => {
      const log = await open();
      const trade = { symbol: 'AAA', seconds: 1, price: 100, id: noId, verdict: onTime };
      await ingestInto(log).take(observed([trade, trade]), false, never);
      const rows = new KeptRows();
      await publish(log, rows);
      assert.equal(Object.keys(rows.held).length, 2);
    });
  });

  test('that SQL would round are counted, and nothing is written to the log', async () => {
    await withLog(async (open) => {
      const log = await open();
      const seen = new Observations('somewhere', 'somewhere');
      const tag = seen.trades.tagOf('', '', '');
      // 0.000000000011 x 0.000000000011 has 24 digits, 1.1 x 1.1 two.
      const tiny = seen.trades.instrumentOf('TINY', 12, 12);
      seen.trades.push(tiny, tag, start, start, 11, 11, 1);
      const plain = seen.trades.instrumentOf('PLAIN', 1, 1);
      seen.trades.push(plain, tag, start, start, 11, 11, 2);
      await ingestInto(log).take(seen, false, never);
      const rows = new KeptRows();
      const { unpublished } = await publish(log, rows);
      const notionals = Object.values(rows.held).map(({ notional }) => notional);
      assert.deepEqual(notionals, ['1.21']);
      const labels = { source: 'somewhere', reason: 'too-wide' };
      assert.deepEqual((await unpublished.get()).values, [{ value: 1, labels }]);
      assert.deepEqual(log.range('dead-letter'), { start: 0, end: 0 });
    });
  });

  test('are not sent again after a start anew', async () => {
    await withLog(async (open) => {
      const log = await open();
      const trade = { symbol: 'AAA', seconds: 1, price: 100, id: 1 };
      await ingestInto(log).take(observed([trade]), false, never);
      const rows = new KeptRows();
      await publish(log, rows);
      await publish(await open(), rows);
      assert.equal(rows.sent.length, 1);
    });
  });

  test('wait for a broker that is away', async () => {
    await withLog(async (open) => {
      const log = await open();
      const trade = { symbol: 'AAA', seconds: 1, price: 100, id: 1 };
      await ingestInto(log).take(observed([trade]), false, never);
      const rows = new KeptRows();
      rows.failures = 3;
      const clock = new ManualClock(start);
      const published = publish(log, rows, clock, true);
      for (let turns = 0; rows.sent.length === 0; turns++) {
        assert.ok(turns < 100_000, 'what was refused is sent again');
        await new Promise(setImmediate);
        if (clock.sleeping > 0) await clock.advance(5_000);
      }
      await published;
      assert.equal(rows.sent.length, 1);
      rows.failures = 1;
      await ingestInto(log).take(observed([{ ...trade, id: 2 }]), false, never);
      await assert.rejects(publish(log, rows), { code: 'log-unavailable' });
    });
  });
});

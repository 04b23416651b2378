// What ingest takes in and what it refuses, on the real log.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { noId } from '../../src/contracts/identity.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import { admitQuote, admitTrade } from '../../src/feeds/admit.ts';
import { Observations } from '../../src/feeds/feed.ts';
import type { Log } from '../../src/log/log.ts';
import { knownTrades } from '../../src/pipeline/ingest.ts';
import {
  batchesOf,
  ingestInto,
  never,
  observed,
  reasonsOf,
  start,
  tradesOf,
  withLog,
} from './rig.ts';

/** Trades of AAA, a second apart, as a source would write them. */
function written(...rows: readonly (readonly [price: string, size: string])[]): Observations {
  const seen = new Observations('test', 'somewhere');
  for (const [index, [price, size]] of rows.entries()) {
    const eventTime = (start + index * microsPerSecond) as never;
    const fields = { symbol: 'AAA', eventTime, receiveTime: eventTime, id: noId, price, size };
    assert.equal(admitTrade(seen, { ...fields, venue: '', conditions: '', side: '' }), null);
  }
  return seen;
}

async function pricesOf(log: Log): Promise<string[]> {
  return (await tradesOf(log)).map(({ price }) => price);
}

suite('absurd amounts', () => {
  test('a price a million times the one before is refused, and the next is taken', async () => {
    await withLog(async (open) => {
      const ingest = ingestInto(await open());
      await ingest.take(written(['105433.65', '1']), false, never);
      await ingest.take(written(['9000000000000000', '1'], ['105434', '1']), false, never);
      // A restart knows it too.
      const log = await open();
      await ingestInto(log).take(written(['0.000000000001', '1']), false, never);
      await ingestInto(log).take(written(['105433.6789', '1']), false, never);
      assert.deepEqual(await pricesOf(log), ['105433.65', '105434', '105433.6789']);
      assert.deepEqual(await reasonsOf(log), ['price-too-far', 'price-too-far']);
    });
  });

  test('the first row of a symbol may be the absurd one', async () => {
    await withLog(async (open) => {
      const log = await open();
      const rows = written(['0.000001', '1'], ['105433.6', '1'], ['105433.7', '1']);
      await ingestInto(log).take(rows, false, never);
      await ingestInto(log).take(written(['105433.6789', '1']), false, never);
      assert.deepEqual(await pricesOf(log), ['105433.6', '105433.7', '105433.6789']);
      assert.deepEqual(await reasonsOf(log), ['price-too-far']);
    });
  });

  test('a hundred far prices in a row that agree are refused, and then believed', async () => {
    await withLog(async (open) => {
      const ingest = ingestInto(await open());
      await ingest.take(written(['5000000000', '1']), false, never);
      for (let n = 0; n < 102; n++) await ingest.take(written(['12.5', '1']), false, never);
      const log = await open();
      assert.deepEqual(await pricesOf(log), ['5000000000', '12.5', '12.5']);
      assert.equal((await reasonsOf(log)).length, 100);
    });
  });

  test('of a batch only the rows are refused that have too many digits', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      await ingest.take(written(['10', '0.00000001']), false, never);
      // 10^15 does not fit beside eight decimals; 7 and 2 do, before it and behind it.
      const rows = written(['11', '7'], ['12', '1000000000000000'], ['13', '2']);
      await ingest.take(rows, false, never);
      await ingest.take(written(['14', '0.00000002']), false, never);
      assert.deepEqual(await pricesOf(log), ['10', '11', '13', '14']);
      assert.deepEqual(await reasonsOf(log), ['too-many-digits']);
    });
  });

  test('a refused row leaves the others of its batch in the scale that they need', async () => {
    await withLog(async (open) => {
      const log = await open();
      await ingestInto(log).take(written(['10', '900000000000000']), false, never);
      const rows = written(['11', '3'], ['12', '0.0000000001'], ['13', '2.5']);
      await ingestInto(log).take(rows, false, never);
      assert.deepEqual(
        (await tradesOf(log)).map(({ size }) => size),
        ['900000000000000', '3', '2.5'],
      );
      // Had the refused scale been kept, the engine could not hold the first size in it.
      const scales = (await batchesOf(log, 'market.trades')).map(
        ({ bytes }) => decodeTrades(bytes).instruments[0]?.sizeScale,
      );
      assert.deepEqual(scales, [0, 1]);
    });
  });

  test('the stub quotes of a market maker are no absurd prices', async () => {
    await withLog(async (open) => {
      const log = await open();
      const seen = new Observations('test', 'somewhere');
      const time = start as never;
      for (const [bid, ask] of [
        ['612345.01', '612399.99'],
        ['0.01', '1999999.99'],
        ['612345.02', '612399.98'],
      ] as const) {
        const sizes = { bidSize: '1', askSize: '1', id: noId };
        const times = { eventTime: time, receiveTime: time };
        assert.equal(admitQuote(seen, { symbol: 'BRK.A', bid, ask, ...sizes, ...times }), null);
      }
      await ingestInto(log).take(seen, false, never);
      assert.equal(log.range('market.quotes', 0).end, 3);
      assert.deepEqual(await reasonsOf(log), []);
    });
  });
});

suite('times in the future', () => {
  test('are refused in a replay too, where a row was received when it happened', async () => {
    await withLog(async (open) => {
      const log = await open();
      const clock = new ManualClock(start);
      const hour = 3_600;
      const rows = [-24 * hour, hour, hour + 1, 0].map((seconds, id) => ({
        symbol: 'AAA',
        seconds,
        price: 100,
        id,
      }));
      const seen = observed(rows);
      seen.trades.receiveTime.set(seen.trades.eventTime);
      await ingestInto(log, clock).take(seen, false, never);
      assert.deepEqual(
        (await tradesOf(log)).map(({ id }) => id),
        ['0', '1', '3'],
      );
      assert.deepEqual(await reasonsOf(log), ['time-in-future']);
    });
  });
});

suite('a commit that fails for good', () => {
  test('leaves nothing remembered: what it held is taken in when it comes again', async () => {
    await withLog(async (open) => {
      const log = await open();
      let full = true;
      // A full disk cannot be had here, so its refusal is put in front of the real log.
      const refusing = new Proxy(log, {
        get(of, name) {
          if (name === 'commit' && full) {
            return async () => {
              throw new Failure('disk-full', 'The disk is full.', 'Make room.');
            };
          }
          const value = Reflect.get(of, name, of);
          return typeof value === 'function' ? value.bind(of) : value;
        },
      });
      const ingest = ingestInto(refusing);
      const trades = [{ symbol: 'AAA', seconds: 9, price: 100, id: 7 }];
      const instrument = {
        symbol: 'AAA',
        name: 'Triple A',
        exchange: '',
        currency: 'USD',
        assetClass: 'equity',
        priceIncrement: null,
        sizeIncrement: null,
        calendar: 'XNYS',
        source: 'test',
      } as const;
      const again = (): Observations => {
        const seen = observed(trades);
        seen.instruments.push(instrument);
        return seen;
      };
      await assert.rejects(ingest.take(again(), false, never), { code: 'disk-full' });
      full = false;
      // An older one comes first: the clock that the failed commit moved must not make it late.
      const older = [{ symbol: 'AAA', seconds: 1, price: 100, id: 6 }];
      await ingest.take(observed(older), false, never);
      await ingest.take(again(), false, never);
      assert.deepEqual(
        (await tradesOf(log)).map(({ id, verdict }) => [id, verdict]),
        [
          ['6', 'on time'],
          ['7', 'on time'],
        ],
      );
      assert.equal(log.range('instruments', 0).end, 1);
    });
  });
});

suite('what a live feed is told of an earlier run', () => {
  test('is the newest trade of each symbol in its own numbering', async () => {
    await withLog(async (open) => {
      const before = ingestInto(await open());
      const trade = (symbol: string, seconds: number, id: number) => ({
        symbol,
        seconds,
        price: 100,
        id,
      });
      const live = [trade('AAA', 1, 10), trade('BBB', 2, 5), trade('AAA', 3, 12)];
      await before.take(observed(live, 'coinbase'), false, never);
      await before.take(observed([trade('AAA', 0, 11)], 'coinbase'), false, never);
      await before.take(observed([trade('AAA', 9, 999)], 'kraken'), false, never);
      await before.take(observed([trade('CCC', 9, 3)], 'file:0123'), false, never);
      const known = await knownTrades(await open(), 'coinbase');
      assert.deepEqual(
        [...known],
        [
          ['AAA', { id: 12, eventTime: start + 3 * microsPerSecond }],
          ['BBB', { id: 5, eventTime: start + 2 * microsPerSecond }],
        ],
      );
    });
  });
});

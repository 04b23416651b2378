// What ingest takes in and what it refuses, on the real log.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { ManualClock, microsPerSecond } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { barTime } from '../../src/contracts/bar.ts';
import { noId } from '../../src/contracts/identity.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import {
  cancel,
  cancelled,
  cancelTooLate,
  correction,
  late,
  onTime,
  tooLate,
} from '../../src/contracts/verdict.ts';
import { admitQuote, admitTrade } from '../../src/feeds/admit.ts';
import { Observations } from '../../src/feeds/feed.ts';
import type { Log } from '../../src/log/log.ts';
import { knownTrades } from '../../src/pipeline/ingest.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import {
  atOnce,
  batchesOf,
  candlesOf,
  deriveFrom,
  ingestInto,
  never,
  observed,
  reasonsOf,
  type SimpleTrade,
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
    assert.equal(admitTrade(seen.trades, { ...fields, venue: '', conditions: '', side: '' }), null);
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
      await ingest.take(written(['9000000000000000', '1'], ['105433.66', '1']), false, never);
      // A restart knows it too.
      const log = await open();
      await ingestInto(log).take(written(['0.000000000001', '1']), false, never);
      await ingestInto(log).take(written(['105433.6789', '1']), false, never);
      assert.deepEqual(await pricesOf(log), ['105433.65', '105433.66', '105433.6789']);
      assert.deepEqual(await reasonsOf(log), ['price-too-far', 'price-too-far']);
    });
  });

  test('the first row of a symbol may be the absurd one', async () => {
    await withLog(async (open) => {
      const log = await open();
      const rows = written(['9000000000000000', '1'], ['105433.6', '1'], ['105433.75', '1']);
      await ingestInto(log).take(rows, false, never);
      const [batch] = await batchesOf(log, 'market.trades');
      const { instruments, instrument } = decodeTrades(batch?.bytes as Uint8Array);
      assert.deepEqual([...instrument], [0, 0]);
      assert.deepEqual(
        instruments.map(({ priceScale, sequence }) => [priceScale, sequence]),
        [
          [2, 0],
          [2, 2],
        ],
      );
      await ingestInto(log).take(written(['105433.6789', '1']), false, never);
      assert.deepEqual(await pricesOf(log), ['105433.6', '105433.75', '105433.6789']);
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
      // 10^15 does not fit beside eight decimals; 7 and 2.5 do, before it and behind it.
      const rows = written(['11', '7'], ['12', '1000000000000000'], ['13', '2.5']);
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
      assert.equal(log.range('market.quotes').end, 3);
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

  test('use up no id: the trade may come with its true time, and is not cancelled', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      const wrong = { symbol: 'AAA', seconds: 10_000_000, price: 100, id: 1 };
      await ingest.take(observed([wrong, { ...wrong, verdict: cancel }]), false, never);
      await ingest.take(observed([{ ...wrong, seconds: 1 }]), false, never);
      assert.deepEqual(
        (await tradesOf(log)).map(({ id, verdict }) => `${id} ${verdict}`),
        ['1 on time'],
      );
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
      assert.equal(log.range('instruments').end, 1);
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

  test('goes no further than a hole in the numbering, until it is filled or given up', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ids = (...batch: readonly number[]): Observations =>
        observed(
          batch.map((id) => ({ symbol: 'AAA', seconds: id, price: 100, id })),
          'coinbase',
        );
      const knownId = async () => (await knownTrades(log, 'coinbase')).get('AAA')?.id;
      let ingest = ingestInto(log);
      const take = async (seen: Observations) => await ingest.take(seen, false, never);
      await take(ids(10, 11));
      await take(ids(14, 15));
      assert.equal(await knownId(), 11, '12 and 13 are missing');
      // The process is killed while they are fetched.
      ingest = ingestInto(log);
      await take(ids(12));
      assert.equal(await knownId(), 12);
      await take(ids(13));
      assert.equal(await knownId(), 13);
      await take(ids(16, 18));
      assert.equal(await knownId(), 13, '17 is missing, and of those before none is the newest');
      const given = ids(19);
      given.givenUp.push({ symbol: 'AAA', from: 17, to: 17, after: null });
      await take(given);
      assert.equal(await knownId(), 17);
      await take(ids(20));
      assert.equal(await knownId(), 20);
    });
  });
});

suite('corrections and cancels', () => {
  const trade = (id: number, seconds: number, verdict = onTime): SimpleTrade => ({
    symbol: 'AAA',
    seconds,
    price: verdict === cancel ? 0 : 100 + id,
    id,
    verdict,
  });
  const verdictsOf = async (log: Log) =>
    (await tradesOf(log)).map(({ id, verdict }) => `${id} ${verdict}`);

  test('are taken in once, before their trade, beside it and after it', async () => {
    await withLog(async (open) => {
      const first = [trade(1, 1), trade(2, 2), trade(2, 2, cancel), trade(9, 9, cancel)];
      await ingestInto(await open()).take(observed(first), false, never);
      const second = [trade(9, 9), trade(1, 1, cancel), trade(2, 2, cancel), trade(9, 9, cancel)];
      await ingestInto(await open()).take(observed(second), false, never);
      const log = await open();
      await ingestInto(log).take(observed([trade(1, 1), trade(1, 1, cancel)]), false, never);
      assert.deepEqual(await verdictsOf(log), [
        '1 on time',
        '2 cancelled',
        '2 cancel',
        '9 cancel',
        '9 cancelled',
        '1 cancel',
      ]);
    });
  });

  test('are looked for in one pass over the rows, whatever the number of instruments', async () => {
    await withLog(async (open) => {
      const ingest = ingestInto(await open());
      const looksOver = async (rows: readonly SimpleTrade[]): Promise<number> => {
        const seen = observed(rows);
        const { instrument } = seen.trades;
        let looks = 0;
        Object.defineProperty(seen.trades, 'instrument', { get: () => (looks++, instrument) });
        await ingest.take(seen, false, never);
        return looks;
      };
      const rowsOf = (symbols: number, from: number) =>
        Array.from({ length: 200 }, (_, row) => {
          return { ...trade(from + row, from + row), symbol: `S${row % symbols}` };
        });
      const cancels = rowsOf(100, 0).map((row) => ({ ...row, price: 0, verdict: cancel }));
      await ingest.take(observed(cancels), false, never);
      assert.equal(await looksOver(rowsOf(100, 1_000)), await looksOver(rowsOf(2, 2_000)));
    });
  });

  test('beyond the horizon are flagged, as are late trades, and change nothing', async () => {
    await withLog(async (open) => {
      const log = await open();
      const clock = new ManualClock(start);
      const ingest = ingestInto(log, clock, 60 * microsPerSecond);
      const derive = deriveFrom(log, clock);
      await derive.recover();
      const take = async (...trades: readonly SimpleTrade[]) => {
        await ingest.take(observed(trades), false, never);
        await derive.step(atOnce, never);
      };
      await take(trade(1, 0), trade(2, 30), trade(3, 90));
      const before = (await candlesOf(log)).filter(({ state }) => state !== 'open');
      await take(trade(1, 0, cancel), trade(4, 29), trade(5, 29, correction));
      const revised = (await candlesOf(log)).filter(({ state }) => state !== 'open');
      assert.deepEqual(revised, before);
      await take(trade(2, 30, cancel), trade(6, 30), trade(7, 30, correction));
      assert.deepEqual((await verdictsOf(log)).slice(3), [
        '1 cancel too late',
        '4 too late',
        '5 too late',
        '2 cancel',
        '6 late',
        '7 correction',
      ]);
      const [second] = (await candlesOf(log)).filter(
        ({ interval, revision }) => interval === '1s' && revision === 1,
      );
      assert.deepEqual(
        [second?.start, second?.low, second?.high, second?.trades],
        ['2024-05-06T14:30:30Z', '1.06', '1.07', 2],
      );
    });
  });

  test('quotes and bars beyond the horizon change no candle either', async () => {
    await withLog(async (open) => {
      const log = await open();
      const clock = new ManualClock(start);
      const ingest = ingestInto(log, clock, 60 * microsPerSecond);
      const derives = (['market.trades', 'market.quotes'] as const).map((topic) =>
        deriveFrom(log, clock, topic),
      );
      for (const derive of derives) await derive.recover();
      const take = async (seconds: number, price: number) => {
        const seen = observed([]);
        const time = start + seconds * microsPerSecond;
        const quote = seen.quotes.instrumentOf('AAA', 2, 0);
        seen.quotes.push(quote, time, time, price, 1, price + 1, 1, price);
        const bar = seen.bars.instrumentOf('AAA', 2, 0);
        const prices = [price, price, price, price] as const;
        seen.bars.push(bar, barTime(time, '1m'), time + 1e9, prices, 1, price);
        await ingest.take(seen, false, never);
        // A checkpoint each.
        await clock.advance(1_000);
        for (const derive of derives) await derive.step(atOnce, never);
      };
      await take(0, 100);
      await take(600, 200);
      const before = await candlesOf(log);
      await take(0, 300);
      assert.deepEqual(await candlesOf(log), before);
      assert.equal(log.range('market.quotes').end, 3);
    });
  });

  test('what an export says was too late, or cancelled, is so again, in any order', async () => {
    const rows = [
      trade(1, 0),
      trade(1, 0, cancelTooLate),
      trade(2, 1, tooLate),
      trade(3, 2, cancelled),
      trade(3, 2, cancel),
      trade(4, 3),
    ];
    const counted = async (horizon: number, ...batches: readonly (readonly SimpleTrade[])[]) =>
      await withLog(async (open) => {
        // A cancel is known by its id, however late it was.
        const again = [trade(1, 0, cancel), trade(3, 2, cancel)];
        for (const batch of [...batches, rows, again]) {
          // Each comes after a restart.
          const ingest = ingestInto(await open(), new ManualClock(start), horizon);
          await ingest.take(observed(batch), false, never);
        }
        return (await verdictsOf(await open())).toSorted();
      });
    const expected = [
      '1 cancel too late',
      '1 on time',
      '2 too late',
      '3 cancel',
      '3 cancelled',
      '4 on time',
    ];
    assert.deepEqual(await counted(Infinity), expected);
    const backwards = rows.map((row) => [row]).toReversed();
    assert.deepEqual(
      await counted(Infinity, ...backwards),
      expected.map((verdict) => verdict.replace('1 on time', '1 late')).toSorted(),
    );
    // Where a horizon is set, more is too late, and a cancel is not a trade for that.
    assert.deepEqual(await counted(microsPerSecond, [trade(9, 9)]), [
      '1 cancel too late',
      '1 too late',
      '2 too late',
      '3 cancel too late',
      '3 cancelled',
      '4 too late',
      '9 on time',
    ]);
  });

  test('a horizon is not held against what fills the gap of a long outage', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log, undefined, 60 * microsPerSecond);
      const derive = deriveFrom(log, new ManualClock(start));
      await derive.recover();
      const gap = [trade(2, 1, late), trade(3, 500, late)];
      await ingest.take(observed([trade(1, 0), trade(5, 600), ...gap]), false, never);
      await ingest.take(observed([trade(4, 600, late)]), false, never);
      await derive.step(atOnce, never);
      assert.deepEqual(await verdictsOf(log), [
        '1 on time',
        '5 on time',
        '2 late',
        '3 late',
        '4 on time',
      ]);
      const seconds = (await candlesOf(log)).filter(
        ({ interval, state }) => interval === '1s' && state !== 'open',
      );
      assert.deepEqual(seconds.map(({ close }) => close).toSorted(), ['1.01', '1.02', '1.03']);
    });
  });

  test('trades of a second are cancelled one by one, restarts between', async () => {
    await withLog(async (open) => {
      const batches = [
        [trade(1, 1), trade(2, 1), trade(3, 1)],
        [trade(4, 1_500)],
        [trade(3, 1, cancel)],
        [trade(5, 3_000)],
        [trade(1, 1, cancel)],
      ];
      for (const batch of batches) {
        const log = await open();
        await ingestInto(log).take(observed(batch), false, never);
        // Once ended it leaves a checkpoint.
        await deriveFrom(log, new ManualClock(start)).run(atOnce, AbortSignal.abort());
      }
      const seconds = (await candlesOf(await open())).filter(
        ({ interval, start, state }) =>
          interval === '1s' && start === '2024-05-06T14:30:01Z' && state !== 'open',
      );
      assert.deepEqual(
        seconds.map(({ low, high, trades }) => [low, high, trades]),
        [
          ['1.01', '1.03', 3],
          ['1.01', '1.02', 2],
          ['1.02', '1.02', 1],
        ],
      );
    });
  });

  test('a cancel whose trades have left the log changes nothing, and that is counted', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      const meters = pipelineMeters(new Registry());
      const derive = deriveFrom(log, new ManualClock(start), 'market.trades', 1, meters);
      await derive.recover();
      await ingest.take(observed([trade(1, 1), trade(2, 2)]), false, never);
      await derive.step(atOnce, never);
      await ingest.take(observed([trade(3, 100)]), false, never);
      await derive.step(atOnce, never);
      const closed = async () => (await candlesOf(log)).filter(({ state }) => state !== 'open');
      const before = await closed();
      await log.trim({ bytesMax: 0, keepFrom: (topic) => (topic === 'market.trades' ? 2 : 0) });
      assert.equal(log.range('market.trades').start, 2);
      await ingest.take(observed([trade(1, 1, cancel)]), false, never);
      await derive.step(atOnce, never);
      assert.deepEqual(await closed(), before);
      const { values } = await meters.notRefolded.get();
      assert.equal(values[0]?.value, 1);
    });
  });

  test('a cancel beside bars changes what holds trades alone; the others are counted', async () => {
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      const meters = pipelineMeters(new Registry());
      const derive = deriveFrom(log, new ManualClock(start), 'market.trades', 1, meters);
      await derive.recover();
      const seen = observed([trade(1, 1), trade(2, 2), trade(3, 400)]);
      const instrument = seen.bars.instrumentOf('AAA', 2, 0);
      const bar = barTime(start + 60 * microsPerSecond, '1m');
      seen.bars.push(instrument, bar, start + 1e9, [1, 1, 1, 1], 1, 9);
      await ingest.take(seen, false, never);
      while (await derive.step(atOnce, never));
      await ingest.take(observed([trade(1, 1, cancel)]), false, never);
      await derive.step(atOnce, never);
      const revised = (await candlesOf(log)).filter(({ revision }) => revision > 0);
      assert.deepEqual(
        revised.filter(({ trades }) => trades < 2).map(({ interval }) => interval),
        ['1s', '1m'],
      );
      // Five and fifteen minutes, one and four hours, and the day.
      const { values } = await meters.notRefolded.get();
      assert.equal(values[0]?.value, 5);
    });
  });
});

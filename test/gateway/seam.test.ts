import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { intervalLength } from '../../src/contracts/interval.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { MemoryLog } from './memory-log.ts';
import { type Rig, rig } from './rig.ts';
import { seeded } from './seed.ts';
import { monday, second, type TapeTrade } from './tape.ts';

/** Rings so small that most of what a test writes has left them. */
const tiny = { recentTradesMax: 32, recentTradesTotalMax: 0, recentCandlesMax: 4 };

async function allTrades(rig: Rig, query: string): Promise<{ sequence: number; time: string }[]> {
  const found: { sequence: number; time: string }[] = [];
  let cursor = '';
  for (;;) {
    const { status, body } = await rig.get(`/api/v1/trades/AAPL?${query}${cursor}`);
    assert.equal(status, 200, JSON.stringify(body));
    found.push(...body.trades);
    if (body.next === null) return found;
    cursor = `&cursor=${body.next}`;
  }
}

async function allSequences(rig: Rig, limit: number): Promise<number[]> {
  return (await allTrades(rig, `limit=${limit}`)).map(({ sequence }) => sequence);
}

function newestFirst(times: readonly number[]): number[] {
  return times
    .map((time, sequence) => ({ time, sequence }))
    .sort((a, b) => b.time - a.time || b.sequence - a.sequence)
    .map(({ sequence }) => sequence);
}

suite('pages of trades over memory, log and store', () => {
  test('hold every trade once and in order, for any cut and any page size', async (t) => {
    const step = fc.record({
      /** Microseconds after the first; many are equal, and some late. */
      times: fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 40 }),
      store: fc.boolean(),
    });
    const runs = fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 6 }),
      /** Trades before the gateway starts, and how many of them it reads then. */
      past: fc.nat({ max: 80 }),
      isOrdered: fc.boolean(),
      fill: fc.nat({ max: 60 }),
      limit: fc.integer({ min: 1, max: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ steps, past, isOrdered, fill, limit }) => {
        const times = Array.from(
          { length: past },
          (_, index) => monday - 100 + (isOrdered ? index : (index * 5) % 17),
        );
        const one = await rig(t, {
          log: new MemoryLog(),
          limits: { ...tiny, fillRecords: fill },
          before: async (tape, history) => {
            for (const time of times) await tape.trades({ time, price: 1 });
            if (steps[0].store) await history.persistAll();
          },
        });
        assert.deepEqual(await allSequences(one, limit), newestFirst(times));
        for (const [index, { times: micros, store }] of steps.entries()) {
          const trades: TapeTrade[] = micros.map((after) => ({
            time: monday + index * 4 + after,
            price: 10_000 + after,
          }));
          await one.tape.trades(...trades);
          times.push(...trades.map(({ time }) => time));
          if (store) await one.history.persist('market.trades');
          await one.settled();
          assert.deepEqual(await allSequences(one, limit), newestFirst(times));
        }
        await one.gateway.close();
      }),
      seeded(40),
    );
  });

  test('hold every trade of a span once, and nothing beside it', async (t) => {
    const one = await rig(t, { limits: tiny });
    const times = Array.from({ length: 300 }, (_, index) => monday + ((index * 7) % 290) * second);
    for (let index = 0; index < times.length; index += 50) {
      const batch = times.slice(index, index + 50);
      await one.tape.trades(...batch.map((time) => ({ time, price: 10_000 })));
      if (index < 200) await one.history.persist('market.trades');
    }
    await one.settled();
    const [from, to] = [monday + 40 * second, monday + 210 * second];
    const query = `limit=7&from=${formatTime(from)}&to=${formatTime(to)}`;
    const found = await allTrades(one, query);
    const expected = newestFirst(times).filter((row) => times[row] >= from && times[row] < to);
    assert.deepEqual(
      found.map(({ sequence }) => sequence),
      expected,
    );
  });

  test('neither repeat nor skip while new and late trades keep coming between pages', async (t) => {
    const one = await rig(t, { limits: tiny });
    const first = Array.from({ length: 120 }, (_, index) => monday + index * second);
    await one.tape.trades(...first.map((time) => ({ time, price: 10_000 })));
    await one.settled();
    const found: number[] = [];
    let cursor = '';
    for (let page = 0; cursor !== 'end'; page++) {
      const { body } = await one.get(`/api/v1/trades/AAPL?limit=9${cursor}`);
      found.push(...body.trades.map((trade: { sequence: number }) => trade.sequence));
      cursor = body.next === null ? 'end' : `&cursor=${body.next}`;
      const newest = monday + (200 + page) * second;
      await one.tape.trades({ time: newest, price: 1 }, { time: newest - 1, price: 2 });
      if (page % 3 === 0) await one.history.persist('market.trades');
      await one.settled();
    }
    assert.deepEqual(found, newestFirst(first));
  });

  test('come from memory alone, store or none, once memory knows that it is enough', async (t) => {
    const one = await rig(t);
    await one.tape.trades(...[1, 2, 3, 4].map((time) => ({ time: monday + time, price: 1 })));
    await one.history.persist('market.trades');
    await one.settled();
    assert.equal((await allTrades(one, 'limit=2')).length, 4);
    one.history.failure = new Error('the store must not be asked');
    assert.equal((await allTrades(one, 'limit=2')).length, 4);
  });

  test('fail with a reason when the store is too far behind to bridge', async (t) => {
    const one = await rig(t, { limits: { ...tiny, unstoredRecordsMax: 50 } });
    for (let index = 0; index < 100; index++) {
      await one.tape.trades({ time: monday + index, price: 1 });
    }
    await one.settled();
    const { status, body } = await one.get('/api/v1/trades/AAPL?limit=60');
    assert.equal(status, 503);
    assert.match(body.detail, /records of market\.trades behind/);
    await one.history.persist('market.trades');
    assert.equal((await allTrades(one, 'limit=60')).length, 100);
  });
});

suite('a cancelled trade', () => {
  test('is flagged as soon as its cancel is known, wherever it stands itself', async (t) => {
    for (const stores of ['neither', 'the trade', 'both']) {
      const one = await rig(t, { log: new MemoryLog(), limits: tiny });
      const trade = { time: monday, price: 100, id: 7 };
      await one.tape.trades(trade);
      if (stores === 'the trade') await one.history.persist('market.trades');
      const others = Array.from({ length: 40 }, (_, n) => ({ time: monday + 1 + n, id: 100 + n }));
      await one.tape.trades(...others.map((other) => ({ ...other, price: 100 })));
      await one.tape.trades({ ...trade, verdict: 'cancel' });
      if (stores === 'both') await one.history.persist('market.trades');
      await one.settled();
      const { body } = await one.get('/api/v1/trades/AAPL?limit=100');
      assert.deepEqual(
        body.trades.slice(-3).map((found: { verdict: string }) => found.verdict),
        ['on time', 'cancel', 'cancelled'],
      );
      await one.gateway.close();
    }
  });
});

suite('a trade whose cancel came too late', () => {
  test('stands as it was, in the log as in memory', async (t) => {
    const one = await rig(t, { log: new MemoryLog(), limits: tiny });
    const trade = { time: monday, price: 100, id: 7 };
    await one.tape.trades(trade, { ...trade, price: 0, verdict: 'cancel too late' });
    const others = Array.from({ length: 40 }, (_, n) => ({ time: monday + 1 + n, id: 100 + n }));
    await one.tape.trades(...others.map((other) => ({ ...other, price: 100 })));
    await one.settled();
    const { body } = await one.get('/api/v1/trades/AAPL?limit=100');
    assert.deepEqual(
      body.trades.slice(-2).map((found: { verdict: string }) => found.verdict),
      ['cancel too late', 'on time'],
    );
  });
});

suite('pages of candles over memory, log and store', () => {
  test('show what was rebuilt in the store, and not what memory has of it', async (t) => {
    const one = await rig(t);
    await one.tape.candles({ interval: '1m', time: monday, ohlc: [100, 100, 100, 100] });
    await one.history.persistAll();
    await one.settled();
    const [candle] = await one.history.candles('AAPL', {
      interval: '1m',
      price: 'trade',
      limit: 1,
    });
    one.history.put({ ...candle, close: '2', revision: 1, state: 'revised' });
    const { body } = await one.get('/api/v1/candles/AAPL');
    assert.deepEqual(body.candles, [{ ...candle, close: '2', revision: 1, state: 'revised' }]);
  });

  test('hold the newest version of each, for any cut of the three', async (t) => {
    const change = fc.record({
      minute: fc.nat({ max: 15 }),
      /** 0 is a candle that lost all its trades. */
      close: fc.oneof(fc.integer({ min: 1, max: 99_999 }), fc.constant(0)),
      store: fc.boolean(),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(changes, fc.integer({ min: 1, max: 9 }), async (given, limit) => {
        const one = await rig(t, { log: new MemoryLog(), limits: tiny });
        const expected = new Map<string, string>();
        for (const { minute, close, store } of given) {
          const time = monday + minute * intervalLength('1m');
          const ohlc = [close, close, close, close] as const;
          await one.tape.candles({ interval: '1m', time, ohlc }, { interval: '1h', time, ohlc });
          if (close === 0) expected.delete(formatTime(time));
          else expected.set(formatTime(time), String(close / 100));
          if (store) await one.history.persist('market.candles');
        }
        await one.settled();
        const found = await allCandles(one, limit);
        assert.deepEqual(
          found,
          [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        await one.gateway.close();
      }),
      seeded(25),
    );
  });

  test('end before `to`, begin at `from`', async (t) => {
    const one = await rig(t);
    for (let minute = 0; minute < 10; minute++) {
      const time = monday + minute * 60 * second;
      await one.tape.candles({ interval: '1m', time, ohlc: [1, 1, 1, 1] });
      if (minute < 5) await one.history.persist('market.candles');
    }
    await one.settled();
    const span = `from=${formatTime(monday + 60 * second)}&to=${formatTime(monday + 540 * second)}`;
    const { body } = await one.get(`/api/v1/candles/AAPL?${span}&limit=3`);
    const starts = body.candles.map((candle: { start: string }) => candle.start);
    assert.deepEqual(
      starts,
      [6, 7, 8].map((minute) => formatTime(monday + minute * 60 * second)),
    );
  });
});

async function allCandles(rig: Rig, limit: number): Promise<[string, string][]> {
  let found: [string, string][] = [];
  let cursor = '';
  for (;;) {
    const { status, body } = await rig.get(`/api/v1/candles/AAPL?limit=${limit}${cursor}`);
    assert.equal(status, 200, JSON.stringify(body));
    const page = body.candles.map(({ start, close }: { start: string; close: string }) => [
      start,
      close,
    ]);
    found = [...page, ...found];
    if (body.next === null) return found;
    cursor = `&cursor=${body.next}`;
  }
}

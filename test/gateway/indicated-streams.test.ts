import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../src/base/failure.ts';
import { intervalLength } from '../../src/contracts/interval.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { MemoryLog } from './memory-log.ts';
import { holdHistory, type Message, type Rig, refusal, rig } from './rig.ts';
import { seeded } from './seed.ts';
import { monday, second, type TapeCandle } from './tape.ts';

const minute = intervalLength('1m');
/** Rings so small that most of what a test writes has left them. */
const tiny = { recentCandlesMax: 4 };

/** A minute's candle of AAPL around `close` cents, in whole dollars where that is. */
function candle(index: number, close: number, more: Partial<TapeCandle> = {}): TapeCandle {
  const ohlc = [close, close + 300, close - 100, close] as const;
  return { interval: '1m', time: monday + index * minute, ohlc, ...more };
}

/** What REST says now of the candle that a message is about. */
async function fromRest(one: Rig, { start }: Message, indicators: string): Promise<Message> {
  const span = `from=${start}&to=${formatTime(Date.parse(start) * 1000 + second)}`;
  const { body } = await one.get(`/api/v1/candles/AAPL?${span}&indicators=${indicators}`);
  return body.candles[0];
}

function withoutEnvelope({ type: _type, cursor: _cursor, ...rest }: Message): Message {
  return rest;
}

suite('a stream of candles with indicators', () => {
  test('tells of each the values that REST has at that moment, whatever changes', async (t) => {
    const all = 'sma:3;ema:4;rsi:3;macd:2,3,2;bollinger:3,2;atr:2;vwap;volatility:3,252;change:2';
    const changed = fc.record({
      minute: fc.nat({ max: 14 }),
      close: fc.oneof(
        fc.integer({ min: 1, max: 999 }).map((dollars) => dollars * 100),
        fc.integer({ min: 100, max: 99_999 }),
      ),
      volume: fc.nat({ max: 1_000 }),
      state: fc.constantFrom('open' as const, 'final' as const, 'revised' as const),
    });
    const batch = fc.record({
      candles: fc.uniqueArray(changed, { minLength: 1, maxLength: 5, selector: (c) => c.minute }),
      store: fc.boolean(),
    });
    const batches = fc.array(batch, { minLength: 2, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(batches, fc.nat({ max: 6 }), async (given, joinsAfter) => {
        const one = await rig(t, { log: new MemoryLog(), limits: tiny });
        const take = async ({ candles, store }: (typeof given)[number]): Promise<void> => {
          const rows = candles.map(({ minute: index, close, ...more }) =>
            candle(index, close, more),
          );
          await one.tape.candles(...rows);
          if (store) await one.history.persist('market.candles');
          await one.settled();
        };
        for (const each of given.slice(0, joinsAfter)) await take(each);
        const client = await one.connect(`/ws/candles/AAPL?indicators=${all}`);
        const { snapshot } = client.hello;
        if (snapshot) assert.deepEqual(snapshot, await fromRest(one, snapshot, all));
        for (const each of given.slice(joinsAfter)) {
          await take(each);
          for (const message of await client.take(each.candles.length)) {
            assert.deepEqual(withoutEnvelope(message), await fromRest(one, message, all));
          }
        }
        await one.gateway.close();
      }),
      seeded(15),
    );
  });

  test('goes on so for ever; of a candle too far back it says that it has none', async (t) => {
    const windowed = 'bollinger:2,2;change:1;sma:2';
    const one = await rig(t, { log: new MemoryLog(), limits: tiny });
    const close = (index: number) => 10_000 + ((index * 7_919) % 100);
    for (let index = 0; index < 100; index++) {
      await one.tape.candles(candle(index, close(index), { state: 'final' }));
    }
    await one.history.persistAll();
    await one.settled();
    const client = await one.connect(`/ws/candles/AAPL?indicators=${windowed};ema:2`);
    const minutes = Array.from({ length: 160 }, (_, index) => 100 + index);
    for (const index of minutes.filter((each) => each !== 240)) {
      await one.tape.candles(candle(index, close(index), { state: 'final' }));
    }
    await client.take(159);
    const change = async (index: number): Promise<Message> => {
      await one.tape.candles(candle(index, 7_777, { state: 'revised', revision: 1 }));
      await one.history.persistAll();
      return await client.next();
    };
    assert.equal((await change(0)).indicators, null);
    assert.equal((await change(259 - 65)).indicators, null);
    for (const index of [259 - 64, 230, 258, 240, 241]) {
      const { indicators } = await change(index);
      assertNear(indicators, await fromRest(one, { start: startAt(index) }, `${windowed};ema:2`));
    }
    await one.tape.candles(candle(260, 9_999), candle(261, 10_001));
    for (const message of await client.take(2)) {
      await one.settled();
      assertNear(message.indicators, await fromRest(one, message, `${windowed};ema:2`));
    }
  });

  test('begins with what came while history was asked', async (t) => {
    const one = await rig(t, { log: new MemoryLog(), limits: tiny });
    for (let index = 0; index < 10; index++) {
      await one.tape.candles(candle(index, 100 + index, { state: 'final' }));
    }
    await one.history.persistAll();
    await one.settled();
    const { asked, answers } = holdHistory(one);
    const connecting = one.connect('/ws/candles/AAPL?indicators=sma:10');
    await asked.promise;
    await one.tape.candles(candle(3, 999, { state: 'revised', revision: 1 }), candle(10, 500));
    await one.settled();
    answers.resolve();
    const { hello } = await connecting;
    assert.deepEqual(hello.indicators, ['sma:10']);
    assert.equal(hello.snapshot.close, '5');
    // (101 + 102 + 999 + 104 + 105 + 106 + 107 + 108 + 109 + 500) / 10 cents
    assert.deepEqual(hello.snapshot.indicators, { 'sma:10': { sma: 2.341 } });
  });

  test('is told to a slow reader again without values, but for the newest', async (t) => {
    const one = await rig(t, { limits: { pendingBytesMax: 65_536 } });
    const slow = await one.connect('/ws/candles/AAPL?interval=1s&indicators=sma:1');
    slow.pause();
    const closes = 600;
    await one.tape.manyCandles(monday, closes);
    const last = monday + closes * second;
    await one.tape.candles({ interval: '1s', time: last, ohlc: [777, 777, 777, 777] });
    await one.settled();
    slow.resume();
    const told: Message[] = [];
    do told.push(await slow.next());
    while (told.at(-1).close !== '7.77');
    assert.deepEqual(told.at(-1).indicators, { 'sma:1': { sma: 7.77 } });
    assert.deepEqual(told[0].indicators, { 'sma:1': { sma: 0.01 } });
    const again = told.filter(({ indicators }) => indicators === null);
    assert.ok(again.length > 0 && again.every(({ state }) => state === 'final'));
    assert.equal(told.filter(({ state }) => state === 'final').length, closes);
  });
});

suite('indicators on streams', () => {
  test('are shared by who asks for the same, and refused when all take too much', async (t) => {
    // `sma:20` looks back over 200 candles, and 64 may be revised.
    const one = await rig(t, { limits: { indicatedCandlesMax: 264 } });
    const clients = [
      await one.connect('/ws/candles/AAPL?indicators=sma:20'),
      await one.connect('/ws/candles/AAPL?indicators=sma;sma:20'),
    ];
    const other = '/ws/candles/AAPL?indicators=sma:19';
    const { status, detail } = await refusal(one, other);
    assert.equal(status, 429);
    assert.match(detail, /take 254 values.* 0 more/);
    clients[0].socket.terminate();
    await one.measures(/^tapeline_stream_connections 1$/m);
    assert.equal((await refusal(one, other)).status, 429, 'one is still there');
    clients[1].socket.terminate();
    await one.measures(/^tapeline_stream_connections 0$/m);
    const { hello } = await one.connect(other);
    assert.deepEqual(hello.indicators, ['sma:19']);
  });

  test('are refused while the store does not answer, and leave nothing behind', async (t) => {
    const one = await rig(t, { limits: { indicatedCandlesMax: 264, streamsMax: 1 } });
    one.history.failure = new Failure('database-unavailable', 'No database.', 'Start it.');
    for (let time = 0; time < 2; time++) {
      const { status, detail } = await refusal(one, '/ws/candles/AAPL?indicators=sma:20');
      assert.deepEqual([status, detail], [503, 'No database.']);
    }
    one.history.failure = null;
    await one.connect('/ws/candles/AAPL?indicators=sma:20');
  });

  test('are refused when the server stops before history has answered', async (t) => {
    const one = await rig(t);
    const { asked, answers } = holdHistory(one);
    const refused = refusal(one, '/ws/candles/AAPL?indicators=sma:20');
    await asked.promise;
    const closed = one.gateway.close();
    answers.resolve();
    assert.match((await refused).detail, /the server stops/);
    await closed;
  });
});

function startAt(index: number): string {
  return formatTime(monday + index * minute);
}

/** Equal, but for what is left of the seed of an average that remembers for ever. */
function assertNear(told: Message, { indicators: { 'ema:2': ema, ...rest } }: Message): void {
  const { 'ema:2': toldEma, ...toldRest } = told;
  assert.deepEqual(toldRest, rest);
  assert.ok(Math.abs(toldEma.ema - ema.ema) < 1e-6, `${toldEma.ema} and ${ema.ema}`);
}

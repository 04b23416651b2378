import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { MemoryLog } from './memory-log.ts';
import { type Message, type Rig, rig } from './rig.ts';
import { monday, second, type TapeTrade } from './tape.ts';

/** The kernel takes several megabytes for a client that does not read; only then is it slow. */
const batches = 60;
const rowsPerBatch = 1_000;
const limits = { pendingBytesMax: 65_536 };
const total = batches * rowsPerBatch;

async function flood(one: Rig, from = 0, count = batches): Promise<void> {
  for (let batch = from; batch < from + count; batch++) {
    const trades: TapeTrade[] = Array.from({ length: rowsPerBatch }, (_, row) => ({
      time: monday + batch * rowsPerBatch + row,
      price: 10_000 + row,
    }));
    await one.tape.trades(...trades);
  }
}

async function metric(one: Rig, name: string): Promise<number> {
  const { body } = await one.get('/metrics');
  const line = new RegExp(`^${name.replaceAll(/[{}"]/g, '\\$&')} (\\d+)$`, 'm').exec(body);
  return Number(line?.[1] ?? 0);
}

/** Resolves when the kernel takes no more for a client that does not read. */
async function stuck(one: Rig): Promise<void> {
  const written = () => metric(one, 'tapeline_stream_messages_total{stream="trades"}');
  for (let [known, same] = [-1, 0]; same < 5; ) {
    const now = await written();
    same = now === known ? same + 1 : 0;
    known = now;
  }
}

suite('a client that stops reading', () => {
  test('gets every trade in order once it reads again, while others stay live', async (t) => {
    const one = await rig(t, { limits });
    const [slow, live] = [
      await one.connect('/ws/trades/AAPL'),
      await one.connect('/ws/trades/AAPL'),
    ];
    slow.pause();
    await flood(one);
    await live.take(total);
    // The live one may have had to catch up too, on a busy machine; the paused one surely did.
    const fallbacks = await metric(one, 'tapeline_stream_fallbacks_total{stream="trades"}');
    assert(fallbacks >= 1, `${fallbacks} fallbacks`);
    slow.resume();
    const told = await slow.take(total);
    assert.deepEqual(
      told.map(({ sequence }) => sequence),
      [...told.keys()],
    );
    await one.tape.trades({ time: monday + total, price: 1 });
    assert.equal((await slow.next()).sequence, total, 'and is live again');
  });

  test('while trades keep coming, crosses back to live without hole or duplicate', async (t) => {
    const one = await rig(t, { limits });
    const slow = await one.connect('/ws/trades/AAPL');
    slow.pause();
    await flood(one);
    await one.settled();
    slow.resume();
    await Promise.all([flood(one, batches, 20), slow.take(1)]);
    const told = await slow.take(total + 20 * rowsPerBatch - 1);
    assert.deepEqual(
      told.map(({ sequence }) => sequence),
      [...told.keys()].map((key) => key + 1),
    );
  });

  test('so long that the log forgot is told what it missed', async (t) => {
    const log = new MemoryLog();
    const one = await rig(t, { log, limits });
    const slow = await one.connect('/ws/trades/AAPL');
    slow.pause();
    await flood(one);
    await one.settled();
    const kept = total - 2 * rowsPerBatch;
    log.forgetBefore('market.trades', kept);
    slow.resume();
    let expected = 0;
    let gaps = 0;
    while (expected < total) {
      const message: Message = await slow.next();
      if (message.type === 'gap') {
        gaps++;
        assert.equal(message.reason, 'retention');
        assert.deepEqual([message.from, message.to], [`e1:0:${expected}`, `e1:0:${kept}`]);
        expected = kept;
      } else {
        assert.equal(message.sequence, expected++);
      }
    }
    assert.equal(gaps, 1);
  });

  test('of quotes is sent the newest when it reads again, and not all between', async (t) => {
    const one = await rig(t, { limits });
    const slow = await one.connect('/ws/quotes/AAPL');
    slow.pause();
    for (let batch = 0; batch < batches; batch++) {
      const quotes = Array.from({ length: rowsPerBatch }, (_, row) => {
        const time = monday + batch * rowsPerBatch + row;
        return { time, bid: 10_000 + batch * rowsPerBatch + row, ask: 200_000 };
      });
      await one.tape.quotes(...quotes);
    }
    await one.settled();
    const conflated = await metric(one, 'tapeline_stream_conflated_total{stream="quotes"}');
    assert.ok(conflated > 0 && conflated < total, `${conflated} conflated`);
    slow.resume();
    let told = 0;
    let last: Message;
    do {
      last = await slow.next();
      told++;
    } while (last.sequence < total - 1);
    assert.equal(told, total - conflated + 1);
    assert.equal(last.bid, String((10_000 + total - 1) / 100));
    await one.tape.quotes({ time: monday + total, bid: 1, ask: 2 });
    assert.equal((await slow.next()).bid, '0.01', 'and is live again');
  });

  test('of candles gets all that closed, and of the open ones the newest', async (t) => {
    const one = await rig(t, { limits });
    const slow = await one.connect('/ws/candles/AAPL?interval=1s');
    slow.pause();
    const closes = 600;
    await one.tape.manyCandles(monday, closes);
    const openTime = monday + closes * second;
    await one.tape.candles({ interval: '1s', time: openTime, ohlc: [777, 777, 777, 777] });
    await one.settled();
    slow.resume();
    const told: Message[] = [];
    do told.push(await slow.next());
    while (told.at(-1).close !== '7.77');
    const final = told.filter(({ state }) => state === 'final');
    assert.equal(final.length, closes);
    assert.deepEqual(
      final.map(({ start }) => start),
      Array.from({ length: closes }, (_, index) => formatTime(monday + index * second)),
    );
    assert.ok(told.length < closes * 60, `${told.length} messages`);
    const offsets = told.map(({ cursor }) => Number(cursor.split(':')[2]));
    assert.deepEqual(
      offsets,
      offsets.toSorted((a, b) => a - b),
    );
  });

  test('and wants to skip is told how many it skipped, and goes on live', async (t) => {
    const one = await rig(t, { log: new MemoryLog(), limits });
    const slow = await one.connect('/ws');
    const symbols = ['AAPL', 'MSFT'];
    await slow.subscribe({ stream: 'trades', symbols, policy: 'skip' });
    slow.pause();
    await flood(one);
    await one.settled();
    slow.resume();
    const offsetOf = (cursor: string): number => Number(cursor.split(':')[2]);
    let next = 0;
    let dropped = 0;
    while (next < total) {
      const { type, id, count, cursor, from, to } = await slow.next();
      assert.equal(offsetOf(type === 'skip' ? from : cursor), next);
      next = offsetOf(type === 'skip' ? to : cursor) + 1;
      if (type !== 'skip') continue;
      assert.deepEqual([id, count], ['w', next - offsetOf(from)]);
      dropped += count;
    }
    assert(dropped > 0 && dropped < total, `${dropped} dropped`);
    const counted = await metric(one, 'tapeline_stream_skipped_total{stream="trades"}');
    assert.equal(counted, dropped);
    await one.tape.trades({ time: monday + total, price: 1 });
    assert.equal((await slow.next()).sequence, total);
  });

  test('and wants to be closed is closed, and may come back for the rest', async (t) => {
    const one = await rig(t, { log: new MemoryLog(), limits });
    const slow = await one.connect('/ws');
    const asked = { stream: 'trades', symbols: '*', policy: 'close' };
    await slow.subscribe(asked);
    slow.pause();
    await flood(one);
    await one.settled();
    const closed = slow.closed();
    slow.resume();
    assert.equal((await closed).code, 4006);
    const told = slow.heard();
    const again = await one.connect('/ws');
    await again.subscribe({ ...asked, policy: 'lossless', cursor: told.at(-1).cursor });
    const rest = await again.take(total - told.length);
    assert.deepEqual(
      [...told, ...rest].map(({ sequence }) => sequence),
      [...told, ...rest].map((_, index) => index),
    );
  });

  test('hears of each of its subscriptions as its policy says', async (t) => {
    const one = await rig(t, { log: new MemoryLog(), limits });
    const slow = await one.connect('/ws');
    await slow.subscribe({ id: 't', stream: 'trades', symbols: ['AAPL'] });
    await slow.subscribe({ id: 'q', stream: 'quotes', symbols: '*' });
    slow.pause();
    await flood(one);
    await one.settled();
    await stuck(one);
    for (const symbol of ['AAPL', 'MSFT']) {
      for (const bid of [1, 2, 3]) {
        await one.tape.quotes({ symbol, time: monday + bid, bid, ask: 9 });
      }
    }
    await one.settled();
    slow.resume();
    const told = await slow.take(total + 2);
    const quotes = told.filter(({ type }) => type === 'quote');
    assert.deepEqual(
      quotes.map(({ symbol, bid }) => [symbol, bid]),
      [
        ['AAPL', '0.03'],
        ['MSFT', '0.03'],
      ],
    );
    const trades = told.filter(({ type }) => type === 'trade');
    assert.deepEqual(
      trades.map(({ sequence }) => sequence),
      [...trades.keys()],
    );
  });

  test('for a minute is closed with the code that says why', async (t) => {
    const clock = new ManualClock(monday);
    const one = await rig(t, { limits, clock });
    const slow = await one.connect('/ws/trades/AAPL');
    slow.pause();
    await flood(one);
    await one.settled();
    const closed = slow.closed();
    await clock.advance(59_000);
    assert.equal(await metric(one, 'tapeline_stream_connections'), 1);
    await clock.advance(2_000);
    slow.resume();
    const { code, reason } = await closed;
    assert.equal(code, 4006);
    assert.match(reason, /Too slow for 60 s/);
    assert.equal(await metric(one, 'tapeline_stream_closed_total{reason="slow-consumer"}'), 1);
  });
});

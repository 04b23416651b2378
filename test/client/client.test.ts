// The client library against a real gateway, over a network that is cut, stalled and refused.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, type Message, TapelineError } from '../../client/index.ts';
import { eventually } from '../eventually.ts';
import { MemoryLog } from '../gateway/memory-log.ts';
import { rig } from '../gateway/rig.ts';
import { monday, second } from '../gateway/tape.ts';
import { Network } from './network.ts';
import { eagerClient, nextOf, take, testedClient, until } from './readers.ts';

const aapl = { stream: 'trades', symbols: ['AAPL'] } as const;

const shown = (message: Message): string =>
  message.type === 'trade' ? message.price : message.type;

suite('a subscription', () => {
  test('begins with a snapshot, and tells what comes', async (t) => {
    const one = await rig(t);
    const { client } = testedClient(t, one.gateway.url);
    await one.tape.trades({ time: monday, price: 100 }, { time: monday + 1, price: 101 });
    await one.settled();
    const trades = client.subscribe({ ...aapl, symbols: ['aapl'], history: 5 });
    const rows = await trades.snapshot;
    assert.deepEqual(
      rows.map(({ price }) => price),
      ['1', '1.01'],
    );
    const first = await nextOf(trades);
    assert.deepEqual(first, { type: 'snapshot', stream: 'trades', rows, cursor: first.cursor });
    assert.equal(first.cursor, `${one.log.epoch}:0:1`);
    await one.tape.trades({ time: monday + 2, price: 102 });
    const trade = await nextOf(trades);
    assert(trade.type === 'trade');
    assert.deepEqual(
      [trade.symbol, trade.price, trade.cursor],
      ['AAPL', '1.02', `${one.log.epoch}:0:2`],
    );
  });

  test('of a long past has all of it in one snapshot', async (t) => {
    const one = await rig(t);
    for (let index = 0; index < 2_500; index += 500) {
      const trades = Array.from({ length: 500 }, (_, row) => index + row);
      await one.tape.trades(...trades.map((price) => ({ time: monday + price, price: price + 1 })));
    }
    await one.settled();
    const { client } = testedClient(t, one.gateway.url);
    const rows = await client.subscribe({ ...aapl, history: 2_400 }).snapshot;
    assert.deepEqual(
      rows.map(({ price }) => Math.round(Number(price) * 100)),
      Array.from({ length: 2_400 }, (_, index) => index + 101),
    );
  });

  test('gets what is its own, whatever else the connection carries', async (t) => {
    const one = await rig(t);
    const { client } = testedClient(t, one.gateway.url);
    const symbols = ['AAPL', 'MSFT'];
    const trades = client.subscribe({ stream: 'trades', symbols: ['MSFT'] });
    const quotes = client.subscribe({ stream: 'quotes', symbols: '*' });
    const minutes = client.subscribe({ stream: 'candles', symbols, interval: '1m' });
    const hours = client.subscribe({ stream: 'candles', symbols, interval: '1h', price: 'bid' });
    await Promise.all([trades, quotes, minutes, hours].map(({ snapshot }) => snapshot));
    for (const each of [trades, quotes, minutes, hours]) await each.next();
    await one.tape.trades({ time: monday, price: 1 }, { symbol: 'MSFT', time: monday, price: 2 });
    await one.tape.quotes({ time: monday, bid: 3, ask: 4 });
    await one.tape.candles(
      { interval: '1h', time: monday, ohlc: [5, 5, 5, 5] },
      { interval: '1h', price: 'bid', time: monday, ohlc: [6, 6, 6, 6] },
      { interval: '1m', time: monday, ohlc: [7, 7, 7, 7] },
    );
    const [trade, quote] = [await nextOf(trades), await nextOf(quotes)];
    assert(trade.type === 'trade' && quote.type === 'quote');
    assert.deepEqual([trade.symbol, trade.price, quote.bid], ['MSFT', '0.02', '0.03']);
    const [minute, hour] = [await nextOf(minutes), await nextOf(hours)];
    assert(minute.type === 'candle' && hour.type === 'candle');
    assert.deepEqual([minute.close, hour.close], ['0.07', '0.06']);
  });

  test('ends by breaking out of its loop, and the connection with the last one', async (t) => {
    const one = await rig(t);
    const { client, clock } = testedClient(t, one.gateway.url);
    const [left, kept] = [client.subscribe(aapl), client.subscribe({ ...aapl, symbols: ['MSFT'] })];
    await kept.snapshot;
    for await (const { type } of left) {
      assert.equal(type, 'snapshot');
      break;
    }
    assert.deepEqual(await left.next(), { value: undefined, done: true });
    await one.tape.trades({ time: monday, price: 1 }, { symbol: 'MSFT', time: monday, price: 2 });
    assert.deepEqual((await take(kept, 2)).map(shown), ['snapshot', '0.02']);
    assert.match((await one.get('/metrics')).body, /_subscriptions\{stream="trades"\} 1/);
    kept.unsubscribe();
    await clock.advance(1_000);
    await until(client, 'idle');
    const again = client.subscribe(aapl);
    assert.equal(shown(await nextOf(again)), 'snapshot');
    assert.equal(client.state.status, 'live');
  });

  test('is told nothing that was under way to another one', async (t) => {
    const one = await rig(t);
    const { client } = testedClient(t, one.gateway.url);
    let trades = client.subscribe(aapl);
    for (let price = 100; price < 1_000; price += 100) {
      await trades.snapshot;
      await one.tape.trades({ time: monday + price, price });
      trades.unsubscribe();
      trades = client.subscribe(aapl);
      const told = [await nextOf(trades)];
      assert.equal(told[0].type, 'snapshot');
      const prices = (): string[] =>
        told.flatMap((message) =>
          message.type === 'snapshot' ? message.rows.map((row) => row.price) : shown(message),
        );
      const written = String(price / 100);
      while (!prices().includes(written)) told.push(await nextOf(trades));
      assert.equal(prices().filter((one) => one === written).length, 1);
    }
  });

  test('that the server refuses throws its reason and cure, and others go on', async (t) => {
    const one = await rig(t);
    const { client } = testedClient(t, one.gateway.url);
    const good = client.subscribe(aapl);
    const bad = client.subscribe({ stream: 'quotes', symbols: ['NOPE'] });
    const isNotFound = (error: unknown): boolean => {
      assert(error instanceof TapelineError);
      assert.equal(error.code, 'not-found');
      assert.match(`${error.message} ${error.cure}`, /"NOPE".*symbols/);
      return true;
    };
    await assert.rejects(bad.next(), isNotFound);
    await assert.rejects(bad.snapshot, isNotFound);
    assert.deepEqual(await bad.next(), { value: undefined, done: true });
    await nextOf(good);
    await one.tape.trades({ time: monday, price: 1 });
    assert.equal(shown(await nextOf(good)), '0.01');
  });

  test('whose past cannot be read now is asked for again', async (t) => {
    const one = await rig(t);
    const { client, clock } = testedClient(t, one.gateway.url);
    const { history } = one;
    let failures = 0;
    history.trades = async () => {
      failures++;
      throw new Error('the database is away');
    };
    await nextOf(client.subscribe({ stream: 'quotes', symbols: '*' }));
    const trades = client.subscribe({ ...aapl, history: 3 });
    const waiting = clock.sleeping;
    await eventually(() => clock.sleeping !== waiting, 'the client waits for its next try');
    Reflect.deleteProperty(history, 'trades');
    await clock.advance(1_000);
    assert.deepEqual(await trades.snapshot, []);
    assert.equal(failures, 1);
  });
});

suite('after a cut', () => {
  test('a client comes back and misses nothing', async (t) => {
    const one = await rig(t);
    const network = await Network.to(t, one.gateway.url);
    const { client, clock, states } = testedClient(t, network.url);
    const trades = client.subscribe(aapl);
    await nextOf(trades);
    await one.tape.trades({ time: monday, price: 1 });
    assert.equal(shown(await nextOf(trades)), '0.01');
    network.cut();
    const { code, ms, why } = await until(client, 'waiting');
    assert.equal(code, 1006);
    assert.match(why, /cut/);
    await one.tape.trades({ time: monday + 1, price: 2 }, { time: monday + 2, price: 3 });
    await clock.advance(ms - 1);
    assert.equal(client.state.status, 'waiting');
    await clock.advance(1);
    assert.deepEqual((await take(trades, 2)).map(shown), ['0.02', '0.03']);
    await one.tape.trades({ time: monday + 3, price: 4 });
    assert.equal(shown(await nextOf(trades)), '0.04');
    assert.deepEqual(
      states.map(({ status }) => status),
      ['connecting', 'live', 'waiting', 'connecting', 'live'],
    );
  });

  test('pauses grow, at random, until a connection has held for a while', async (t) => {
    const one = await rig(t);
    const network = await Network.to(t, one.gateway.url);
    network.refuseNext(...Array.from({ length: 9 }, () => '503 Service Unavailable'));
    const { client, clock } = testedClient(t, network.url);
    const trades = client.subscribe(aapl);
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      const { ms } = await until(client, 'waiting');
      pauses.push(ms);
      await clock.advance(ms);
    }
    assert.deepEqual(pauses, [500, 900, 1_700, 3_300, 6_500, 7_600, 7_600, 7_600, 7_600]);
    await nextOf(trades);
    network.cut();
    await clock.advance((await until(client, 'waiting')).ms);
    await until(client, 'live');
    await clock.advance(15_000);
    network.cut();
    assert.equal((await until(client, 'waiting')).ms, 500);
  });

  test('a page that is looked at again need not wait', async (t) => {
    const one = await rig(t);
    const network = await Network.to(t, one.gateway.url);
    network.refuseNext('503 Service Unavailable');
    const { client } = testedClient(t, network.url);
    const trades = client.subscribe(aapl);
    await until(client, 'waiting');
    client.retry();
    await nextOf(trades);
  });

  test('a past that came in part is asked for anew', async (t) => {
    const one = await rig(t);
    const prices = Array.from({ length: 3_000 }, (_, index) => index + 1);
    await one.tape.trades(...prices.map((price) => ({ time: monday + price, price })));
    await one.settled();
    const network = await Network.to(t, one.gateway.url);
    network.cutAfter(250_000); // a row has some 200 bytes
    const { client } = eagerClient(t, network.url);
    const { rows } = (await nextOf(client.subscribe({ ...aapl, history: 3_000 }))) as Message & {
      rows: readonly { price: string }[];
    };
    assert.equal(network.handshakes, 2);
    assert.deepEqual(
      rows.map(({ price }) => Math.round(Number(price) * 100)),
      prices,
    );
  });

  test('what the log has let go of is declared in its place', async (t) => {
    const log = new MemoryLog();
    const one = await rig(t, { log });
    const network = await Network.to(t, one.gateway.url);
    const { client, clock } = testedClient(t, network.url);
    const trades = client.subscribe(aapl);
    await nextOf(trades);
    await one.tape.trades({ time: monday, price: 1 });
    await nextOf(trades);
    network.cut();
    const { ms } = await until(client, 'waiting');
    for (let price = 2; price < 6; price++) await one.tape.trades({ time: monday + price, price });
    log.forgetBefore('market.trades', 3);
    await clock.advance(ms);
    const [gap, ...rest] = await take(trades, 3);
    assert(gap.type === 'gap');
    const { reason, from, to, cursor } = gap;
    assert.deepEqual([reason, from, to], ['retention', 'e1:0:1', 'e1:0:3']);
    assert.equal(cursor, 'e1:0:0', 'who goes on from here is told the gap again');
    assert.deepEqual(rest.map(shown), ['0.04', '0.05']);
  });

  test('another log is declared, and begun anew', async (t) => {
    const [one, two] = [await rig(t), await rig(t)];
    await two.tape.trades({ time: monday, price: 7 });
    await two.settled();
    const network = await Network.to(t, one.gateway.url);
    const { client } = eagerClient(t, network.url);
    const trades = client.subscribe(aapl);
    await nextOf(trades);
    await one.tape.trades({ time: monday, price: 1 });
    await nextOf(trades);
    network.leadTo(two.gateway.url);
    network.cut();
    const [gap, snapshot] = await take(trades, 2);
    assert(gap.type === 'gap' && snapshot.type === 'snapshot');
    assert.deepEqual([gap.reason, gap.cursor], ['epoch', `${one.log.epoch}:0:0`]);
    assert.deepEqual([snapshot.rows[0].price, snapshot.cursor], ['0.07', `${two.log.epoch}:0:0`]);
  });

  test('that lasts too long a subscription begins anew, where that was asked for', async (t) => {
    const one = await rig(t);
    const network = await Network.to(t, one.gateway.url);
    const { client, clock } = testedClient(t, network.url, { resumeMsMax: 10_000 });
    const cursor = `${one.log.epoch}:0:-1`;
    const trades = client.subscribe({ ...aapl, cursor });
    await until(client, 'live');
    await one.tape.trades({ time: monday, price: 1 });
    assert.equal(shown(await nextOf(trades)), '0.01');
    network.cut();
    const { ms } = await until(client, 'waiting');
    await one.tape.trades({ time: monday + 1, price: 2 });
    await clock.advance(ms);
    assert.equal(shown(await nextOf(trades)), '0.02');
    network.refuseNext('503 Service Unavailable');
    network.cut();
    await until(client, 'waiting');
    await one.tape.trades({ time: monday + 2, price: 3 }, { time: monday + 3, price: 4 });
    await one.settled();
    await clock.advance(10_000);
    await clock.advance((await until(client, 'waiting')).ms);
    const snapshot = await nextOf(trades);
    assert(snapshot.type === 'snapshot');
    assert.deepEqual(
      snapshot.rows.map(({ price }) => price),
      ['0.04'],
    );
  });

  test('what is told as its newest value begins with a new snapshot', async (t) => {
    const one = await rig(t);
    const network = await Network.to(t, one.gateway.url);
    const { client, clock } = testedClient(t, network.url);
    const quotes = client.subscribe({ stream: 'quotes', symbols: ['AAPL'] });
    await nextOf(quotes);
    network.cut();
    const { ms } = await until(client, 'waiting');
    for (let bid = 1; bid < 4; bid++) await one.tape.quotes({ time: monday + bid, bid, ask: 9 });
    await one.settled();
    await clock.advance(ms);
    const snapshot = await nextOf(quotes);
    assert(snapshot.type === 'snapshot');
    assert.deepEqual(
      snapshot.rows.map(({ bid }) => bid),
      ['0.03'],
    );
  });
});

suite('a server', () => {
  test('that is restarted is found again, and nothing is missed', async (t) => {
    const log = new MemoryLog();
    const one = await rig(t, { log });
    const network = await Network.to(t, one.gateway.url);
    const { client } = eagerClient(t, network.url);
    const trades = client.subscribe(aapl);
    await nextOf(trades);
    await one.tape.trades({ time: monday, price: 1 });
    await nextOf(trades);
    const waiting = until(client, 'waiting');
    await one.gateway.close();
    assert.deepEqual(
      [(await waiting).code, (await waiting).why],
      [1001, 'The server stops. Connect again in a moment.'],
    );
    await one.tape.trades({ time: monday + 1, price: 2 });
    const two = await rig(t, { log });
    network.leadTo(two.gateway.url);
    await two.tape.trades({ time: monday + 2, price: 3 });
    assert.deepEqual((await take(trades, 2)).map(shown), ['0.02', '0.03']);
  });

  test('that falls silent is left for a new connection', async (t) => {
    const one = await rig(t);
    const network = await Network.to(t, one.gateway.url);
    const { client, clock } = testedClient(t, network.url);
    const trades = client.subscribe(aapl);
    await nextOf(trades);
    for (let wait = 0; wait < 4; wait++) {
      // It is quiet, but it answers pings.
      await clock.advance(15_000);
      await one.measures(/^tapeline_stream_connections 1$/m);
      await one.tape.trades({ time: monday + wait, price: 1 });
      await nextOf(trades);
    }
    network.stall();
    await one.tape.trades({ time: monday + second, price: 2 });
    await clock.advance(45_000);
    const { why, ms } = await until(client, 'waiting');
    assert.match(why, /does not answer/);
    network.cut();
    await clock.advance(ms);
    assert.equal(shown(await nextOf(trades)), '0.02');
  });

  test('that never greets is given up', async (t) => {
    const one = await rig(t);
    const network = await Network.to(t, one.gateway.url);
    network.stall();
    const { client, clock } = testedClient(t, network.url);
    client.subscribe(aapl);
    await clock.advance(15_000);
    assert.match((await until(client, 'waiting')).why, /does not answer/);
  });
});

suite('a client', () => {
  test('that is closed ends every loop', async (t) => {
    const one = await rig(t);
    const { client, clock } = testedClient(t, one.gateway.url);
    const trades = client.subscribe(aapl);
    await nextOf(trades);
    const waiting = trades.next();
    client.close();
    assert.deepEqual(await waiting, { value: undefined, done: true });
    await new Promise(setImmediate);
    assert.equal(clock.sleeping, 0, 'nothing keeps the program from ending');
    assert.deepEqual(client.state, { status: 'closed', code: 1000, why: 'It was closed here.' });
    assert.throws(() => client.subscribe(aapl), TapelineError);
  });

  test('takes an address without its path, of http too, and refuses others', () => {
    const urls = ['ws://host:8000', 'http://host:8000/', 'ws://host:8000/ws'];
    for (const url of urls) assert.equal(connect(url).url, 'ws://host:8000/ws');
    assert.equal(connect('https://host/feed/ws').url, 'wss://host/feed/ws');
    assert.throws(() => connect('ftp://host'), TypeError);
    assert.throws(() => connect('nonsense'), TypeError);
  });
});

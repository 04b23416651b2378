// /ws: many subscriptions on one socket.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { MemoryLog } from './memory-log.ts';
import { holdHistory, type Message, type Rig, rig, type StreamClient } from './rig.ts';
import { monday, second } from './tape.ts';

const minute = 60 * second;
const final = (index: number, close: number, symbol = 'AAPL') => ({
  symbol,
  interval: '1m' as const,
  time: monday + index * minute,
  ohlc: [close, close, close, close] as const,
  state: 'final' as const,
});

async function told(client: StreamClient, count: number, ...fields: string[]) {
  return (await client.take(count)).map((message) => fields.map((field) => message[field]));
}

function cursorAt({ log }: Rig, offset: number): string {
  return `${log.epoch}:0:${offset}`;
}

suite('a socket at /ws', () => {
  test('greets with what it allows', async (t) => {
    const one = await rig(t);
    const { hello } = await one.connect('/ws');
    const { limits, ...rest } = hello;
    assert.deepEqual(rest, { type: 'hello', version: 1, epoch: one.log.epoch });
    assert.deepEqual(limits, {
      subscriptions: 64,
      symbols: 2_000,
      messageBytes: 32_768,
      messagesPerSecond: 100,
      historyRows: 20_000,
    });
  });

  test('carries many streams, each message once and as over its own stream', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws');
    const asked = [
      { id: 't', stream: 'trades', symbols: ['msft', 'AAPL', 'aapl'] },
      { id: 'q', stream: 'quotes', symbols: '*' },
      { id: 'c', stream: 'candles', symbols: ['AAPL'], interval: '5m', price: 'bid' },
      { id: 'a', stream: 'alerts', symbols: '*', severity: 'high', policy: 'skip' },
    ];
    const subscribed: Message[] = [];
    for (const each of asked) subscribed.push(await client.subscribe(each));
    assert.deepEqual(subscribed[0], {
      type: 'subscribed',
      id: 't',
      stream: 'trades',
      symbols: ['MSFT', 'AAPL'],
      policy: 'lossless',
      cursor: cursorAt(one, -1),
      snapshot: [],
    });
    assert.deepEqual(
      subscribed.map(({ symbols, interval, price, severity, policy }) => [
        symbols,
        interval,
        price,
        severity,
        policy,
      ]),
      [
        [['MSFT', 'AAPL'], undefined, undefined, undefined, 'lossless'],
        ['*', undefined, undefined, undefined, 'conflate'],
        [['AAPL'], '5m', 'bid', undefined, 'lossless'],
        ['*', undefined, undefined, 'high', 'skip'],
      ],
    );
    const alone = await one.connect('/ws/trades/AAPL');
    await one.tape.trades(
      { time: monday, price: 100 },
      { symbol: 'MSFT', time: monday, price: 200 },
      { time: monday + 1, price: 101 },
    );
    assert.deepEqual(await told(client, 3, 'type', 'symbol', 'price', 'cursor'), [
      ['trade', 'AAPL', '1', cursorAt(one, 0)],
      ['trade', 'MSFT', '2', cursorAt(one, 1)],
      ['trade', 'AAPL', '1.01', cursorAt(one, 2)],
    ]);
    assert.deepEqual(await told(alone, 2, 'price'), [['1'], ['1.01']]);
    await one.tape.quotes({ symbol: 'MSFT', time: monday, bid: 1, ask: 2 });
    assert.deepEqual(await told(client, 1, 'type', 'bid'), [['quote', '0.01']]);
    await one.tape.candles(
      { interval: '1m', time: monday, ohlc: [1, 1, 1, 1] },
      { interval: '5m', price: 'bid', time: monday, ohlc: [2, 2, 2, 2] },
    );
    assert.deepEqual(await told(client, 1, 'type', 'interval', 'close'), [
      ['candle', '5m', '0.02'],
    ]);
  });

  test('tells of symbols that are introduced later, when all are wanted', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws');
    await client.subscribe({ stream: 'trades', symbols: '*' });
    await one.tape.introduce('NEW');
    await one.tape.trades({ symbol: 'NEW', time: monday, price: 100 });
    assert.equal((await client.next()).symbol, 'NEW');
  });

  test('goes on with the rest when a subscription ends, and asks the store nothing', async (t) => {
    const one = await rig(t);
    one.history.failure = new Error('the store must not be asked');
    const client = await one.connect('/ws');
    await client.subscribe({ id: 'a', stream: 'trades', symbols: ['AAPL'] });
    await client.subscribe({ id: 'm', stream: 'trades', symbols: ['MSFT'] });
    client.say({ op: 'unsubscribe', id: 'a' });
    assert.deepEqual(await client.next(), { type: 'unsubscribed', id: 'a' });
    await one.tape.trades({ time: monday, price: 1 }, { symbol: 'MSFT', time: monday, price: 2 });
    assert.equal((await client.next()).symbol, 'MSFT');
    const { body } = await one.get('/metrics');
    assert.match(body, /tapeline_stream_subscriptions\{stream="trades"\} 1/);
    await client.subscribe({ id: 'a', stream: 'trades', symbols: ['AAPL'] });
    client.say({ op: 'ping' });
    assert.deepEqual(await client.next(), { type: 'pong' });
  });

  test('begins with the newest of each symbol', async (t) => {
    const one = await rig(t);
    await one.tape.trades({ time: monday, price: 1 }, { symbol: 'MSFT', time: monday, price: 2 });
    await one.tape.candles(final(0, 100), final(1, 101), final(0, 200, 'MSFT'));
    await one.settled();
    const client = await one.connect('/ws');
    const { snapshot, cursor } = await client.subscribe({ stream: 'trades', symbols: '*' });
    assert.deepEqual(
      snapshot.map(({ symbol, price }: Message) => [symbol, price]),
      [
        ['AAPL', '0.01'],
        ['MSFT', '0.02'],
      ],
    );
    assert.equal(cursor, cursorAt(one, 1));
    const candles = await client.subscribe({ id: 'c', stream: 'candles', symbols: ['AAPL'] });
    assert.deepEqual(
      candles.snapshot.map(({ close }: Message) => close),
      ['1.01'],
    );
  });

  test('tells summaries of what changed, each once at a time', async (t) => {
    const clock = new ManualClock(monday);
    const one = await rig(t, { clock });
    const client = await one.connect('/ws');
    const { snapshot, policy } = await client.subscribe({ stream: 'summary', symbols: '*' });
    assert.equal(policy, 'conflate');
    assert.deepEqual(snapshot, (await one.get('/api/v1/market-summary')).body.summaries);
    const day = { interval: '1d', time: monday } as const;
    for (const close of [101, 102, 103]) {
      await one.tape.candles({ ...day, ohlc: [100, close, 100, close] });
    }
    await one.settled();
    await clock.advance(250);
    const { type, cursor, ...summary } = await client.next();
    assert.deepEqual([type, cursor], ['summary', cursorAt(one, 2)]);
    assert.deepEqual(summary, (await one.get('/api/v1/market-summary')).body.summaries[0]);
    assert.equal(summary.last, '1.03');
    await one.tape.trades({ symbol: 'MSFT', time: monday, price: 1 });
    await one.settled();
    await clock.advance(250);
    assert.equal((await client.next()).symbol, 'MSFT');
  });

  test('tells indicators of the symbols in a list', async (t) => {
    const one = await rig(t);
    for (const symbol of ['AAPL', 'MSFT']) {
      await one.tape.candles(final(0, 100, symbol), final(1, 200, symbol));
    }
    await one.history.persistAll();
    await one.settled();
    const client = await one.connect('/ws');
    const list = { stream: 'candles', symbols: ['AAPL', 'MSFT'], indicators: ['sma:2'] };
    const { snapshot, indicators } = await client.subscribe(list);
    assert.deepEqual(indicators, ['sma:2']);
    assert.deepEqual(snapshot[1].indicators, { 'sma:2': { sma: 1.5 } });
    await one.tape.candles(final(2, 400, 'MSFT'), final(2, 600));
    assert.deepEqual(await told(client, 2, 'symbol', 'indicators'), [
      ['MSFT', { 'sma:2': { sma: 3 } }],
      ['AAPL', { 'sma:2': { sma: 4 } }],
    ]);
  });
});

test('what is said on all sockets is described at /asyncapi.json', async (t) => {
  const one = await rig(t);
  const { body, status } = await one.get('/asyncapi.json');
  assert.equal(status, 200);
  assert.equal(body.asyncapi, '3.0.0');
  const at = (reference: string): Message =>
    reference
      .slice(2)
      .split('/')
      .reduce((found, name) => found[name], body);
  for (const [name, operation] of Object.entries<Message>(body.operations)) {
    const channel = at(operation.channel.$ref);
    assert(channel.address.startsWith('/ws'), name);
    assert(operation.messages.length > 0);
    for (const { $ref } of operation.messages) {
      const { payload } = at(at($ref).$ref);
      assert.equal(payload.type, 'object', $ref);
    }
  }
  const { trade, subscribe } = body.components.messages;
  assert.match(trade.payload.properties.price.description, /Exact decimal/);
  assert.deepEqual(subscribe.payload.required, ['op', 'id', 'stream', 'symbols']);
});

suite('a cursor', () => {
  test('goes on after the message that had it, over many symbols', async (t) => {
    const one = await rig(t);
    const mixed = (index: number) => ({
      symbol: index % 3 === 0 ? 'MSFT' : 'AAPL',
      time: monday + index,
      price: 100 + index,
    });
    const all = Array.from({ length: 30 }, (_, index) => mixed(index));
    for (let index = 0; index < 30; index += 10) {
      await one.tape.trades(...all.slice(index, index + 10));
    }
    await one.settled();
    for (const after of [-1, 0, 4, 9, 10, 28]) {
      const client = await one.connect('/ws');
      const cursor = cursorAt(one, after);
      const symbols = ['AAPL', 'MSFT'];
      const subscribed = await client.subscribe({ stream: 'trades', symbols, cursor });
      assert.deepEqual([subscribed.cursor, subscribed.snapshot], [cursor, []]);
      const expected = all.map(({ price }, index) => [cursorAt(one, index), String(price / 100)]);
      const messages = await told(client, 29 - after, 'cursor', 'price');
      assert.deepEqual(messages, expected.slice(after + 1));
    }
    const ready = await one.connect(`/ws/trades/MSFT?cursor=${cursorAt(one, 20)}`);
    assert.equal(ready.hello.snapshot, null);
    assert.deepEqual(await told(ready, 3, 'cursor'), [
      [cursorAt(one, 21)],
      [cursorAt(one, 24)],
      [cursorAt(one, 27)],
    ]);
  });

  test('that lies before what the log has kept is answered with a gap', async (t) => {
    const log = new MemoryLog();
    const one = await rig(t, { log });
    for (let index = 0; index < 5; index++) await one.tape.trades({ time: monday, price: 1 });
    await one.settled();
    log.forgetBefore('market.trades', 3);
    const client = await one.connect('/ws');
    await client.subscribe({ stream: 'trades', symbols: ['AAPL'], cursor: 'e1:0:0' });
    assert.deepEqual(await client.next(), {
      type: 'gap',
      id: 'w',
      stream: 'trades',
      symbols: ['AAPL'],
      reason: 'retention',
      from: 'e1:0:1',
      to: 'e1:0:3',
    });
    assert.deepEqual(await told(client, 2, 'cursor'), [['e1:0:3'], ['e1:0:4']]);
  });

  test('of another log is answered with a gap and what is now', async (t) => {
    const one = await rig(t);
    await one.tape.trades({ time: monday, price: 100 });
    await one.settled();
    const client = await one.connect('/ws');
    const asked = { stream: 'trades', symbols: '*', cursor: 'other:0:7' };
    const { type, reason, from, to, symbols } = await client.subscribe(asked);
    assert.deepEqual(
      [type, reason, from, to, symbols],
      ['gap', 'epoch', 'other:0:7', cursorAt(one, 0), '*'],
    );
    const { snapshot } = await client.next();
    assert.equal(snapshot[0].price, '1');
    await one.tape.trades({ time: monday + 1, price: 101 });
    assert.equal((await client.next()).price, '1.01');
  });

  test('of another log is answered so by a ready-made stream too', async (t) => {
    const one = await rig(t);
    await one.tape.trades({ time: monday, price: 100 });
    await one.settled();
    const client = await one.connect('/ws/trades/AAPL?cursor=other:0:7');
    const { hello: first } = client;
    assert.deepEqual([first.type, first.reason, first.id], ['gap', 'epoch', null]);
    const { type, cursor, snapshot } = await client.next();
    assert.deepEqual([type, cursor, snapshot.price], ['hello', cursorAt(one, 0), '1']);
  });

  test('of quotes brings the newest, or all when it is lossless', async (t) => {
    const one = await rig(t);
    for (let index = 1; index <= 4; index++) {
      await one.tape.quotes({ time: monday + index, bid: index, ask: 9 });
    }
    await one.settled();
    const client = await one.connect('/ws');
    const asked = { stream: 'quotes', symbols: ['AAPL'], cursor: cursorAt(one, 0) };
    const { snapshot } = await client.subscribe(asked);
    assert.deepEqual([snapshot.length, snapshot[0].bid], [1, '0.04']);
    client.say({ op: 'unsubscribe', id: 'w' });
    await client.next();
    await client.subscribe({ ...asked, policy: 'lossless' });
    assert.deepEqual(await told(client, 3, 'bid'), [['0.02'], ['0.03'], ['0.04']]);
  });

  test('of candles brings all that closed, and of the open ones the newest', async (t) => {
    const one = await rig(t);
    await one.tape.manyCandles(monday, 3);
    const open = { interval: '1s', time: monday + 3 * second } as const;
    await one.tape.candles(
      { ...open, ohlc: [1, 1, 1, 1] },
      { interval: '1s', time: monday, ohlc: [7, 7, 7, 7], state: 'revised', revision: 1 },
      { ...open, ohlc: [2, 2, 2, 2] },
    );
    await one.settled();
    const client = await one.connect('/ws');
    const asked = { stream: 'candles', symbols: ['AAPL'], interval: '1s' };
    await client.subscribe({ ...asked, cursor: cursorAt(one, -1) });
    assert.deepEqual(await told(client, 5, 'start', 'close', 'state'), [
      ...[0, 1, 2].map((index) => [formatTime(monday + index * second), '0.6', 'final']),
      [formatTime(monday), '0.07', 'revised'],
      [formatTime(monday + 3 * second), '0.02', 'open'],
    ]);
  });
});

suite('history', () => {
  test('of trades is the newest of each symbol, ascending, before what is live', async (t) => {
    const limits = { recentTradesMax: 32, recentTradesTotalMax: 0 };
    const one = await rig(t, { limits });
    for (let index = 0; index < 80; index++) {
      await one.tape.trades(
        { time: monday + index, price: 100 + index },
        { symbol: 'MSFT', time: monday + index, price: 200 + index },
      );
      if (index === 20) await one.history.persist('market.trades');
    }
    await one.settled();
    const client = await one.connect('/ws');
    const asked = { stream: 'trades', symbols: ['AAPL', 'MSFT'], history: 70 };
    const { snapshot, cursor } = await client.subscribe(asked);
    const expected = [100, 200].flatMap((first) =>
      Array.from({ length: 70 }, (_, index) => String((first + 10 + index) / 100)),
    );
    assert.deepEqual(
      snapshot.map(({ price }: Message) => price),
      expected,
    );
    assert.equal(cursor, cursorAt(one, 159));
    const { trades } = (await one.get('/api/v1/trades/AAPL?limit=70')).body;
    assert.deepEqual(snapshot.slice(0, 70), trades.reverse());
    await one.tape.trades({ time: monday + 100, price: 1 });
    assert.equal((await client.next()).cursor, cursorAt(one, 160));
  });

  test('of candles has their indicators, and comes in pages', async (t) => {
    const one = await rig(t);
    for (let index = 0; index < 2_100; index += 100) {
      const rows = Array.from({ length: 100 }, (_, row) => final(index + row, 100 + index + row));
      await one.tape.candles(...rows);
      if (index < 1_800) await one.history.persist('market.candles');
    }
    await one.settled();
    const client = await one.connect('/ws');
    client.say({
      op: 'subscribe',
      id: 'w',
      stream: 'candles',
      symbols: ['AAPL'],
      indicators: ['sma:2'],
      from: formatTime(monday + 10 * minute),
    });
    const [first, second_, { type, snapshot }] = await client.take(3);
    assert.deepEqual([first.type, second_.type, type], ['history', 'history', 'subscribed']);
    const rows = [...first.rows, ...second_.rows, ...snapshot];
    assert.equal(rows.length, 2_090);
    const fromRest = await one.get(
      `/api/v1/candles/AAPL?indicators=sma:2&limit=5000&from=${formatTime(monday + 10 * minute)}`,
    );
    assert.deepEqual(
      rows,
      fromRest.body.candles.map(({ adjustment: _raw, ...candle }: Message) => candle),
    );
  });

  test('of alerts is that of REST', async (t) => {
    const one = await rig(t);
    const alert = (index: number) => ({
      id: `id${index}`,
      kind: 'volatility' as const,
      symbol: index % 2 === 0 ? 'AAPL' : 'MSFT',
      time: formatTime(monday + index * minute),
      start: formatTime(monday),
      severity: 'low' as const,
      state: 'raised' as const,
      revision: 0,
      text: '',
      values: {},
    });
    for (let index = 0; index < 6; index++) {
      await one.tape.signals(alert(index));
      if (index === 3) await one.history.persist('market.signals');
    }
    await one.settled();
    const client = await one.connect('/ws');
    const all = await client.subscribe({ stream: 'alerts', symbols: '*', history: 4 });
    const { alerts } = (await one.get('/api/v1/alerts?limit=4')).body;
    assert.deepEqual(all.snapshot, alerts.reverse());
    const later = await one.connect('/ws');
    const from = formatTime(monday + 3 * minute);
    const { snapshot } = await later.subscribe({ stream: 'alerts', symbols: ['msft'], from });
    assert.deepEqual(
      snapshot.map(({ id }: Message) => id),
      ['id3', 'id5'],
    );
  });

  test('is refused where there is too much of it, or the store fails', async (t) => {
    const one = await rig(t, { limits: { historyRowsMax: 10 } });
    for (let index = 0; index < 11; index++) await one.tape.candles(final(index, 100));
    await one.settled();
    const client = await one.connect('/ws');
    const asked = { stream: 'candles', symbols: ['AAPL', 'MSFT'] };
    const tooMany = await client.subscribe({ ...asked, history: 6 });
    assert.deepEqual([tooMany.type, tooMany.code], ['error', 'limit-exceeded']);
    assert.match(tooMany.detail, /room for 5 of each of 2/);
    const since = { ...asked, symbols: ['AAPL'], from: formatTime(monday) };
    assert.match((await client.subscribe(since)).detail, /more than 10/);
    one.history.failure = new Error('no database');
    assert.match((await client.subscribe({ ...asked, history: 1 })).detail, /no database/);
    one.history.failure = null;
    assert.equal((await client.subscribe({ ...asked, history: 5 })).type, 'subscribed');
  });

  test('that is waited for delays neither what is live nor its own end', async (t) => {
    const one = await rig(t);
    const { asked, answers } = holdHistory(one);
    const client = await one.connect('/ws');
    const candles = { op: 'subscribe', stream: 'candles', interval: '1m' };
    client.say({ ...candles, id: 'held', symbols: ['AAPL'], history: 5 });
    await asked.promise;
    one.history.failure = new Error('no database');
    const indicators = ['sma:2'];
    client.say({ ...candles, id: 'fails', symbols: ['MSFT'], indicators });
    client.say({ ...candles, id: 'gone', symbols: ['MSFT'], interval: '5m', history: 5 });
    client.say({ op: 'unsubscribe', id: 'gone' });
    assert.deepEqual(await client.next(), { type: 'unsubscribed', id: 'gone' });
    await client.subscribe({ id: 't', stream: 'trades', symbols: '*' });
    await one.tape.trades({ time: monday, price: 1 });
    assert.equal((await client.next()).type, 'trade');
    answers.resolve();
    assert.deepEqual(await told(client, 2, 'type', 'id'), [
      ['subscribed', 'held'],
      ['error', 'fails'],
    ]);
    client.say({ op: 'ping' });
    assert.equal((await client.next()).type, 'pong');
  });
});

// Whatever a client of /ws says, it is answered with a code and a cure, or closed with a code that
// says whether to come back; and nobody else notices.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { ManualClock } from '../../src/base/clock.ts';
import { Gate } from '../../src/gateway/stream/gate.ts';
import { MemoryLog } from './memory-log.ts';
import { type Rig, refusal, rig } from './rig.ts';
import { seeded } from './seed.ts';
import { monday } from './tape.ts';

const trades = { op: 'subscribe', id: 'w', stream: 'trades', symbols: ['AAPL'] };
const candles = { ...trades, stream: 'candles' };
const many = Array.from({ length: 2_001 }, (_, index) => `S${index}`);

suite('a bad message is answered with a code and a cure', () => {
  test('that name what is wrong with it', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws');
    await client.subscribe({ ...trades, id: 'first', symbols: ['MSFT'] });
    const cases: readonly (readonly [said: unknown, code: string, detail: RegExp])[] = [
      ['', 'bad-request', /no JSON/],
      ['{', 'bad-request', /no JSON/],
      ['[]', 'bad-request', /no "op"/],
      ['null', 'bad-request', /no "op"/],
      ['"subscribe"', 'bad-request', /no "op"/],
      [{ op: 'constructor' }, 'bad-request', /no "op"/],
      [{ op: ['subscribe'] }, 'bad-request', /no "op"/],
      [{ op: 'ping', id: 'x' }, 'bad-request', /"id" is unknown/],
      [{ op: 'subscribe' }, 'bad-request', /There is no "id", "stream", "symbols"/],
      [{ ...trades, id: '' }, 'bad-request', /"id" is ""/],
      [{ ...trades, id: 7 }, 'bad-request', /"id" is 7/],
      [{ ...trades, stream: 'weather' }, 'bad-request', /"stream" is "weather"/],
      [{ ...trades, symbols: 'AAPL' }, 'bad-request', /"symbols" is "AAPL"/],
      [{ ...trades, symbols: [] }, 'bad-request', /"symbols" is empty/],
      [{ ...trades, symbols: ['AAPL', 7] }, 'bad-request', /at 1/],
      [{ ...trades, symbols: ['AAPL', 'NOPE'] }, 'not-found', /"NOPE"/],
      [{ ...trades, symbols: many }, 'not-found', /"S0"/],
      [{ ...trades, stream: 'alerts', symbols: many }, 'limit-exceeded', /2002 symbols/],
      [{ ...trades, symbols: ['x'.repeat(70)] }, 'bad-request', /"symbols" is \["x+…/],
      [{ ...trades, colour: 'red' }, 'bad-request', /"colour" is unknown/],
      [{ ...trades, interval: '1m' }, 'bad-request', /"interval" is unknown here: trades/],
      [{ ...trades, policy: 'none' }, 'bad-request', /"policy" is "none"/],
      [{ ...trades, stream: 'alerts', policy: 'conflate' }, 'bad-request', /alerts cannot have/],
      [{ ...trades, stream: 'summary', policy: 'skip' }, 'bad-request', /summary cannot have/],
      [{ ...trades, cursor: 'x' }, 'bad-request', /"x" is no cursor/],
      [{ ...trades, cursor: 'e1:0:5,e1:0:6' }, 'bad-request', /no cursor/],
      [{ ...trades, cursor: 'e1:0:5', history: 1 }, 'bad-request', /More than one/],
      [{ ...trades, history: 0 }, 'bad-request', /"history" is 0/],
      [{ ...candles, history: 1e9 }, 'limit-exceeded', /room for 20000/],
      [{ ...trades, from: 'yesterday' }, 'bad-request', /no time/],
      [{ ...trades, stream: 'quotes', history: 5 }, 'bad-request', /quotes have none/],
      [{ ...candles, interval: '2m' }, 'bad-request', /"interval" is "2m"/],
      [{ ...candles, indicators: ['magic:7'] }, 'bad-request', /magic:7/],
      [{ ...candles, symbols: '*', indicators: ['sma:20'] }, 'bad-request', /every symbol/],
      [{ ...trades, id: 'first' }, 'bad-request', /"first" already/],
      [{ ...trades, symbols: '*' }, 'bad-request', /Subscription "first" has some/],
      [{ op: 'unsubscribe', id: 'w' }, 'not-found', /no subscription "w"/],
      [`{"op":"subscribe","id":${'['.repeat(16_000)}${']'.repeat(16_000)}}`, 'bad-request', /no/],
      [`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, 'bad-request', /no "op"/],
    ];
    for (const [said, code, detail] of cases) {
      client.say(said as object);
      const answer = await client.next();
      const what = JSON.stringify(said)?.slice(0, 80);
      assert.equal(answer.type, 'error', `${what}: ${JSON.stringify(answer)}`);
      assert.equal(answer.code, code, `${what}: ${answer.detail}`);
      assert.match(answer.detail, detail);
      assert(answer.cure.length > 0 && answer.detail.length < 300, what);
      const id = typeof said === 'string' ? null : (said as { id?: unknown }).id;
      assert.equal(answer.id, typeof id === 'string' ? id : null, what);
    }
    client.socket.send(Buffer.from(JSON.stringify(trades)), { binary: true });
    assert.match((await client.next()).detail, /binary/);
    await one.tape.trades({ symbol: 'MSFT', time: monday, price: 1 });
    assert.equal((await client.next()).price, '0.01', 'what was subscribed before goes on');
    const { body } = await one.get('/metrics');
    assert.match(body, /tapeline_stream_errors_total\{code="not-found"\} 3/);
  });

  test('whatever it is made of', async (t) => {
    const limits = { messagesPerSecondMax: 1e9 };
    const one = await rig(t, { limits });
    const [client, other] = [await one.connect('/ws'), await one.connect('/ws/trades/AAPL')];
    const value = fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(...Object.values(trades), '*', 'candles', 'MSFT', '1m', 'e1:0:0', 'lossless'),
      fc.jsonValue(),
    );
    const field = fc.constantFrom(
      'op',
      'id',
      'stream',
      'symbols',
      'interval',
      'price',
      'indicators',
      'severity',
      'policy',
      'cursor',
      'history',
      'from',
      '__proto__',
      'constructor',
      'toString',
    );
    const changed = fc.dictionary(field, value, { maxKeys: 3 }).map((more) => {
      return JSON.stringify(Object.assign(Object.create(null), trades, more));
    });
    const said = fc.oneof(changed, changed, fc.json(), fc.string());
    await fc.assert(
      fc.asyncProperty(said, async (text) => {
        client.say(text);
        client.say({ op: 'ping' });
        const answer = await client.next();
        if (answer.type === 'pong') assert.equal(JSON.parse(text).op, 'ping');
        if (answer.type === 'error') assert(answer.code && answer.detail && answer.cure);
        const { id } = answer;
        for (let next = answer; next.type !== 'pong'; next = await client.next());
        if (answer.type !== 'subscribed') return;
        client.say({ op: 'unsubscribe', id });
        assert.deepEqual(await client.next(), { type: 'unsubscribed', id });
      }),
      seeded(400),
    );
    await one.tape.trades({ time: monday, price: 1 });
    assert.equal((await other.next()).price, '0.01');
  });

  test('and one at a ready-made stream says where to go', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws/trades/AAPL');
    client.say(trades);
    const { type, id, cure } = await client.next();
    assert.deepEqual([type, id], ['error', 'w']);
    assert.match(cure, /Connect to \/ws/);
    client.say({ op: 'ping' });
    assert.deepEqual(await client.next(), { type: 'pong' });
  });
});

suite('a client has bounds', () => {
  test('on its subscriptions, and their symbols', async (t) => {
    const one = await rig(t, { limits: { subscriptionsMax: 2, symbolsMax: 3 } });
    const client = await one.connect('/ws');
    await client.subscribe({ ...trades, id: 'a' });
    const more = { ...candles, symbols: ['AAPL', 'MSFT'] };
    assert.equal((await client.subscribe({ ...more, id: 'b' })).type, 'subscribed');
    const answer = await client.subscribe({ ...trades, id: 'c', symbols: ['MSFT'] });
    assert.deepEqual([answer.code, answer.id], ['limit-exceeded', 'c']);
    client.say({ op: 'unsubscribe', id: 'b' });
    await client.next();
    const three = { ...more, symbols: ['AAPL', 'MSFT', 'AAPL'] };
    assert.equal((await client.subscribe({ ...three, id: 'd' })).type, 'subscribed');
  });

  test('on what it says in a second', async (t) => {
    const clock = new ManualClock(monday);
    const one = await rig(t, { clock, limits: { messagesPerSecondMax: 3 } });
    const client = await one.connect('/ws');
    for (let index = 0; index < 3; index++) client.say({ op: 'ping' });
    await client.take(3);
    await clock.advance(1_000);
    for (let index = 0; index < 4; index++) client.say({ op: 'ping' });
    const { code, reason } = await client.closed();
    assert.equal(code, 4003);
    assert.match(reason, /More than 3 messages in a second/);
  });

  test('on its pings too, which the server answers', async (t) => {
    const one = await rig(t, { limits: { messagesPerSecondMax: 3 } });
    const client = await one.connect('/ws/trades/AAPL');
    for (let index = 0; index < 40; index++) client.socket.ping();
    assert.equal((await client.closed()).code, 4003);
  });

  test('on how long it may subscribe to nothing', async (t) => {
    const clock = new ManualClock(monday);
    const one = await rig(t, { clock, limits: { pingMs: 1e9 } });
    const [idle, busy] = [await one.connect('/ws'), await one.connect('/ws')];
    await busy.subscribe(trades);
    const closed = idle.closed();
    await clock.advance(61_000);
    assert.equal((await closed).code, 4502);
    assert.equal(busy.socket.readyState, WebSocket.OPEN);
  });

  test('on the size of a message', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws');
    client.say(JSON.stringify({ ...trades, symbols: many }).padEnd(32_769));
    assert.equal((await client.closed()).code, 1009);
  });

  test('on the time for a handshake', async (t) => {
    const one = await rig(t, { limits: { headersMsMax: 300, requestMsMax: 300 } });
    const { hostname, port } = new URL(one.gateway.url);
    const loris = connect(Number(port), hostname);
    loris.write('GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n');
    let answer = '';
    loris.on('data', (bytes) => {
      answer += String(bytes);
    });
    await once(loris, 'close');
    assert.match(answer, /^HTTP\/1\.1 408 /);
  });

  test('on what is read for it from the log before others have their turn', async (t) => {
    const log = new MemoryLog();
    const one = await rig(t, { log });
    const row = { symbol: 'MSFT', time: monday, price: 1 };
    for (let index = 0; index < 40; index++) {
      await one.tape.trades(...Array.from({ length: 4_000 }, () => row));
    }
    await one.settled();
    let [inTurn, most, all] = [0, 0, 0];
    const read = log.read.bind(log);
    log.read = (...what) => {
      if (inTurn++ === 0) setImmediate(() => (inTurn = 0));
      most = Math.max(most, inTurn);
      all++;
      return read(...what);
    };
    const clients = await Promise.all(Array.from({ length: 8 }, () => one.connect('/ws')));
    for (const client of clients) await client.subscribe({ ...trades, cursor: 'e1:0:0' });
    await one.tape.trades({ time: monday, price: 7 });
    for (const client of clients) assert.equal((await client.next()).price, '0.07');
    assert(all > 100 && most <= 5, `${all} reads, ${most} in a turn`);
  });

  test('on histories that are read at once, over all clients', async () => {
    const gate = new Gate(2);
    const running: PromiseWithResolvers<void>[] = [];
    const work = (): Promise<void> => {
      running.push(Promise.withResolvers());
      return running.at(-1)?.promise ?? Promise.resolve();
    };
    const all = Promise.allSettled([1, 2, 3, 4].map(() => gate.run(work)));
    assert.equal(running.length, 2);
    running[0].reject(new Error('its own affair'));
    await new Promise(setImmediate);
    assert.equal(running.length, 3);
    running[1].resolve();
    await new Promise(setImmediate);
    for (const { resolve } of running.slice(2)) resolve();
    const results = await all;
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
    );
  });
});

suite('on the interface of this machine', () => {
  /** Fetch writes the header Host itself. */
  async function statusFor({ gateway }: Rig, host: string): Promise<number | undefined> {
    const asked = request(new URL('/api/v1/symbols', gateway.url), { headers: { host } });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  }

  test('only names are answered that lead nowhere else, or are allowed', async (t) => {
    const one = await rig(t, { allowedOrigins: ['https://desk.example'] });
    const ours = ['localhost:8000', '127.0.0.1', '[::1]:80', 'gateway:8000', 'desk.example:8443'];
    for (const host of ours) assert.equal(await statusFor(one, host), 200, host);
    const others = [
      'evil.example:8000',
      'localhost.evil.example',
      'desk.example.evil.example',
      '%',
    ];
    for (const host of others) assert.equal(await statusFor(one, host), 403, host);
    const origin = 'http://evil.example:8000';
    const headers = { host: 'evil.example:8000', origin };
    const { status, cure } = await refusal(one, '/ws', headers);
    assert.equal(status, 403);
    assert.match(cure, /ALLOWED_ORIGINS/);
  });
});

suite('a page may connect', () => {
  test('from our origin, from this machine, and from those that are allowed', async (t) => {
    const one = await rig(t, { allowedOrigins: ['https://desk.example'] });
    const { host } = new URL(one.gateway.url);
    for (const origin of [`http://${host}`, 'http://localhost:5173', 'https://desk.example']) {
      const socket = new WebSocket(`ws://${host}/ws`, { origin });
      await once(socket, 'open');
      socket.terminate();
    }
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
      const { status, detail, cure } = await refusal(one, '/ws', { origin });
      assert.equal(status, 403);
      assert(detail.includes(origin));
      assert.match(cure, /ALLOWED_ORIGINS/);
    }
  });
});

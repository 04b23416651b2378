import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { WebSocket } from 'ws';
import { ManualClock } from '../../src/base/clock.ts';
import { MemoryLog } from './memory-log.ts';
import { refusal, rig } from './rig.ts';
import { monday, second } from './tape.ts';

suite('a stream', () => {
  test('of trades greets with the last one, then tells every later one in order', async (t) => {
    const one = await rig(t);
    await one.tape.trades({ time: monday, price: 100 }, { symbol: 'MSFT', time: monday, price: 5 });
    await one.settled();
    const client = await one.connect('/ws/trades/aapl');
    const { epoch } = one.log;
    assert.equal(client.hello.type, 'hello');
    assert.equal(client.hello.symbol, 'AAPL');
    assert.equal(client.hello.cursor, `${epoch}:0:1`);
    assert.equal(client.hello.snapshot.price, '1');
    await one.tape.trades(
      { time: monday + 1, price: 101 },
      { symbol: 'MSFT', time: monday + 1, price: 6 },
      { time: monday + 2, price: 102 },
    );
    await one.tape.trades({ time: monday + 3, price: 103 });
    const told = await client.take(3);
    assert.deepEqual(
      told.map(({ type }) => type),
      ['trade', 'trade', 'trade'],
    );
    assert.deepEqual(
      told.map(({ cursor }) => cursor),
      [2, 4, 5].map((offset) => `${epoch}:0:${offset}`),
    );
    assert.deepEqual(
      told.map(({ price }) => price),
      ['1.01', '1.02', '1.03'],
    );
    assert.deepEqual(
      told.map(({ sequence }) => sequence),
      [1, 2, 3],
    );
    const { trades } = (await one.get('/api/v1/trades/AAPL?limit=1')).body;
    const { type: _type, cursor: _cursor, ...trade } = told[2];
    assert.deepEqual(trade, trades[0], 'a message is the wire object with its type and cursor');
  });

  test('of quotes greets with the latest, then tells every change', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws/quotes/MSFT');
    assert.equal(client.hello.snapshot, null);
    assert.equal(client.hello.cursor, `${one.log.epoch}:0:-1`);
    await one.tape.quotes({ symbol: 'MSFT', time: monday, bid: 41_000, ask: 0 });
    const { type, bid, ask, askSize } = await client.next();
    assert.deepEqual([type, bid, ask, askSize], ['quote', '410', null, null]);
  });

  test('of candles tells those of its interval and price kind only', async (t) => {
    const one = await rig(t);
    const minutes = await one.connect('/ws/candles/AAPL');
    const bids = await one.connect('/ws/candles/AAPL?interval=5m&price=bid');
    assert.deepEqual([minutes.hello.interval, minutes.hello.price], ['1m', 'trade']);
    await one.tape.candles(
      { interval: '1m', time: monday, ohlc: [1, 2, 1, 2], state: 'final' },
      { interval: '5m', time: monday, ohlc: [3, 3, 3, 3] },
      { interval: '5m', price: 'bid', time: monday, ohlc: [4, 4, 4, 4] },
      { interval: '1m', time: monday + 60 * second, ohlc: [5, 5, 5, 5] },
      { symbol: 'MSFT', interval: '1m', time: monday, ohlc: [6, 6, 6, 6] },
    );
    const told = await minutes.take(2);
    assert.deepEqual(
      told.map(({ close, state }) => [close, state]),
      [
        ['0.02', 'final'],
        ['0.05', 'open'],
      ],
    );
    const { type, close, interval, price } = await bids.next();
    assert.deepEqual([type, close, interval, price], ['candle', '0.04', '5m', 'bid']);
    await one.settled();
    const later = await one.connect('/ws/candles/AAPL?interval=1m');
    assert.equal(later.hello.snapshot.close, '0.05');
  });

  test('is the same for every client, also for one that comes in the middle', async (t) => {
    const one = await rig(t);
    const early = await one.connect('/ws/trades/AAPL');
    for (let index = 0; index < 50; index++)
      await one.tape.trades({ time: monday + index, price: 1 });
    const late = await one.connect('/ws/trades/AAPL');
    for (let index = 50; index < 100; index++)
      await one.tape.trades({ time: monday + index, price: 1 });
    const all = await early.take(100);
    const from = Number(late.hello.cursor.split(':')[2]) + 1;
    assert.deepEqual(await late.take(100 - from), all.slice(from));
    assert.deepEqual(
      all.map(({ sequence }) => sequence),
      [...all.keys()],
    );
  });

  test('declares what the log lost', async (t) => {
    const log = new MemoryLog();
    const one = await rig(t, { log });
    const clients = [await one.connect('/ws/trades/AAPL'), await one.connect('/ws/trades/MSFT')];
    log.damageNext('market.trades');
    await one.tape.trades({ time: monday, price: 1 }, { time: monday, price: 2 });
    await one.tape.trades({ time: monday + 1, price: 3 });
    for (const client of clients) {
      const { type, reason, from, to } = await client.next();
      assert.deepEqual([type, reason, from, to], ['gap', 'damaged', 'e1:0:0', 'e1:0:2']);
    }
    assert.equal((await clients[0].next()).price, '0.03');
    const { body } = await one.get('/metrics');
    assert.match(body, /tapeline_gateway_lost_records_total\{.*reason="damaged".*\} 2/);
    assert.match(body, /tapeline_stream_missed_records_total\{stream="trades"\} 4/);
  });
});

suite('a handshake is refused as an HTTP problem', () => {
  test('when there is no such stream, symbol or parameter', async (t) => {
    const one = await rig(t);
    const cases: readonly (readonly [path: string, status: number, detail: RegExp])[] = [
      ['/ws/trades/NOPE', 404, /"NOPE"/],
      ['/ws/news/AAPL', 404, /no stream/],
      ['/ws?symbols=AAPL', 400, /no parameters/],
      ['/ws/trades/AAPL?cursor=x', 400, /no cursor/],
      ['/ws/alerts?policy=conflate', 400, /alerts cannot have/],
      ['/', 404, /no stream/],
      ['/ws/candles/AAPL?interval=2m', 400, /"interval" is "2m"/],
      ['/ws/candles/AAPL?price=', 400, /"price" is ""/],
      ['/ws/candles/AAPL?indicators=sma:20;magic:7', 400, /magic:7/],
      ['/ws/candles/AAPL?indicators=', 400, /indicator ""/],
      [`/ws/candles/AAPL?indicators=${'vwap;'.repeat(10)}sma`, 400, /11 indicators/],
      ['/ws/trades/AAPL?indicators=sma:20', 400, /"indicators" is unknown here/],
      ['/ws/candles/AAPL?interval=1m&interval=5m', 400, /given twice/],
      ['/ws/trades/AAPL?interval=1m', 400, /"interval" is unknown here/],
      ['/ws/trades/%E0%A4%A', 404, /no symbol/],
      [`/ws/trades/AAPL?${'x'.repeat(3000)}`, 400, /URL has/],
    ];
    for (const [path, status, detail] of cases) {
      const problem = await refusal(one, path);
      assert.equal(problem.status, status, path);
      assert.match(problem.detail, detail);
      assert.ok(problem.cure.length > 0);
    }
  });

  test('when it is malformed', async (t) => {
    const one = await rig(t);
    for (const headers of [
      { 'sec-websocket-key': 'short' },
      { 'sec-websocket-version': '99' },
      { 'sec-websocket-protocol': '???,,' },
    ]) {
      assert.equal((await refusal(one, '/ws/trades/AAPL', headers)).status, 400);
    }
  });

  test('when there are too many', async (t) => {
    const one = await rig(t, { limits: { streamsMax: 2 } });
    const first = await one.connect('/ws/trades/AAPL');
    await one.connect('/ws/trades/AAPL');
    const problem = await refusal(one, '/ws/trades/AAPL');
    assert.equal(problem.status, 429);
    first.socket.close();
    await first.closed();
    await one.measures(/^tapeline_stream_connections 1$/m);
    await one.connect('/ws/trades/AAPL');
  });

  test('but a request that merely offers HTTP/2 is answered', async (t) => {
    const one = await rig(t);
    const { hostname, port } = new URL(one.gateway.url);
    const headers = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMA',
    };
    const asked = request({ hostname, port, path: '/api/v1/symbols', headers });
    asked.end();
    const [response] = await once(asked, 'response');
    assert.equal(response.statusCode, 200);
    response.resume();
  });

  test('and bytes that are no handshake harm nobody', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws/trades/AAPL');
    const { hostname, port } = new URL(one.gateway.url);
    const bad = [
      'GET /ws/trades/AAPL HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n' +
        'Connection: Upgrade\r\n\r\n',
      'POST /ws/trades/AAPL HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      'GET //\\ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      'GET http://[ HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n',
    ];
    for (const text of bad) {
      const socket = connect(Number(port), hostname);
      let answer = '';
      socket.on('data', (bytes) => {
        answer += String(bytes);
      });
      socket.write(text);
      await once(socket, 'close');
      assert.match(answer, /^HTTP\/1\.1 4\d\d [\s\S]*problem\+json/);
    }
    await one.tape.trades({ time: monday, price: 1 });
    assert.equal((await client.next()).price, '0.01');
  });
});

suite('a connection', () => {
  test('that sends more than it has to say is closed', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws/trades/AAPL');
    client.socket.send('x'.repeat(32_769));
    assert.equal((await client.closed()).code, 1009);
  });

  test('that sends frames which are none is closed, and others go on', async (t) => {
    const one = await rig(t);
    const [bad, good] = [
      await one.connect('/ws/trades/AAPL'),
      await one.connect('/ws/trades/AAPL'),
    ];
    rawSocket(bad.socket).write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    assert.equal((await bad.closed()).code, 1002);
    await one.tape.trades({ time: monday, price: 1 });
    assert.equal((await good.next()).price, '0.01');
  });

  test('is pinged, and dropped when it no longer answers', async (t) => {
    const clock = new ManualClock(monday);
    const one = await rig(t, { clock });
    const [deaf, alive] = [
      await one.connect('/ws/trades/AAPL'),
      await one.connect('/ws/trades/AAPL'),
    ];
    rawSocket(deaf.socket).pause(); // reads nothing, so answers nothing
    const gone = one.get('/metrics'); // the server is reached all the same
    for (let ping = 0; ping < 3; ping++) {
      const pinged = once(alive.socket, 'ping');
      await clock.advance(15_000);
      await pinged;
      await one.get('/health'); // the pong travels ahead of this answer
    }
    await gone;
    await one.measures(/^tapeline_stream_connections 1$/m);
    assert.match((await one.get('/metrics')).body, /stream_closed_total\{reason="no-pong"\} 1/);
    assert.equal(alive.socket.readyState, WebSocket.OPEN);
  });

  test('is told when the server stops', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws/trades/AAPL');
    const closed = client.closed();
    await one.gateway.close();
    assert.equal((await closed).code, 1001);
  });
});

function rawSocket(socket: WebSocket) {
  return (socket as unknown as { _socket: import('node:net').Socket })._socket;
}

// Server-sent events: the messages of /ws, with ids from which a browser goes on by itself. Over a
// real log and a real socket, cut at every event.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import { prng } from '../../src/base/prng.ts';
import { listen } from '../../src/gateway/listener.ts';
import { EventClient, type StreamEvent } from './event-client.ts';
import { MemoryLog } from './memory-log.ts';
import { type Rig, rig } from './rig.ts';
import { monday, second } from './tape.ts';

const seed = Number(process.env.FC_SEED ?? 20_261_121);

/** Four subscriptions: lists, all symbols, a past, and filters. */
const query =
  'stream=trades&symbols=AAPL,msft' +
  '&stream=quotes&symbols=*&policy=lossless' +
  '&stream=candles&symbols=AAPL&interval=1m&history=5' +
  '&stream=alerts&symbols=*&severity=low&id=low%20alerts';
const kinds = ['trade', 'quote', 'candle', 'alert'];

/** A row or two for each of the four, with some that are for nobody. */
async function write({ tape }: Rig, from: number, count: number): Promise<void> {
  for (let index = from; index < from + count; index++) {
    const time = monday + index * 60 * second;
    const symbol = index % 2 === 0 ? 'AAPL' : 'MSFT';
    const price = 100 + index;
    await tape.trades({ symbol, time, price }, { symbol: 'OTHER', time, price });
    await tape.quotes({ symbol, time, bid: price, ask: price }, { time, bid: 1, ask: price });
    const ohlc = [price, price, price, price] as const;
    await tape.candles({ symbol, interval: '1m', time, ohlc, state: 'final' });
    const severity = index % 3 === 0 ? 'high' : 'low';
    await tape.signals({ ...signal, id: `s${index}`, symbol, severity });
  }
}

const signal = {
  kind: 'volatility' as const,
  time: '2024-05-06T14:31:00Z',
  start: '2024-05-06T14:30:00Z',
  state: 'raised' as const,
  revision: 0,
  text: 'with "quotes", "cursor":"x" and\na line',
  values: {},
};

/** The cursors that were told, by the type of what they brought. */
function cursorsOf(events: readonly StreamEvent[]): Record<string, string[]> {
  const ofType = (type: string): string[] =>
    events.filter(({ message }) => message.type === type).map(({ message }) => message.cursor);
  return Object.fromEntries(kinds.map((kind) => [kind, ofType(kind)]));
}

/** Events until each of the four subscriptions has begun. */
async function begun(client: EventClient): Promise<StreamEvent[]> {
  let left = kinds.length;
  return await client.until(({ type }) => type === 'subscribed' && --left === 0);
}

/** How many of the messages that `write` causes come by this query. */
const toldOf = (batches: number): number => batches + 2 * batches + batches / 2 + (batches * 2) / 3;

suite('a stream of events', () => {
  test('cut after any event goes on after it, with no hole and nothing twice', async (t) => {
    const one = await rig(t);
    await one.tape.introduce('OTHER');
    const first = await EventClient.open(one, query);
    const beginning = await begun(first);
    await write(one, 0, 12);
    const whole = [...beginning, ...(await first.take(toldOf(12)))];
    assert.equal(first.retry, '1000');
    const all = cursorsOf(whole);
    assert.deepEqual(
      kinds.map((kind) => all[kind].length),
      [12, 24, 6, 8],
    );
    for (let cut = beginning.length; cut <= whole.length; cut++) {
      const client = await EventClient.open(one, query, whole[cut - 1].id);
      const rest = await client.take(1 + kinds.length + whole.length - cut);
      const snapshots = rest.flatMap(({ message }) => message.snapshot ?? []);
      assert.deepEqual(snapshots, [], 'nothing is told anew');
      const told = cursorsOf([...whole.slice(0, cut), ...rest]);
      assert.deepEqual(told, all, `cut after event ${cut}`);
      client.cut();
    }
  });

  test('cut before all has begun begins the others anew', async (t) => {
    const one = await rig(t);
    await one.tape.trades({ time: monday, price: 1 });
    await write(one, 0, 6);
    await one.settled();
    const first = await EventClient.open(one, query);
    const opening = await first.until(({ type, id }) => type === 'subscribed' && id === '2');
    first.cut();
    const { id } = opening[opening.length - 1];
    assert.match(id, /^[^:,]+:0:\d+,[^:,]+:0:\d+,,/);
    const again = await EventClient.open(one, query, id);
    const begun = await again.until((message) => message.id === '3');
    const rows = Object.fromEntries(
      begun
        .filter(({ message }) => message.type === 'subscribed')
        .map(({ message }) => [message.id, message.snapshot.length]),
    );
    assert.deepEqual([rows['1'], rows['2'], rows['3']], [0, 0, 3]);
  });

  test('cut again and again while the market goes on tells everything once', async (t) => {
    const one = await rig(t);
    await one.tape.introduce('OTHER');
    const random = prng(seed);
    const live = await EventClient.open(one, query);
    await begun(live);
    const whole = live.take(toldOf(150));
    let client = await EventClient.open(one, query);
    let id = (await begun(client))[kinds.length].id;
    const writing = write(one, 0, 150);
    const told: StreamEvent[] = [];
    let cuts = 0;
    while (told.length < toldOf(150)) {
      for (let left = random.integer(40); left > 0 && told.length < toldOf(150); left--) {
        const event = await client.next();
        id = event.id;
        if (kinds.includes(event.message.type)) told.push(event);
      }
      client.cut();
      cuts++;
      client = await EventClient.open(one, query, id);
    }
    client.cut();
    await writing;
    assert.deepEqual(cursorsOf(told), cursorsOf(await whole), `seed ${seed}`);
    assert(cuts > 10, `${cuts} cuts`);
  });

  test('is at both paths, kept by nobody, and described', async (t) => {
    const one = await rig(t);
    const asked = await fetch(`${one.gateway.url}/api/stream?stream=summary&symbols=*`);
    assert.equal(asked.status, 200);
    assert.equal(asked.headers.get('cache-control'), 'no-store');
    assert.equal(asked.headers.get('x-content-type-options'), 'nosniff');
    await asked.body?.cancel();
    const { paths } = (await one.get('/openapi.json')).body;
    const { parameters, responses } = paths['/api/v1/stream'].get;
    assert.ok(responses['200'].content['text/event-stream']);
    const names = parameters.map(({ name }: { name: string }) => name);
    for (const name of ['stream', 'symbols', 'policy', 'history', 'last-event-id']) {
      assert.ok(names.includes(name), name);
    }
  });

  test('of another log is told a gap first, and then what is now', async (t) => {
    const one = await rig(t);
    await one.tape.trades({ time: monday, price: 100 });
    await one.settled();
    const client = await EventClient.open(one, 'stream=trades&symbols=*', 'other:0:7');
    const [hello, gap, subscribed] = await client.take(3);
    assert.equal(hello.message.epoch, one.log.epoch);
    const { reason, from, to } = gap.message;
    assert.deepEqual([reason, from, to], ['epoch', 'other:0:7', `${one.log.epoch}:0:0`]);
    assert.equal(gap.id, 'other:0:7', 'cut here, it is told again with the snapshot');
    assert.equal(subscribed.id, `${one.log.epoch}:0:0`);
    assert.equal(subscribed.message.snapshot[0].price, '1');
  });
});

suite('a client of events', () => {
  test('that is quiet hears a heartbeat', async (t) => {
    const clock = new ManualClock(monday);
    const one = await rig(t, { clock });
    const client = await EventClient.open(one, 'stream=trades&symbols=AAPL');
    await client.take(2);
    for (let beat = 0; beat < 3; beat++) {
      await clock.advance(15_000);
      await one.tape.trades({ time: monday + beat, price: 1 });
      await client.next();
    }
    assert.equal(client.comments, 3);
  });

  test('is refused with a problem where it would be refused again', async (t) => {
    const one = await rig(t);
    const cases: readonly (readonly [query: string, status: number, detail: RegExp])[] = [
      ['', 400, /no "stream"/],
      ['symbols=AAPL', 400, /"symbols" is unknown here, given twice, or before/],
      ['stream=trades', 400, /no "symbols"/],
      ['stream=trades&symbols=AAPL&symbols=MSFT', 400, /"symbols" is unknown here, given twice/],
      ['stream=trades&symbols=AAPL&op=ping', 400, /"op" is unknown/],
      ['stream=trades&symbols=NOPE', 404, /"NOPE"/],
      ['stream=trades&symbols=AAPL&history=many', 400, /"history" is "many"/],
      ['stream=trades&symbols=AAPL&history=20001', 429, /room for 20000/],
      ['stream=trades&symbols=AAPL&cursor=x', 400, /no cursor/],
      ['stream=trades&symbols=AAPL&stream=trades&symbols=*', 400, /"1" has some/],
    ];
    for (const [asked, status, detail] of cases) {
      const answer = await one.get(`/api/v1/stream?${asked}`);
      assert.equal(answer.status, status, asked);
      assert.match(answer.body.detail, detail);
    }
    const headers = { 'last-event-id': 'e1:0:1,e1:0:2' };
    const other = await one.get('/api/v1/stream?stream=trades&symbols=AAPL', { headers });
    assert.match(other.body.detail, /is of 2 subscriptions, and there are 1/);
    const { body } = await one.get('/metrics');
    assert.match(body, /tapeline_stream_connections 0/);
    assert.match(body, /tapeline_stream_refused_total\{reason="not-found"\} 1/);
  });

  test('may be of an origin that is allowed, and of no other', async (t) => {
    const one = await rig(t, { allowedOrigins: ['https://example.com'] });
    const path = '/api/v1/stream?stream=trades&symbols=AAPL';
    const refused = await one.get(path, { headers: { origin: 'https://evil.example' } });
    assert.equal(refused.status, 403);
    const headers = { origin: 'https://example.com' };
    const answer = await fetch(`${one.gateway.url}${path}`, { headers });
    assert.equal(answer.headers.get('access-control-allow-origin'), 'https://example.com');
    await answer.body?.cancel();
  });

  test('counts as one of the streams, and a browser is told to come back', async (t) => {
    const one = await rig(t, { limits: { streamsMax: 1 } });
    const path = '/api/v1/stream?stream=trades&symbols=AAPL';
    const client = await EventClient.open(one, 'stream=trades&symbols=AAPL');
    await client.take(2);
    assert.equal((await one.get(path)).status, 429);
    const origin = 'http://localhost:3000';
    const headers = { accept: 'text/event-stream', origin };
    const later = await one.get(path, { headers });
    assert.deepEqual([later.status, later.body], [200, 'retry: 1000\n\n']);
    // Or a browser shows a page of another origin an error, and never comes back.
    assert.equal(later.headers.get('access-control-allow-origin'), origin);
    client.cut();
    await one.measures(/^tapeline_stream_connections 0$/m);
    await (await EventClient.open(one, 'stream=trades&symbols=AAPL')).take(2);
  });

  test('comes back to a server that starts, and is let go by one that stops', async (t) => {
    const listener = await listen({ host: '127.0.0.1', port: 0 });
    t.after(() => listener.close());
    const origin = 'https://example.com';
    const headers = { accept: 'text/event-stream', origin };
    const early = await fetch(`${listener.url}/api/v1/stream?stream=trades&symbols=*`, { headers });
    assert.deepEqual([early.status, await early.text()], [200, 'retry: 1000\n\n']);
    assert.equal(early.headers.get('access-control-allow-origin'), origin);
    const one = await rig(t);
    const client = await EventClient.open(one, 'stream=trades&symbols=AAPL');
    await client.take(2);
    await one.gateway.close();
    assert.deepEqual(await client.rest(), []);
  });

  test('that stops reading goes on from the log once it reads, or is closed', async (t) => {
    const log = new MemoryLog();
    const limits = { pendingBytesMax: 65_536 };
    const clock = new ManualClock(monday);
    const one = await rig(t, { log, limits, clock });
    const client = await EventClient.open(one, 'stream=trades&symbols=AAPL');
    const closing = await EventClient.open(one, 'stream=trades&symbols=AAPL&policy=close');
    await client.take(2);
    await closing.take(2);
    const rows = Array.from({ length: 1_000 }, (_, row) => ({ time: monday + row, price: 1 }));
    for (let batch = 0; batch < 60; batch++) await one.tape.trades(...rows);
    await one.settled();
    const told = await client.take(60_000);
    assert.deepEqual(
      told.map(({ message }) => message.sequence),
      [...told.keys()],
    );
    assert.match((await one.get('/metrics')).body, /closed_total\{reason="slow-consumer"\} 1/);
    await assert.rejects(closing.take(60_001));
  });

  test('cannot ask behind an answer that it has not had', async (t) => {
    const one = await rig(t);
    const { hostname, port } = new URL(one.gateway.url);
    const socket = connect({ host: hostname, port: Number(port) });
    t.after(() => socket.destroy());
    const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const stream = ask('/api/v1/stream?stream=trades&symbols=AAPL');
    socket.write(ask('/api/v1/market-summary') + stream);
    let text = '';
    while (!text.includes('before the one before it')) {
      const [chunk] = await once(socket, 'data');
      text += chunk;
    }
    assert.match(text, /HTTP\/1.1 400/);
  });
});

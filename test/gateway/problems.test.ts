import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../src/base/failure.ts';
import { type Answer, rig } from './rig.ts';
import { seeded } from './seed.ts';

function assertProblem({ status, headers, body }: Answer, expected: number): void {
  assert.equal(status, expected, JSON.stringify(body));
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.match(body.type, /^urn:tapeline:problem:[a-z-]+$/);
  assert.equal(body.status, expected);
  for (const key of ['title', 'detail', 'cure']) assert.ok(body[key].length > 3, key);
  assert.ok(body.instance.startsWith('/'));
}

suite('a problem says what is wrong and what to do', () => {
  const cases: readonly (readonly [path: string, status: number, detail: RegExp, cure: RegExp])[] =
    [
      ['/api/v1/quotes/NOPE', 404, /"NOPE"/, /\/api\/v1\/symbols/],
      ['/api/v1/trades/%00', 404, /no symbol/, /symbols/],
      ['/api/v1/candles/AAPL?interval=7m', 400, /"interval" is "7m"/, /1s, 1m, 5m/],
      ['/api/v1/candles/AAPL?price=last', 400, /"price" is "last"/, /trade, bid, ask, mid/],
      ['/api/v1/candles/AAPL?limit=0', 400, /"limit" is 0/, /from 1 to 10000/],
      ['/api/v1/candles/AAPL?limit=10001', 400, /"limit" is 10001/, /from 1 to 10000/],
      ['/api/v1/trades/AAPL?limit=ten', 400, /"limit" is "ten"/, /whole number/],
      ['/api/v1/trades/AAPL?limit=1.5', 400, /"limit" is "1.5"/, /whole number/],
      ['/api/v1/trades/AAPL?limit=1&limit=2', 400, /"limit"/, /one whole number/],
      ['/api/v1/trades/AAPL?size=1', 400, /no parameter "size"/, /"limit"/],
      ['/api/v1/symbols?limit=1', 400, /no parameter "limit"/, /Leave it out/],
      ['/api/v1/trades/AAPL?from=yesterday', 400, /"from" is "yesterday"/, /ISO 8601/],
      ['/api/v1/trades/AAPL?from=2024-02-01&to=2024-01-01', 400, /after "to"/, /Swap/],
      ['/api/v1/trades/AAPL?cursor=AAAA', 400, /cursor "AAAA"/, /`next`/],
      ['/api/v1/candles/AAPL?cursor=dC4xLjEuMQ', 400, /cursor/, /`next`/],
      ['/api/v1/trades/%E0%A4%A', 400, /not a valid url/, /openapi/],
      [`/api/v1/trades/${'A'.repeat(65)}`, 414, /max param length/, /openapi/],
      [
        `/api/v1/trades/AAPL?cursor=${'A'.repeat(3000)}`,
        400,
        /URL has \d+ characters/,
        /at most 2048/,
      ],
      ['/api/v2/symbols', 404, /nothing at GET/, /openapi/],
      ['/ws/trades/AAPL', 404, /nothing at GET/, /WebSocket client/],
    ];

  test('for whatever was asked wrongly', async (t) => {
    const one = await rig(t);
    for (const [path, status, detail, cure] of cases) {
      const answer = await one.get(path);
      assertProblem(answer, status);
      assert.match(answer.body.detail, detail);
      assert.match(answer.body.cure, cure);
    }
  });

  test('for a method or a body that nothing here takes', async (t) => {
    const one = await rig(t);
    assertProblem(await one.get('/api/v1/symbols', { method: 'POST' }), 404);
    assertProblem(await one.get('/api/v1/symbols', { method: 'DELETE' }), 404);
    const body = JSON.stringify({ text: 'x'.repeat(5_000) });
    const headers = { 'content-type': 'application/json' };
    assertProblem(await one.get('/api/v1/symbols', { method: 'POST', body, headers }), 413);
  });

  test('for a store that is away, once history is needed', async (t) => {
    const one = await rig(t);
    one.history.failure = new Failure('database-unavailable', 'No connection.', 'Start it.');
    const answer = await one.get('/api/v1/candles/AAPL');
    assertProblem(answer, 503);
    assert.equal(answer.headers.get('retry-after'), '1');
    assert.equal((await one.get('/api/v1/quotes/AAPL')).status, 200);
  });

  test('but not what is inside, when the fault is ours', async (t) => {
    const one = await rig(t);
    one.history.failure = new Error('secret detail');
    const answer = await one.get('/api/v1/candles/AAPL');
    assertProblem(answer, 500);
    assert.ok(!JSON.stringify(answer.body).includes('secret'));
  });
});

test('any query is answered: with data, or with a problem that is the client’s', async (t) => {
  const one = await rig(t);
  const name = fc.oneof(
    fc.constantFrom(
      'limit',
      'from',
      'to',
      'cursor',
      'interval',
      'price',
      '__proto__',
      'constructor',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const value = fc.oneof(
    fc.constantFrom('', '1', '-1', '1e9', '0x10', '1m', 'null', '%', '%zz', '%00', '2024-05-06'),
    fc
      .string({ unit: 'binary', maxLength: 12 })
      .map((text) => encodeURIComponent(text.toWellFormed())),
    fc.string({ maxLength: 12 }),
  );
  const query = fc
    .array(fc.tuple(name, value), { maxLength: 4 })
    .map((pairs) =>
      pairs.map(([key, text]) => `${encodeURIComponent(key.toWellFormed())}=${text}`).join('&'),
    );
  const path = fc.constantFrom('trades/AAPL', 'candles/AAPL', 'quotes/AAPL', 'symbols');
  await fc.assert(
    fc.asyncProperty(path, query, async (resource, text) => {
      const answer = await one.get(`/api/v1/${resource}?${text}`);
      if (answer.status !== 200) assertProblem(answer, 400);
    }),
    seeded(300),
  );
});

suite('limits', () => {
  test('hold requests per second and address, and say when to come back', async (t) => {
    const one = await rig(t, { limits: { loopbackRequestsPerSecondMax: 20 } });
    const answers = await Promise.all(Array.from({ length: 60 }, () => one.get('/api/v1/symbols')));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 20, `${refused.length} refused`);
    assertProblem(refused[0], 429);
    assert.ok(Number(refused[0].headers.get('retry-after')) >= 0);
    const wrong = await Promise.all(Array.from({ length: 60 }, () => one.get('/nowhere')));
    assert.ok(
      wrong.some(({ status }) => status === 429),
      'wrong paths count too',
    );
  });

  const raw = async (url: string, text: string): Promise<string> => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    let answer = '';
    socket.on('data', (bytes) => {
      answer += String(bytes);
    });
    socket.on('error', () => undefined);
    socket.write(text);
    await once(socket, 'close');
    return answer;
  };

  test('hang up on what is no HTTP, with a problem', async (t) => {
    const one = await rig(t);
    const answer = await raw(one.gateway.url, 'HELLO\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*problem\+json[\s\S]*"cure"/);
  });

  test('hang up on headers that are too large', async (t) => {
    const one = await rig(t, { limits: { headerBytesMax: 2_048 } });
    const request = `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'x'.repeat(4_000)}\r\n\r\n`;
    assert.match(await raw(one.gateway.url, request), /^HTTP\/1\.1 431 /);
  });

  test('hang up on a request that trickles in too slowly', async (t) => {
    const one = await rig(t, { limits: { headersMsMax: 300, requestMsMax: 400 } });
    assert.match(await raw(one.gateway.url, 'GET / HTTP/1.1\r\nHost: x\r\n'), /^HTTP\/1\.1 408 /);
  });
});

test('every answer carries the security headers, and no other origin may read it', async (t) => {
  const one = await rig(t);
  for (const path of ['/', '/api/v1/symbols', '/nowhere', '/health', '/api/v1/trades/%E0%A4%A']) {
    const { headers } = await one.get(path, { headers: { origin: 'https://elsewhere.example' } });
    assert.match(
      headers.get('content-security-policy') ?? '',
      /default-src 'none'.*script-src 'self';/,
    );
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('x-frame-options'), 'DENY');
    assert.equal(headers.get('access-control-allow-origin'), null);
  }
});

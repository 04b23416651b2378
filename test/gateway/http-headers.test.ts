// What surrounds an answer: whether it may be kept, how it is compressed, how much may be asked.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { suite, test } from 'node:test';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Rig, rig } from './rig.ts';
import { monday, second } from './tape.ts';

/** An answer as it comes over the wire. */
async function ask({ gateway }: Rig, path: string, headers: Record<string, string> = {}) {
  const asked = request(new URL(path, gateway.url), { headers });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const bytes = Buffer.concat(await Array.fromAsync<Buffer>(response));
  return { status: response.statusCode, headers: response.headers, bytes };
}

async function tradesRig(t: Parameters<typeof rig>[0]): Promise<Rig> {
  const one = await rig(t);
  const times = Array.from({ length: 200 }, (_, index) => monday + index * second);
  await one.tape.trades(...times.map((time) => ({ time, price: 17_000 })));
  await one.settled();
  return one;
}

suite('a JSON answer', () => {
  const path = '/api/v1/trades/AAPL?limit=200';

  test('is not sent again while it has not changed, and is once it has', async (t) => {
    const one = await tradesRig(t);
    const { headers } = await ask(one, path);
    const { etag = '' } = headers;
    assert.match(etag, /^W\/"[\w-]+"$/);
    assert.equal(headers['cache-control'], 'no-cache');
    for (const known of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
      const again = await ask(one, path, { 'if-none-match': known });
      assert.deepEqual([again.status, again.bytes.length, again.headers.etag], [304, 0, etag]);
      assert.equal(again.headers['cache-control'], 'no-cache');
      // RFC 9110, 8.6: no length but that of the answer it stands for.
      assert.equal(again.headers['content-length'], undefined);
    }
    assert.equal((await ask(one, path, { 'if-none-match': '"other"' })).status, 200);
    await one.tape.trades({ time: monday + 1_000 * second, price: 17_001 });
    await one.settled();
    const changed = await ask(one, path, { 'if-none-match': etag });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.etag, etag);
  });

  test('comes compressed as it is accepted, the same and under the same tag', async (t) => {
    const one = await tradesRig(t);
    const plain = await ask(one, path);
    assert.equal(plain.headers['content-encoding'], undefined);
    for (const [accepted, encoding, unpack] of [
      ['zstd, br, gzip', 'zstd', zstdDecompressSync],
      ['gzip, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
    ] as const) {
      const { headers, bytes } = await ask(one, path, { 'accept-encoding': accepted });
      assert.equal(headers['content-encoding'], encoding);
      assert.deepEqual(unpack(bytes), plain.bytes);
      assert.ok(bytes.length < plain.bytes.length / 4, `${bytes.length} bytes`);
      assert.deepEqual([headers.etag, headers.vary], [plain.headers.etag, plain.headers.vary]);
      const known = { 'accept-encoding': accepted, 'if-none-match': headers.etag ?? '' };
      assert.equal((await ask(one, path, known)).status, 304);
    }
    assert.match(plain.headers.vary ?? '', /accept-encoding/);
  });

  test('that is short is sent as it is', async (t) => {
    const one = await tradesRig(t);
    const { headers } = await ask(one, '/api/v1/quotes/AAPL', { 'accept-encoding': 'gzip' });
    assert.equal(headers['content-encoding'], undefined);
  });

  test('has a tag without being read, and a problem has none and is kept by nobody', async (t) => {
    const one = await tradesRig(t);
    const { gateway } = one;
    const head = await fetch(`${gateway.url}${path}`, { method: 'HEAD' });
    assert.equal(head.headers.get('etag'), (await ask(one, path)).headers.etag);
    for (const wrong of ['/api/v1/quotes/NOPE', '/nowhere']) {
      const { status, headers } = await ask(one, wrong, { 'if-none-match': '*' });
      assert.equal(status, 404);
      assert.deepEqual([headers.etag, headers['cache-control']], [undefined, 'no-store']);
    }
    for (const moving of ['/health', '/ready', '/metrics']) {
      assert.equal((await ask(one, moving)).headers['cache-control'], 'no-store', moving);
    }
  });
});

suite('an answer that is made once for all who ask', () => {
  const path = '/api/v1/market-summary';
  const symbols = Array.from({ length: 20 }, (_, index) => `S${index}`);

  test('is the same in every encoding, and another once a trade has changed it', async (t) => {
    const one = await rig(t);
    await one.tape.introduce(...symbols);
    await one.settled();
    const plain = await ask(one, path);
    const packed = await ask(one, path, { 'accept-encoding': 'gzip' });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
    const { etag = '' } = plain.headers;
    assert.deepEqual([packed.headers.etag, packed.headers.vary], [etag, 'accept-encoding']);
    const known = await ask(one, path, { 'accept-encoding': 'gzip', 'if-none-match': etag });
    assert.deepEqual([known.status, known.bytes.length], [304, 0]);
    assert.equal(known.headers['content-encoding'], undefined);
    await one.tape.trades({ symbol: 'S7', time: monday, price: 17_000 });
    await one.settled();
    const after = await ask(one, path, { 'accept-encoding': 'gzip', 'if-none-match': etag });
    assert.equal(after.status, 200);
    assert.notDeepEqual(gunzipSync(after.bytes), plain.bytes);
  });

  test('is of its symbol, and another once its quote has changed', async (t) => {
    const one = await rig(t);
    await one.tape.quotes({ symbol: 'A', time: monday, bid: 100, ask: 101 });
    await one.tape.quotes({ symbol: 'B', time: monday, bid: 200, ask: 201 });
    await one.settled();
    const bid = async (symbol: string): Promise<string> =>
      JSON.parse((await ask(one, `/api/v1/quotes/${symbol}`)).bytes.toString()).bid;
    assert.deepEqual([await bid('A'), await bid('B')], ['1', '2']);
    await one.tape.quotes({ symbol: 'A', time: monday + second, bid: 99, ask: 101 });
    await one.settled();
    assert.deepEqual([await bid('A'), await bid('B')], ['0.99', '2']);
  });
});

suite('every answer tells the rate that is allowed', () => {
  test('and how much of it is left', async (t) => {
    const one = await rig(t);
    for (const path of ['/api/v1/symbols', '/health', '/openapi.json', '/nowhere', '/']) {
      const { headers } = await ask(one, path);
      assert.equal(headers['ratelimit-policy'], '"second";q=50000;w=1', path);
      assert.match(String(headers.ratelimit), /^"second";r=49\d{3};t=1$/, path);
    }
  });

  test('and a refused one when to come back', async (t) => {
    const one = await rig(t, { limits: { loopbackRequestsPerSecondMax: 5 } });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(one, '/api/v1/symbols')),
    );
    const refused = answers.find(({ status }) => status === 429);
    assert.equal(refused?.headers.ratelimit, '"second";r=0;t=1');
    assert.equal(refused?.headers['ratelimit-policy'], '"second";q=5;w=1');
    assert.equal(refused?.headers['retry-after'], '1');
  });
});

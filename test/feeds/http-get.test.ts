import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { HttpRefusal, httpGet, httpLimits, retryAfterMs } from '../../src/feeds/http-get.ts';

suite('a GET of a feed', () => {
  test('gives the text of an answer, and says who asks', async (t) => {
    const url = await serve(t, (request, response) => response.end(request.headers['user-agent']));
    assert.equal(await get(url), 'tapeline');
  });

  test('a refusal tells its status and for how long to stay away', async (t) => {
    const url = await serve(t, (_request, response) => {
      response.writeHead(429, { 'retry-after': '7' });
      response.end();
    });
    await assert.rejects(get(url), (error) => {
      assert.ok(error instanceof HttpRefusal);
      assert.deepEqual([error.status, error.retryAfterMs], [429, 7_000]);
      return true;
    });
  });

  test('an answer that does not come in time is given up', async (t) => {
    const asked = Promise.withResolvers<void>();
    const url = await serve(t, () => asked.resolve());
    const clock = new ManualClock(0);
    const answer = assert.rejects(get(url, clock), failure(/no answer in time/));
    await asked.promise;
    await clock.advance(httpLimits.msMax);
    await answer;
    assert.equal(clock.sleeping, 0);
  });

  test('an answer beyond the bound is not read to its end', async (t) => {
    const url = await serve(t, (_request, response) => response.end('x'.repeat(100_000)));
    const limits = { ...httpLimits, bytesMax: 50_000 };
    await assert.rejects(get(url, new ManualClock(0), limits), failure(/longer than 50000 bytes/));
  });

  test('a server that is not there is named with the reason', async (t) => {
    const server = createServer();
    const url = await serve(t, () => undefined, server);
    server.close();
    await assert.rejects(get(url), failure(/^GET http:.*ECONNREFUSED/));
  });

  test('Retry-After may be seconds or a date, and nonsense is no wait', () => {
    const now = Date.parse('2026-01-01T00:00:00Z') * 1000;
    assert.equal(retryAfterMs('120', now), 120_000);
    assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
    assert.equal(retryAfterMs('Thu, 01 Jan 2025 00:00:30 GMT', now), 0);
    assert.equal(retryAfterMs('soon', now), 0);
    assert.equal(retryAfterMs(undefined, now), 0);
  });
});

async function serve(
  t: TestContext,
  answer: RequestListener,
  server = createServer(),
): Promise<string> {
  server.on('request', answer);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function get(url: string, clock = new ManualClock(0), limits = httpLimits): Promise<string> {
  return await httpGet(url, clock, new AbortController().signal, limits);
}

function failure(message: RegExp) {
  return (error: unknown): boolean =>
    error instanceof Failure && error.code === 'feed-unavailable' && message.test(error.message);
}

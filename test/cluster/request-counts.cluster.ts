import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { suite, type TestContext, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { systemClock } from '../../src/base/clock.ts';
import { defaultLimits } from '../../src/gateway/limits.ts';
import { gatewayMetrics } from '../../src/gateway/metrics.ts';
import { type SharedCounts, sharedStore } from '../../src/gateway/request-counts.ts';
import { openRedisCounts } from '../../src/gateway/request-counts-redis.ts';
import { limitRequests } from '../../src/gateway/request-rate.ts';
import { type HttpServer, httpApp } from '../../src/gateway/server.ts';
import { eventually } from '../eventually.ts';
import { Redis } from './redis.ts';

const silent = pino({ level: 'silent' });
/** Far more than a second's window could see the end of. */
const max = 40;
const elsewhere = '203.0.113.7';

interface Gateway {
  readonly counts: SharedCounts;
  readonly said: string[];
  /** How many of so many requests were let through. */
  ask(requests: number, remoteAddress?: string): Promise<number>;
}

async function gateway(t: TestContext, url: string): Promise<Gateway> {
  const said: string[] = [];
  const say = (_fields: object, message: string): number => said.push(message);
  const counts = openRedisCounts({ url, clock: systemClock, logger: { info: say, warn: say } });
  const limits = { ...defaultLimits, requestsPerSecondMax: max, loopbackRequestsPerSecondMax: max };
  const metrics = gatewayMetrics(new Registry());
  const store = sharedStore(counts, systemClock);
  const { app } = await httpApp(createServer(), limits, metrics, silent);
  await limitRequests(app, limits, store);
  app.get('/', () => ({}));
  await app.ready();
  t.after(async () => {
    await app.close();
    await counts.close();
  });
  return { counts, said, ask: (requests, address) => ask(app, requests, address) };
}

async function ask(app: HttpServer, requests: number, remoteAddress = elsewhere): Promise<number> {
  const all = Array.from({ length: requests }, async () => {
    return (await app.inject({ url: '/', remoteAddress })).statusCode;
  });
  const statuses = await Promise.all(all);
  for (const status of statuses) assert.ok(status === 200 || status === 429, `${status}`);
  return statuses.filter((status) => status === 200).length;
}

async function settled(state: 'ok' | 'degraded', ...gateways: readonly Gateway[]): Promise<void> {
  for (const { counts } of gateways) {
    await eventually(
      () => counts.health().state === state,
      () => JSON.stringify(counts.health()),
    );
  }
}

/** What two gateways let through at once, when neither's window was open: within one, `max`. */
async function throughBoth(one: Gateway, other: Gateway, address = elsewhere): Promise<number> {
  const passed = await Promise.all([one.ask(max, address), other.ask(max, address)]);
  return passed[0] + passed[1];
}

async function two(t: TestContext): Promise<[redis: Redis, one: Gateway, other: Gateway]> {
  const redis = await Redis.start(t);
  const [one, other] = [await gateway(t, redis.url), await gateway(t, redis.url)];
  await settled('ok', one, other);
  return [redis, one, other];
}

suite('gateways with one Redis', { timeout: 120_000 }, () => {
  test('hold an address to one limit together', async (t) => {
    const [, one, other] = await two(t);
    // A window may end between the two, once.
    const passed = await throughBoth(one, other);
    assert.ok(passed >= max && passed < 2 * max, `${passed} let through`);
  });

  test('count loopback each for itself, as it is another machine at each', async (t) => {
    const [, one, other] = await two(t);
    assert.equal(await throughBoth(one, other, '127.0.0.1'), 2 * max);
  });

  test('answer while it is down, say so once, and share again when it is back', async (t) => {
    const [redis, one, other] = await two(t);
    one.said.length = 0;
    await redis.kill();
    await one.ask(1);
    assert.equal(one.counts.health().state, 'degraded');
    assert.match(one.counts.health().detail, /Redis cannot be used: \S/);
    assert.equal(await throughBoth(one, other, '203.0.113.8'), 2 * max);
    await settled('degraded', one, other);
    await redis.restart();
    await settled('ok', one, other);
    const passed = await throughBoth(one, other, '203.0.113.9');
    assert.ok(passed < 2 * max, `${passed} let through`);
    assert.equal(one.said.filter((text) => /cannot be used/.test(text)).length, 1);
    assert.match(one.said.at(-1) ?? '', /counted in Redis/);
  });

  test('answer while it is slow, and share again when it answers', async (t) => {
    const [redis, one, other] = await two(t);
    redis.signal('SIGSTOP');
    t.after(() => redis.signal('SIGCONT'));
    assert.equal(await throughBoth(one, other), 2 * max);
    assert.match(one.counts.health().detail, /no answer within 50 ms/);
    redis.signal('SIGCONT');
    await settled('ok', one, other);
  });

  test('answer while it is full, and share again when it is not', async (t) => {
    const [redis, one, other] = await two(t);
    await redis.configure('maxmemory', '1');
    assert.equal(await throughBoth(one, other), 2 * max);
    assert.match(one.counts.health().detail, /OOM|aborted/i);
    await redis.configure('maxmemory', '0');
    await settled('ok', one, other);
  });

  test('start without it', async (t) => {
    const redis = await Redis.start(t);
    await redis.kill();
    const one = await gateway(t, redis.url);
    assert.equal(await one.ask(max + 5), max);
    await redis.restart();
    await settled('ok', one);
  });
});

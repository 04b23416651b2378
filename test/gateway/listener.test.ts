// The port is taken first, and says what it waits for until the gateway answers at it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { type Listener, listen } from '../../src/gateway/listener.ts';
import { eventually } from '../eventually.ts';
import { MemoryHistory, noExports } from './memory-history.ts';
import { MemoryLog } from './memory-log.ts';
import { fetchJson, healthy } from './rig.ts';

const free = { host: '127.0.0.1', port: 0 };

async function gatewayAt(listener: Listener) {
  const log = new MemoryLog();
  const history = new MemoryHistory(log);
  const registry = new Registry();
  return await startGateway({
    listener,
    shards: [{ log, ...history.of(0) }],
    history,
    exports: noExports,
    registry,
    metricsText: () => registry.metrics(),
    health: async () => healthy,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    compression: false,
  });
}

suite('a listener', () => {
  test('says what it waits for until the gateway takes over', async (t) => {
    let waitsFor = 'the log is being opened';
    const listener = await listen({ ...free, waitsFor: () => waitsFor });
    t.after(() => listener.close());
    const health = await fetchJson(`${listener.url}/health`);
    assert.equal(health.status, 200);
    assert.equal(health.body.status, 'starting');
    assert.deepEqual(health.body.store, { state: 'starting', detail: waitsFor });
    waitsFor = 'the database is being started';
    for (const path of ['/ready', '/api/v1/symbols?x=1', '/']) {
      const answer = await fetchJson(listener.url + path);
      assert.equal(answer.status, 503);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
      assert.equal(answer.headers.get('retry-after'), '1');
      const { type, detail, instance } = answer.body;
      assert.equal(type, 'urn:tapeline:problem:not-ready');
      assert.equal(detail, 'Not ready: the database is being started.');
      assert.equal(instance, path.split('?')[0]);
    }
    const socket = new WebSocket(`${listener.url.replace('http', 'ws')}/ws/alerts`);
    const [, refused] = await once(socket, 'unexpected-response');
    assert.equal(refused.statusCode, 503);
    socket.on('error', () => undefined).terminate();
    const gateway = await gatewayAt(listener);
    t.after(() => gateway.close());
    assert.equal(gateway.url, listener.url);
    const isReady = async () => (await fetch(`${listener.url}/ready`)).ok;
    await eventually(isReady, 'the gateway is ready');
    assert.equal((await fetch(`${listener.url}/api/v1/symbols`)).status, 200);
    const stream = new WebSocket(`${listener.url.replace('http', 'ws')}/ws/alerts`);
    await once(stream, 'open');
    stream.terminate();
  });

  test('refuses a port in use, and names the port and the variable to change', async (t) => {
    const one = await listen(free);
    t.after(() => one.close());
    const port = Number(new URL(one.url).port);
    await assert.rejects(listen({ ...free, port }), (error) => {
      assert(error instanceof Failure);
      assert.equal(error.code, 'port-in-use');
      assert(error.message.includes(String(port)));
      assert.match(error.cure, /PORT=/);
      return true;
    });
  });

  test('refuses an address that is not of this machine', async () => {
    // 192.0.2.0/24 is nobody's: RFC 5737.
    await assert.rejects(listen({ host: '192.0.2.1', port: 0 }), (error) => {
      assert(error instanceof Failure);
      assert.equal(error.code, 'bad-configuration');
      assert.match(`${error.message} ${error.cure}`, /192\.0\.2\.1.*HOST/);
      return true;
    });
  });
});

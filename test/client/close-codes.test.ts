// Close codes as docs/WEBSOCKET.md lists them, from a server that does nothing else.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { TapelineError } from '../../client/index.ts';
import { nextOf, testedClient, until } from './readers.ts';

/** Greets, and closes its first client with the code; later ones are told that all is well. */
async function closing(t: { after(end: () => void): void }, code: number): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  let isFirst = true;
  server.on('connection', (socket) => {
    const say = (message: object): void => socket.send(JSON.stringify(message));
    say({ type: 'hello' });
    socket.on('message', (data: Buffer) => {
      if (isFirst) socket.close(code, 'For a reason.');
      isFirst = false;
      const { id } = JSON.parse(data.toString());
      say({ type: 'subscribed', id, symbols: '*', policy: 'lossless', cursor: 'c', snapshot: [] });
    });
  });
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const trades = { stream: 'trades', symbols: '*' } as const;

suite('a client that is closed', () => {
  for (const code of [1001, 1011, 4000, 4003, 4004, 4006, 4499]) {
    test(`with ${code} comes back`, async (t) => {
      const { client, clock } = testedClient(t, await closing(t, code));
      const subscription = client.subscribe(trades);
      const waiting = await until(client, 'waiting');
      assert.deepEqual([waiting.code, waiting.why], [code, 'For a reason.']);
      await clock.advance(waiting.ms);
      assert.equal((await nextOf(subscription)).type, 'snapshot');
    });
  }

  for (const code of [1000, 1002, 1007, 1008, 1009, 4500, 4502, 4999]) {
    test(`with ${code} does not, and says why`, async (t) => {
      const { client, states } = testedClient(t, await closing(t, code));
      const subscription = client.subscribe(trades);
      await assert.rejects(subscription.next(), (error: unknown) => {
        assert(error instanceof TapelineError);
        assert.equal(error.code, `closed-${code}`);
        assert.match(error.message, /For a reason/);
        return true;
      });
      assert.deepEqual(
        states.map(({ status }) => status),
        ['connecting', 'live', 'closed'],
      );
      assert.throws(() => client.subscribe(trades), TapelineError);
    });
  }
});

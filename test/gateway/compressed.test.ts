// Compressed messages (permessage-deflate): the same as plain ones, made once for all who take
// them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { WebSocket as WsSocket } from 'ws';
import { decodeTrades, encodeTrades, TradeColumns } from '../../src/contracts/trade.ts';
import { type Selection, selections } from '../../src/gateway/stream/shared-messages.ts';
import { tradeBatch } from '../../src/gateway/stream/stream-batch.ts';
import { TextFrames } from '../../src/gateway/stream/text-frames.ts';
import { Watchers } from '../../src/gateway/stream/watchers.ts';
import { type Message, type Rig, rig, StreamClient } from './rig.ts';
import { monday } from './tape.ts';

const asked = { stream: 'trades', symbols: ['AAPL', 'MSFT'], history: 1_000 };
const many = Array.from({ length: 1_000 }, (_, row) => ({ time: monday + row, price: 1 + row }));

const addressOf = ({ gateway }: Rig): string => `${gateway.url.replace('http', 'ws')}/ws`;

/** A client of `ws`, and how many bytes have come for it. */
async function clientOf(one: Rig, perMessageDeflate: boolean | object) {
  const socket = new WsSocket(addressOf(one), { perMessageDeflate });
  const upgraded = once(socket, 'upgrade') as Promise<[{ socket: Socket }]>;
  const client = new StreamClient(socket);
  const [response] = await upgraded;
  client.hello = await client.next();
  const bytes = (): number => response.socket.bytesRead;
  return { client, bytes, isCompressed: socket.extensions.includes('permessage-deflate') };
}

/** What Node's own client hears, until so many messages have come. */
async function heardByNode(one: Rig, count: number, after: () => Promise<unknown>) {
  const socket = new WebSocket(addressOf(one));
  const heard: Message[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.addEventListener('message', ({ data }) => {
    heard.push(JSON.parse(data));
    if (heard.length === 1) socket.send(JSON.stringify({ op: 'subscribe', id: 'w', ...asked }));
    if (heard.length === 2) void after();
    if (heard.length === count) resolve();
  });
  await promise;
  socket.close();
  return { heard, extensions: socket.extensions };
}

suite('compressed messages', () => {
  test('are those of a plain client, in fewer bytes', async (t) => {
    const one = await rig(t, { compression: true });
    await one.tape.trades(...many);
    await one.settled();
    const plain = await clientOf(one, false);
    const deflated = await clientOf(one, true);
    assert.deepEqual([plain.isCompressed, deflated.isCompressed], [false, true]);
    const begun = await plain.client.subscribe(asked);
    assert.equal(begun.snapshot.length, 1_000);
    assert.deepEqual(await deflated.client.subscribe(asked), begun);
    assert(deflated.bytes() < plain.bytes() / 5, `${deflated.bytes()} of ${plain.bytes()} bytes`);
    const [before, compressedBefore] = [plain.bytes(), deflated.bytes()];
    await one.tape.trades(...many);
    assert.deepEqual(await deflated.client.take(1_000), await plain.client.take(1_000));
    const [bytes, compressed] = [plain.bytes() - before, deflated.bytes() - compressedBefore];
    assert(compressed < bytes * 0.85, `${compressed} of ${bytes} bytes`);
  });

  test('are understood by the client that Node has', async (t) => {
    const one = await rig(t, { compression: true });
    await one.tape.trades(...many);
    await one.settled();
    const { client } = await clientOf(one, false);
    const begun = await client.subscribe(asked);
    const tell = () => one.tape.trades(...many.slice(0, 10));
    const { heard, extensions } = await heardByNode(one, 12, tell);
    assert.match(extensions, /permessage-deflate/);
    assert.deepEqual(heard.slice(1), [begun, ...(await client.take(10))]);
  });

  test('are for those only who ask, and only where they are switched on', async (t) => {
    const one = await rig(t);
    assert.equal((await clientOf(one, true)).isCompressed, false);
    const two = await rig(t, { compression: true });
    await two.tape.trades(...many);
    await two.settled();
    const plain = await clientOf(two, false);
    const begun = await plain.client.subscribe(asked);
    const narrow = await clientOf(two, { serverMaxWindowBits: 9 });
    assert.deepEqual(await narrow.client.subscribe(asked), begun);
    assert(narrow.bytes() >= plain.bytes(), 'what is shared needs a larger window than 2^9');
  });

  test('of a client are bounded by what they decompress to', async (t) => {
    const one = await rig(t, { compression: true });
    const { client } = await clientOf(one, { threshold: 0 });
    const fits = JSON.stringify({ op: 'ping' }) + ' '.repeat(30_000);
    client.say(fits);
    assert.deepEqual(await client.next(), { type: 'pong' });
    const closed = client.closed();
    client.say(JSON.stringify({ op: 'ping' }) + ' '.repeat(50_000_000));
    assert.equal((await closed).code, 1009);
    assert.equal((await one.get('/ready')).status, 200);
  });

  test('are made once, whoever wants them', () => {
    const columns = new TradeColumns();
    columns.source = 'test';
    for (let row = 0; row < 6; row++) {
      const symbol = columns.instrumentOf(['A', 'B', 'C'][row % 3], 2, 0);
      columns.push(symbol, columns.tagOf('XNAS', '', 'buy'), monday, monday, 100 + row, 1, row);
    }
    const batch = tradeBatch(
      { offset: 7, cursorHead: 'e:0:' },
      decodeTrades(encodeTrades(columns)),
    );
    const watchers = new Watchers<string>();
    watchers.add(['A', 'B'], [0], 'first');
    watchers.add(['A', 'B'], [0], 'second');
    watchers.add(['B'], [0], 'third');
    const told: Record<string, Selection> = Object.fromEntries(
      selections(batch, watchers, new TextFrames()),
    );
    const { first, second, third } = told;
    assert.equal(first.deflated, second.deflated);
    assert(first.deflated.length < first.frames.length);
    assert.equal(third.count, 2);
    const [one] = framesOf(third.deflated);
    assert(first.deflated.includes(one), 'the same frame is in what the others get');
  });
});

/** Compressed frames, of less than 64 KiB each. */
function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    assert.equal(bytes[at], 0xc1, 'one whole text message, compressed');
    const end = bytes[at + 1] < 126 ? at + 2 + bytes[at + 1] : at + 4 + bytes.readUInt16BE(at + 2);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

// How many messages one thread encodes, and delivers to a thousand WebSockets, beside plain `ws`
// and socket.io in the same run; and what an idle client takes:
// `./tapeline node bench/fan-out.ts [clients]`. Three quarters of a minute. Rates are per second of
// wall clock and, as other work may share the machine, per second of this thread's processor time.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Server as SocketIoServer } from 'socket.io';
import { WebSocketServer } from 'ws';
import { decodeQuotes, encodeQuotes, QuoteColumns } from '../src/contracts/quote.ts';
import { decodeTrades, encodeTrades, TradeColumns } from '../src/contracts/trade.ts';
import { tradeAt } from '../src/contracts/wire-objects.ts';
import { writeQuotes } from '../src/gateway/stream/quote-frames.ts';
import { deflateFrames } from '../src/gateway/stream/ready.ts';
import { TextFrames } from '../src/gateway/stream/text-frames.ts';
import { writeTrades } from '../src/gateway/stream/trade-frames.ts';
import { MemoryLog } from '../test/gateway/memory-log.ts';
import { Tape } from '../test/gateway/tape.ts';
import { clientsOf, gatewayOf, newsOf, settled } from './lib/fan-out.ts';
import type { ClientsTask } from './lib/reading-clients.ts';

const [clientCount = 1_000] = process.argv.slice(2).map(Number);
const idleClients = 10_000;
const batchRows = 100;
/** How far the clients may be behind what is sent: less than a connection may hold. */
const batchesAhead = 8;
const symbols = ['AAPL', 'GOOGL', 'MSFT', 'AMZN', 'META', 'NVDA', 'TSLA', 'JPM', 'V', 'JNJ'];
const start = 1_715_005_800_000_000;
const encodeMs = 1_000;
const deliverMs = 4_000;

/** Runs `turn`, which answers how many messages it made, for some time. */
function rate(name: string, turn: () => number): void {
  for (const end = performance.now() + 300; performance.now() < end; ) turn();
  const wall = performance.now();
  const processor = process.threadCpuUsage();
  let messages = 0;
  while (performance.now() - wall < encodeMs) messages += turn();
  const { user, system } = process.threadCpuUsage(processor);
  report(name, messages, (performance.now() - wall) / 1e3, (user + system) / 1e6);
}

function report(name: string, messages: number, seconds: number, busy: number): void {
  const perSecond = (time: number): string =>
    `${(messages / time / 1e6).toFixed(2)} M/s`.padStart(10);
  console.log(`${name.padEnd(44)}${perSecond(seconds)} wall ${perSecond(busy)} processor`);
}

function tradesOf(rows: number): TradeColumns {
  const columns = new TradeColumns();
  columns.source = 'simulator';
  for (let row = 0; row < rows; row++) {
    const instrument = columns.instrumentOf(symbols[row % symbols.length], 2, 0);
    const tag = columns.tagOf('XNAS', '', row % 3 === 0 ? 'sell' : 'buy');
    const time = start + row * 7_331;
    columns.push(instrument, tag, time, time + 900, 17_000 + row, 1 + (row % 900), 5_000_000 + row);
  }
  return columns;
}

function quotesOf(rows: number): QuoteColumns {
  const columns = new QuoteColumns();
  columns.source = 'simulator';
  for (let row = 0; row < rows; row++) {
    const instrument = columns.instrumentOf(symbols[row % symbols.length], 2, 0);
    const time = start + row * 7_331;
    columns.push(instrument, time, time + 900, 17_000 + row, 300, 17_002 + row, 200, row);
  }
  return columns;
}

function encodeAll(): void {
  const frames = new TextFrames();
  for (const rows of [10, 100, 4_096]) {
    const bytes = encodeTrades(tradesOf(rows));
    const all = Array.from({ length: rows }, (_, row) => row);
    rate(`encode trades, batches of ${rows}, ten symbols`, () => {
      writeTrades(frames, decodeTrades(bytes), all, '0f3a9c1d:0:', 123_456_789);
      frames.take();
      return rows;
    });
  }
  const hundred = Array.from({ length: batchRows }, (_, row) => row);
  const trades = decodeTrades(encodeTrades(tradesOf(batchRows)));
  writeTrades(frames, trades, hundred, '0f3a9c1d:0:', 123_456_789);
  const plain = frames.take();
  rate('compress trades that are encoded', () => {
    deflateFrames(plain);
    return batchRows;
  });
  const bytes = encodeQuotes(quotesOf(4_096));
  const all = Array.from({ length: 4_096 }, (_, row) => row);
  rate('encode quotes, batches of 4096, ten symbols', () => {
    writeQuotes(frames, decodeQuotes(bytes), all, '0f3a9c1d:0:', 123_456_789);
    frames.take();
    return 4_096;
  });
}

/** Messages a second. */
interface Rates {
  readonly wall: number;
  readonly processor: number;
}

/**
 * Batches of a hundred trades to clients in another process. `tell` sends one to all of them; not
 * more is sent than they have room for.
 */
async function deliver(
  name: string,
  task: ClientsTask,
  tell: () => Promise<void> | void,
): Promise<Rates> {
  const clients = await clientsOf(task);
  const before = await settled(clients);
  const wall = performance.now();
  const processor = process.threadCpuUsage();
  let sent = 0;
  let delivered = 0;
  while (performance.now() - wall < deliverMs) {
    for (let batch = 0; batch < batchesAhead; batch++) {
      await tell();
      sent += batchRows * task.clients;
      await new Promise(setImmediate);
    }
    do delivered = (await newsOf(clients)).messages - before;
    while (sent - delivered > batchesAhead * batchRows * task.clients);
  }
  const { user, system } = process.threadCpuUsage(processor);
  const seconds = (performance.now() - wall) / 1e3;
  const busy = (user + system) / 1e6;
  report(name, delivered, seconds, busy);
  clients.kill();
  return { wall: delivered / seconds, processor: delivered / busy };
}

const tapeTrades = Array.from({ length: batchRows }, (_, row) => ({
  symbol: symbols[row % symbols.length],
  time: start + row,
  price: 17_000 + row,
}));

/** From the log to sockets, each with one subscription to ten symbols. */
async function deliverByGateway(clients: number): Promise<Rates> {
  const log = new MemoryLog();
  const tape = new Tape(log);
  await tape.introduce(...symbols);
  const gateway = await gatewayOf(log);
  const subscribe = { op: 'subscribe', id: 'w', stream: 'trades', symbols };
  const url = `${gateway.url}/ws`;
  let end = 0;
  const task = { url, clients, says: [JSON.stringify(subscribe)] };
  const rate = await deliver(`the gateway, ${clients} clients`, task, async () => {
    end = (await tape.trades(...tapeTrades)) + batchRows;
    log.forgetTo('market.trades', end - 100_000);
  });
  await gateway.close();
  return rate;
}

/** The same messages by `ws` as it comes: made once, and sent to each client one by one. */
async function deliverByPlainWs(clients: number): Promise<Rates> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const batch = decodeTrades(encodeTrades(tradesOf(batchRows)));
  const task = { url: `http://127.0.0.1:${port}/`, clients, says: [] };
  const rate = await deliver(`plain ws, a send a message, ${clients} clients`, task, () => {
    for (let row = 0; row < batchRows; row++) {
      const cursor = `0f3a9c1d:0:${123_456_789 + row}`;
      const text = JSON.stringify({ type: 'trade', cursor, ...tradeAt(batch, row, row) });
      for (const client of server.clients) client.send(text);
    }
  });
  for (const client of server.clients) client.terminate();
  server.close();
  return rate;
}

/** The same by socket.io at its best: one emit for each message, which it encodes once for all. */
async function deliverBySocketIo(clients: number): Promise<Rates> {
  const http = createServer();
  const server = new SocketIoServer(http, { transports: ['websocket'], pingInterval: 300_000 });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const batch = decodeTrades(encodeTrades(tradesOf(batchRows)));
  const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`;
  const task = { url, clients, says: ['40{}'] }; // joins the namespace /
  const rate = await deliver(`socket.io, an emit a message, ${clients} clients`, task, () => {
    for (let row = 0; row < batchRows; row++) {
      const cursor = `0f3a9c1d:0:${123_456_789 + row}`;
      server.emit('trade', { cursor, ...tradeAt(batch, row, row) });
    }
  });
  await server.close();
  return rate;
}

/** What each client takes that is subscribed to ten symbols and is told nothing. */
async function idleBytes(clients: number): Promise<void> {
  const log = new MemoryLog();
  await new Tape(log).introduce(...symbols);
  const gateway = await gatewayOf(log);
  const subscribe = { op: 'subscribe', id: 'w', stream: 'trades', symbols };
  collectGarbage();
  const before = process.memoryUsage();
  const task = { url: `${gateway.url}/ws`, clients, says: [JSON.stringify(subscribe)] };
  const others = await clientsOf(task);
  await settled(others);
  collectGarbage();
  const after = process.memoryUsage();
  const each = (bytes: number): string => `${(bytes / clients / 1024).toFixed(1)} KB`;
  const [resident, heap] = [after.rss - before.rss, after.heapUsed - before.heapUsed];
  console.log(`${clients} idle clients: ${each(resident)} each resident, ${each(heap)} of heap`);
  others.kill();
  await gateway.close();
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
encodeAll();
await idleBytes(idleClients);
const others = {
  'plain ws': await deliverByPlainWs(clientCount),
  'socket.io': await deliverBySocketIo(clientCount),
};
const ours = await deliverByGateway(clientCount);
for (const [name, theirs] of Object.entries(others)) {
  const times = (of: keyof Rates): string => (ours[of] / theirs[of]).toFixed(1);
  console.log(
    `${times('wall')} times as much as ${name} by wall clock, ${times('processor')} by processor`,
  );
}

// How many messages one thread encodes, and delivers to how many WebSockets: `./tapeline node
// bench/fan-out.ts`. About ten seconds. Rates are per second of wall clock and, as other work may
// share the machine, per second of this thread's processor time.

import { once } from 'node:events';
import { connect } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { systemClock } from '../src/base/clock.ts';
import { decodeQuotes, encodeQuotes, QuoteColumns } from '../src/contracts/quote.ts';
import {
  decodeTrades,
  encodeTrades,
  type TradeBatch,
  TradeColumns,
} from '../src/contracts/trade.ts';
import { startGateway } from '../src/gateway/gateway.ts';
import { listen } from '../src/gateway/listener.ts';
import { writeQuotes } from '../src/gateway/stream/quote-frames.ts';
import { TextFrames } from '../src/gateway/stream/text-frames.ts';
import { writeTrades } from '../src/gateway/stream/trade-frames.ts';
import { MemoryHistory } from '../test/gateway/memory-history.ts';
import { MemoryLog } from '../test/gateway/memory-log.ts';
import { healthy } from '../test/gateway/rig.ts';
import { Tape } from '../test/gateway/tape.ts';

const symbols = ['AAPL', 'GOOGL', 'MSFT', 'AMZN', 'META', 'NVDA', 'TSLA', 'JPM', 'V', 'JNJ'];
const start = 1_715_005_800_000_000;
const encodeMs = 1_000;
const deliverMs = 3_000;

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
  const bytes = encodeQuotes(quotesOf(4_096));
  const all = Array.from({ length: 4_096 }, (_, row) => row);
  rate('encode quotes, batches of 4096, ten symbols', () => {
    writeQuotes(frames, decodeQuotes(bytes), all, '0f3a9c1d:0:', 123_456_789);
    frames.take();
    return 4_096;
  });
}

/** Log to socket: trades of one symbol, in batches of 100, to clients in another thread. */
async function deliver(clients: number): Promise<void> {
  const log = new MemoryLog();
  const tape = new Tape(log);
  const registry = new Registry();
  await tape.introduce('AAPL');
  const gateway = await startGateway({
    listener: await listen({ host: '127.0.0.1', port: 0 }),
    log,
    history: new MemoryHistory(log),
    registry,
    metricsText: () => registry.metrics(),
    health: async () => healthy,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
  });
  const worker = new Worker(import.meta.filename, { workerData: { url: gateway.url, clients } });
  await once(worker, 'message');
  const trades = Array.from({ length: 100 }, (_, row) => ({
    time: start + row,
    price: 17_000 + row,
  }));
  const wall = performance.now();
  const processor = process.threadCpuUsage();
  let messages = 0;
  while (performance.now() - wall < deliverMs) {
    await tape.trades(...trades);
    log.forgetBefore('market.trades', Math.max(0, messages - 100_000));
    messages += trades.length;
    await new Promise(setImmediate);
  }
  const told = once(worker, 'message');
  worker.postMessage('how many bytes?');
  const [bytes] = await told;
  const { user, system } = process.threadCpuUsage(processor);
  const seconds = (performance.now() - wall) / 1e3;
  const name = `deliver trades, batches of 100, ${clients} clients`;
  const { batches } = await log.read('market.trades', 0, messages - 1, 1);
  const delivered = bytes / bytesPerMessage(decodeTrades(batches[0].bytes), messages);
  report(name, delivered, seconds, (user + system) / 1e6);
  await worker.terminate();
  await gateway.close();
}

function bytesPerMessage(batch: TradeBatch, offset: number): number {
  const frames = new TextFrames();
  const all = Array.from({ length: batch.count }, (_, row) => row);
  writeTrades(frames, batch, all, 'e1:0:', offset);
  return frames.take().bytes.length / batch.count;
}

/** Clients that read and count, and parse nothing: the server is what is measured. */
async function readAll({ url, clients }: { url: string; clients: number }): Promise<void> {
  const { hostname, port } = new URL(url);
  let bytes = 0;
  const greet = async (): Promise<void> => {
    const socket = connect(Number(port), hostname);
    socket.write(
      'GET /ws/trades/AAPL HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'data');
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
  };
  await Promise.all(Array.from({ length: clients }, greet));
  parentPort?.on('message', () => parentPort?.postMessage(bytes));
  parentPort?.postMessage('ready');
}

if (isMainThread) {
  encodeAll();
  await deliver(100);
} else {
  await readAll(workerData as { url: string; clients: number });
}

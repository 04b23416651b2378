// Two gateways over three partitions, and clients that know both, while every process is stopped
// and started again, one after another: each client is told everything once, and no gap.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Client, connect, type Message } from '../../client/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { candleStates, decodeCandles, priceKinds } from '../../src/contracts/candle.ts';
import { frameKind } from '../../src/contracts/frame.ts';
import { intervals } from '../../src/contracts/interval.ts';
import { decodeMarks, type MarkBatch } from '../../src/contracts/mark.ts';
import { decodeTrades } from '../../src/contracts/trade.ts';
import type { Topic } from '../../src/log/log.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import { withDataFolder } from '../app/command.ts';
import { eventually } from '../eventually.ts';
import { testCluster } from '../store/cluster.ts';
import { freePorts } from './daemon.ts';
import { testKafka } from './kafka.ts';
import { environmentOf, type Kept, keep, partitions } from './roles.ts';

/** Minutes: what is waited for may have to begin with a process that was just stopped. */
const patience = { secondsMax: 180, everyMs: 300 };
const prefix = 'rolls';
const some = ['AAPL', 'NVDA', 'JPM'];

const kafka = testKafka();
const store = testCluster();

const partitionIn = (cursor: string): number => Number(cursor.split(':')[1]);
const offsetOf = (cursor: string): number => Number(cursor.split(':')[2]);

/** Where a client began in each partition, and the offsets that it was told of each. */
class Told {
  readonly name: string;
  readonly stream: 'trades' | 'candles';
  readonly symbols: readonly string[] | null;
  readonly from = new Map<number, number>();
  readonly offsets = new Map<number, number[]>();
  readonly surprises: string[] = [];
  count = 0;
  #places: readonly string[] = [];

  constructor(client: Client, stream: 'trades' | 'candles', symbols: readonly string[] | null) {
    this.name = `${stream} ${symbols?.join() ?? '*'}`;
    this.stream = stream;
    this.symbols = symbols;
    const interval = stream === 'candles' ? { interval: '1s' as const } : {};
    const asked = client.subscribe({ stream, symbols: symbols ?? '*', ...interval });
    void this.#read(asked as AsyncIterable<Message>);
  }

  async #read(messages: AsyncIterable<Message>): Promise<void> {
    try {
      for await (const message of messages) this.#take(message);
    } catch (error) {
      this.surprises.push(String(error));
    }
  }

  /** Each message says where all partitions are: the one that has moved is its own. */
  #take(message: Message): void {
    const places = message.cursor.split(',');
    const moved = places.filter((place) => !this.#places.includes(place));
    this.#places = places;
    if (message.type === 'snapshot' && this.from.size === 0) {
      for (const place of places) this.from.set(partitionIn(place), offsetOf(place));
    } else if (!['trade', 'candle', 'mark'].includes(message.type) || moved.length !== 1) {
      this.surprises.push(JSON.stringify(message));
    } else {
      const [place] = moved as [string];
      this.offsets.getOrInsertComputed(partitionIn(place), () => []).push(offsetOf(place));
      this.count++;
    }
  }

  /** What it should have been told and was not, or not so; by the log. */
  missing(inLog: ReadonlyMap<number, readonly Row[]>): string[] {
    return [...this.from].flatMap(([partition, from]) => {
      const told = this.offsets.get(partition) ?? [];
      const isTold = new Set(told);
      const ours = (inLog.get(partition) ?? []).filter(({ offset, symbol }) => {
        return offset > from && (this.symbols?.includes(symbol) ?? true);
      });
      const offsets = new Set(ours.map(({ offset }) => offset));
      return [
        ...ours
          .filter(({ offset, isOpen }) => !isOpen && !isTold.has(offset))
          .map(({ offset }) => `${this.name}: ${partition}:${offset} is missing`),
        ...told
          .filter((offset) => !offsets.has(offset))
          .map((offset) => `${this.name}: ${partition}:${offset} is not in the log`),
        ...told
          .filter((offset, index) => offset <= (told[index - 1] ?? from))
          .map((offset) => `${this.name}: ${partition}:${offset} is out of order, or told twice`),
      ];
    });
  }
}

/** A record of a log; an open candle may be overtaken by a newer version. */
interface Row {
  readonly offset: number;
  readonly symbol: string;
  readonly isOpen: boolean;
}

/** What each partition of the log holds: trades, or candles of trades and marks of a second. */
async function rowsOf(stream: 'trades' | 'candles'): Promise<ReadonlyMap<number, readonly Row[]>> {
  const topic: Topic = stream === 'trades' ? 'market.trades' : 'market.candles';
  const rows = new Map<number, Row[]>();
  for (let partition = 0; partition < partitions; partition++) {
    const log = await openKafkaLog({
      bootstrapServers: [kafka().bootstrap],
      clientId: 'test',
      prefix,
      partition,
      role: null,
      writes: [],
      follows: [topic],
      clock: systemClock,
      logger: { warn: () => undefined },
    });
    const found: Row[] = [];
    try {
      for (let next = 0; next < log.range(topic).end; ) {
        const read = await log.read(topic, next, 2 ** 22);
        for (const { offset, bytes } of read.batches) found.push(...rowsIn(offset, bytes));
        next = read.next;
      }
    } finally {
      await log.close();
    }
    rows.set(partition, found);
  }
  return rows;
}

function rowsIn(offset: number, bytes: Uint8Array): Row[] {
  const kind = frameKind(bytes);
  if (kind === 'trades') {
    const batch = decodeTrades(bytes);
    return Array.from({ length: batch.count }, (_, row) => {
      const { symbol } = batch.instruments[batch.instrument[row] as number]!;
      return { offset: offset + row, symbol, isOpen: false };
    });
  }
  const isOpen = (state: number | undefined): boolean => candleStates[state ?? -1] === 'open';
  if (kind === 'candles') {
    const batch = decodeCandles(bytes);
    return ofSecond(batch).map((row) => {
      const { symbol } = batch.symbols[batch.symbol[row] as number]!;
      return { offset: offset + row, symbol, isOpen: isOpen(batch.state[row]) };
    });
  }
  if (kind !== 'marks') return [];
  const batch = decodeMarks(bytes);
  return ofSecond(batch).map((row) => {
    return { offset: offset + row, symbol: batch.symbols[batch.symbol[row]!]!, isOpen: false };
  });
}

function ofSecond({ count, price, interval }: Pick<MarkBatch, 'count' | 'price' | 'interval'>) {
  const [trade, second] = [priceKinds.indexOf('trade'), intervals.indexOf('1s')];
  const rows = Array.from({ length: count }, (_, row) => row);
  return rows.filter((row) => price[row] === trade && interval[row] === second);
}

/** Whether a gateway serves the symbols of all partitions. */
async function serves(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/symbols`).catch(() => null);
  if (!answer?.ok) return false;
  const { symbols } = (await answer.json()) as { symbols: readonly unknown[] };
  return symbols.length === 10;
}

/** Clients that know both gateways, half of them the second one first. */
function clientsOf(t: TestContext, ports: readonly number[]): Told[] {
  const urls = ports.map((port) => `ws://127.0.0.1:${port}`);
  return [null, some].flatMap((symbols, index) => {
    const client = connect(index === 0 ? urls : urls.toReversed());
    t.after(() => client.close());
    return [new Told(client, 'trades', symbols), new Told(client, 'candles', symbols)];
  });
}

test('a rolling restart of everything is resumes to clients, never a gap', async (t) => {
  await withDataFolder(async (folder) => {
    const ports = await freePorts(2);
    const database = await store.migratedDatabase();
    const place = { database, bootstrap: kafka().bootstrap, prefix };
    const env = { ...environmentOf(place), TRADES_PER_SECOND: '200' };
    const role = (name: string, args: readonly string[], more = {}): Kept =>
      keep(t, folder, { ...env, ...more }, args, name);
    const ingest = role('ingest', ['run', 'ingest']);
    const others = [
      role('engine', ['run', 'engine']),
      role('persist', ['run', 'persist']),
      ...ports.map((port, index) =>
        role(`gateway-${index}`, ['run', 'gateway'], { PORT: String(port) }),
      ),
    ];
    for (const port of ports) {
      await eventually(
        async () => await serves(port),
        `the gateway at ${port} does not serve`,
        patience,
      );
    }
    const clients = clientsOf(t, ports);
    const counts = (): string => clients.map(({ name, count }) => `${name} ${count}`).join();
    const goOn = async (why: string): Promise<void> => {
      const before = clients.map(({ count }) => count);
      const surprises = (): string[] => clients.flatMap((client) => client.surprises);
      await eventually(
        async () =>
          surprises().length > 0 || clients.every(({ count }, at) => count > before[at]! + 10),
        () => `${why}: ${counts()}`,
        patience,
      );
      assert.deepEqual(surprises(), [], why);
    };
    await goOn('at the start');
    for (const kept of [...others, ingest]) {
      await kept.restart('SIGTERM');
      await goOn(kept.name);
      for (const port of ports) {
        await eventually(async () => await serves(port), `${port} after ${kept.name}`, patience);
      }
    }
    await ingest.end('SIGTERM');
    let missing: readonly string[] = [];
    await eventually(
      async () => {
        const inLog = { trades: await rowsOf('trades'), candles: await rowsOf('candles') };
        missing = clients.flatMap((client) => client.missing(inLog[client.stream]));
        return missing.length === 0;
      },
      () => `${missing.length} messages: ${missing.slice(0, 9).join('; ')}`,
      patience,
    );
    for (const { count, name } of clients) t.diagnostic(`${name}: ${count} messages`);
    for (const one of others) await one.end('SIGTERM');
  });
});

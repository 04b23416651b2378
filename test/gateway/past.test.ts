// Subscriptions that begin with the past: what they are told is all that there is, once, whatever
// store, log and memory do while the past is put together.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { prng } from '../../src/base/prng.ts';
import { intervalLength } from '../../src/contracts/interval.ts';
import { formatTime } from '../../src/contracts/time.ts';
import type { Log, Topic } from '../../src/log/log.ts';
import { openHistory, type PostgresHistory } from '../../src/store/history-postgres.ts';
import type { Sink } from '../../src/store/sink.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { testCluster } from '../store/cluster.ts';
import { MemoryLog } from './memory-log.ts';
import { type Message, type Rig, rig, type StreamClient } from './rig.ts';
import { seeded } from './seed.ts';
import { monday, type Tape } from './tape.ts';

const cluster = testCluster();
const symbols = ['AAPL', 'MSFT'];
/** Rings so small that most of what a test writes has left them. */
const tiny = { recentTradesMax: 32, recentTradesTotalMax: 0, recentCandlesMax: 4 };

interface Written {
  readonly symbol: string;
  readonly time: number;
  /** In cents; each is another. */
  readonly price: number;
}

/** All trades that were written, by offset; candles likewise, of minutes. */
class Market {
  readonly trades: Written[] = [];
  readonly candles: Written[] = [];
  readonly #tape: Tape;

  constructor(tape: Tape) {
    this.#tape = tape;
  }

  async write(rows: readonly { symbol: number; after: number }[]): Promise<void> {
    const first = this.trades.length;
    const trades = rows.map(({ symbol, after }, index) => ({
      symbol: symbols[symbol],
      time: monday + first + after,
      price: first + index + 1,
    }));
    this.trades.push(...trades);
    await this.#tape.trades(...trades);
    const candles = rows.map(({ symbol, after }, index) => ({
      symbol: symbols[symbol],
      time: monday + after * intervalLength('1m'),
      price: this.candles.length + index + 1,
    }));
    this.candles.push(...candles);
    const ohlcOf = (price: number) => [price, price, price, price] as const;
    await this.#tape.candles(
      ...candles.map(({ price, ...of }) => ({
        ...of,
        interval: '1m' as const,
        state: 'final' as const,
        ohlc: ohlcOf(price),
      })),
    );
  }

  /** The newest of each symbol among those up to an offset, ascending by time. */
  newestTrades(upTo: number, limit: number): Written[] {
    return symbols.flatMap((symbol) =>
      this.trades
        .slice(0, upTo + 1)
        .filter((trade) => trade.symbol === symbol)
        .map((trade, sequence) => ({ trade, sequence }))
        .sort((a, b) => a.trade.time - b.trade.time || a.sequence - b.sequence)
        .slice(-limit)
        .map(({ trade }) => trade),
    );
  }

  newestCandles(upTo: number, limit: number): Written[] {
    return symbols.flatMap((symbol) => {
      const newest = new Map<number, Written>();
      for (const one of this.candles.slice(0, upTo + 1)) {
        if (one.symbol === symbol) newest.set(one.time, one);
      }
      return [...newest.values()].sort((a, b) => a.time - b.time).slice(-limit);
    });
  }
}

const shownPrice = (cents: number): string => String(cents / 100);
const shown = ({ symbol, time, price }: Written) => [symbol, formatTime(time), shownPrice(price)];
const offsetOf = ({ cursor }: Message) => Number(cursor.split(':')[2]);

/** What a client was told is the newest up to its cursor, and then all that came later. */
async function assertWhole(
  client: StreamClient,
  market: Market,
  stream: 'trades' | 'candles',
  limit: number,
): Promise<void> {
  let rows: Message[] = [];
  let message = await client.next();
  for (; message.type === 'history'; message = await client.next()) rows.push(...message.rows);
  assert.equal(message.type, 'subscribed', JSON.stringify(message));
  rows = [...rows, ...message.snapshot];
  const cut = offsetOf(message);
  const all = stream === 'trades' ? market.trades : market.candles;
  const expected =
    stream === 'trades' ? market.newestTrades(cut, limit) : market.newestCandles(cut, limit);
  const shownRows = rows.map((row) =>
    stream === 'trades' ? [row.symbol, row.time, row.price] : [row.symbol, row.start, row.close],
  );
  assert.deepEqual(shownRows, expected.map(shown));
  const told: [number, string][] = [];
  while ((told.at(-1)?.[0] ?? cut) < all.length - 1) {
    const next = await client.next();
    told.push([offsetOf(next), stream === 'trades' ? next.price : next.close]);
  }
  const later = all.slice(cut + 1).map(({ price }, index) => [cut + 1 + index, shownPrice(price)]);
  assert.deepEqual(told, later);
}

const row = fc.record({ symbol: fc.nat({ max: 1 }), after: fc.nat({ max: 30 }) });
const step = fc.oneof(
  fc.array(row, { minLength: 1, maxLength: 20 }).map((rows) => ({ kind: 'write' as const, rows })),
  fc.constant({ kind: 'store' as const }),
  fc.constant({ kind: 'settle' as const }),
);
const steps = fc.array(step, { maxLength: 6 });

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

async function play(one: Rig, market: Market, given: readonly Step[]): Promise<void> {
  for (const each of given) {
    if (each.kind === 'write') await market.write(each.rows);
    if (each.kind === 'store') await one.history.persistAll();
    if (each.kind === 'settle') await one.settled();
  }
}

suite('a subscription with history', () => {
  test('has no hole and no duplicate, whatever happens while the store answers', async (t) => {
    const runs = fc.record({
      before: steps,
      /** Before the store looks, and after it has looked and before it answers. */
      meanwhile: fc.array(steps, { minLength: 2, maxLength: 4 }),
      after: steps,
      limit: fc.integer({ min: 1, max: 40 }),
      stream: fc.constantFrom('trades' as const, 'candles' as const),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ before, meanwhile, after, limit, stream }) => {
        const one = await rig(t, { log: new MemoryLog(), limits: tiny });
        const market = new Market(one.tape);
        await play(one, market, before);
        const client = await one.connect('/ws');
        const pending = [...meanwhile];
        const disturb = async (): Promise<void> => play(one, market, pending.shift() ?? []);
        disturbHistory(one, disturb);
        client.say({ op: 'subscribe', id: 'w', stream, symbols, history: limit });
        await play(one, market, after);
        await market.write([{ symbol: 0, after: 40 }]);
        await assertWhole(client, market, stream, limit);
        await one.gateway.close();
      }),
      seeded(25),
    );
  });

  test('has none over a real log and a real database that lags behind', async (t) => {
    const store = new RealStore();
    t.after(() => store.close());
    const one = await rig(t, { limits: tiny, store: (log) => store.open(log) });
    const market = new Market(one.tape);
    const random = prng(20_261_121);
    const clients: [StreamClient, 'trades' | 'candles', number][] = [];
    for (let turn = 0; turn < 60; turn++) {
      const rows = Array.from({ length: 1 + random.integer(30) }, () => ({
        symbol: random.integer(2),
        after: random.integer(31),
      }));
      const writing = market.write(rows);
      if (turn % 7 === 3) await store.persist(Math.floor(market.trades.length * 0.8));
      if (turn % 5 === 0) {
        const client = await one.connect('/ws');
        const stream = turn % 2 === 0 ? 'trades' : 'candles';
        const limit = 1 + random.integer(500);
        client.say({ op: 'subscribe', id: 'w', stream, symbols, history: limit });
        clients.push([client, stream, limit]);
      }
      await writing;
    }
    await market.write([{ symbol: 0, after: 40 }]);
    for (const [client, stream, limit] of clients) {
      await assertWhole(client, market, stream, limit);
    }
  });
});

/** A database of its own, and what stores trades and candles in it up to an offset. */
class RealStore {
  readonly #positions: Partial<Record<Topic, number>> = {};
  #sinks: Sink[] = [];
  #log: Log | null = null;
  #history: PostgresHistory | null = null;

  async open(log: Log) {
    const database = await cluster.migratedDatabase();
    const of = { database, epoch: log.epoch, partition: 0 };
    this.#log = log;
    this.#sinks = [openTradesSink(of), openCandlesSink(of)];
    this.#history = openHistory({ database });
    return { history: this.#history, stored: (topic: Topic) => this.#positions[topic] ?? 0 };
  }

  /** Whole batches before an offset. */
  async persist(offset: number): Promise<void> {
    for (const sink of this.#sinks) {
      const topic = sink.topic as Topic;
      const from = this.#positions[topic] ?? 0;
      const { batches = [] } = (await this.#log?.read(topic, from, 1 << 24)) ?? {};
      const due = batches.filter((batch) => batch.offset + batch.count <= offset);
      const last = due.at(-1);
      if (!last) continue;
      await sink.write(due, last.offset + last.count);
      this.#positions[topic] = last.offset + last.count;
    }
  }

  async close(): Promise<void> {
    for (const sink of this.#sinks) await sink.close();
    await this.#history?.close();
  }
}

/** Things happen around every question to the store. */
function disturbHistory({ history }: Rig, disturb: () => Promise<void>): void {
  const trades = history.trades.bind(history);
  history.trades = async (symbol, query) => {
    await disturb();
    const found = await trades(symbol, query);
    await disturb();
    return found;
  };
  const candles = history.candles.bind(history);
  history.candles = async (symbol, query) => {
    await disturb();
    const found = await candles(symbol, query);
    await disturb();
    return found;
  };
}

// Thousands of cuts, stalls and resumes: clients of every stream and policy over real logs, whose
// network is cut and stalled at random, and who go on from the last cursors that reached them, at
// any of the gateways, one of which hears of everything late. What they got, put together, is
// everything once and in the order of each log, or is declared.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { Whereabouts } from '../../client/whereabouts.ts';
import { ManualClock, systemClock } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import type { Article } from '../../src/contracts/article.ts';
import { partitionOf } from '../../src/contracts/partition.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { defaultLimits } from '../../src/gateway/limits.ts';
import { Live } from '../../src/gateway/live.ts';
import { gatewayMetrics } from '../../src/gateway/metrics.ts';
import { SharedMemory } from '../../src/gateway/recent/shared-memory.ts';
import { ServedShards } from '../../src/gateway/served-shards.ts';
import type { Policy, Stream } from '../../src/gateway/stream/client-messages.ts';
import type { Outlet } from '../../src/gateway/stream/connection.ts';
import type { Ready } from '../../src/gateway/stream/ready.ts';
import type { Subscriber } from '../../src/gateway/stream/subscriber.ts';
import { type Wanted, wantedOf } from '../../src/gateway/stream/wanted.ts';
import { Streams } from '../../src/gateway/streams.ts';
import type { Log } from '../../src/log/log.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { LateLog } from './late-log.ts';
import { MemoryHistory } from './memory-history.ts';
import { MemoryLog } from './memory-log.ts';
import { payloads } from './payloads.ts';
import type { Message } from './rig.ts';
import { seedsOfCuts } from './seed.ts';
import { monday, second, Tape, type TapeCandle } from './tape.ts';

const cutsOfRound = 2_000;
/** Of three partitions 0, 0, 1, 1 and 2. */
const symbols = ['A', 'B', 'C', 'E', 'G'];
const logger = pino({ level: 'silent' });

/** What was written: where, its symbol, and a value that tells it apart. */
interface Fact {
  readonly partition: number;
  readonly offset: number;
  readonly symbol: string;
  readonly value: string;
  /** Of an open candle, which newer versions overtake. */
  readonly isOpen: boolean;
}

type Kind = Exclude<Stream, 'summary'>;

class Market {
  readonly facts: Record<Kind, Fact[]> = {
    trades: [],
    quotes: [],
    candles: [],
    alerts: [],
    news: [],
  };
  /** By partition. */
  readonly #tapes: readonly Tape[];
  readonly #random: Prng;
  readonly #minutes = new Map<string, number>();
  #value = 0;

  constructor(logs: readonly Log[], random: Prng) {
    this.#tapes = logs.map((log) => new Tape(log));
    this.#random = random;
  }

  async introduce(): Promise<void> {
    for (const [partition, tape] of this.#tapes.entries()) {
      const ours = symbols.filter((symbol) => this.#partitionOf(symbol) === partition);
      await tape.introduce(...ours);
    }
  }

  /** A batch of each kind, or of some, to each log, in one fsync. */
  async write(): Promise<void> {
    const rows = (): string[] =>
      Array.from({ length: this.#random.integer(9) }, () => symbols[this.#random.integer(5)]);
    const next = (symbol: string) => {
      const price = ++this.#value;
      return { symbol, time: monday + price, price, bid: price, ask: price };
    };
    const [trades, quotes, alerts] = [rows().map(next), rows().map(next), rows().map(next)];
    const news = rows().map(next);
    const candles = rows().flatMap((symbol) => this.#candles(symbol));
    await Promise.all([
      this.#keep('trades', trades, (tape, rows) => tape.trades(...rows)),
      this.#keep('quotes', quotes, (tape, rows) => tape.quotes(...rows)),
      this.#keep('candles', candles, (tape, rows) => tape.candles(...rows)),
      this.#keep('alerts', alerts, (tape, rows) => tape.signals(...rows.map(signalOf))),
      this.#keep('news', news, (tape, rows) => tape.articles(...rows.map(articleOf))),
    ]);
  }

  #partitionOf(symbol: string): number {
    return partitionOf(symbol, this.#tapes.length);
  }

  /** The newest minute changes, or closes and another opens, or one of before is revised. */
  #candles(symbol: string): (TapeCandle & { symbol: string; cents: number })[] {
    const minute = this.#minutes.get(symbol) ?? 0;
    const chance = this.#random.uniform();
    const candle = (index: number, state: 'open' | 'final' | 'revised') => {
      const cents = ++this.#value;
      const ohlc = [cents, cents, cents, cents] as const;
      const interval = '1m' as const;
      return { symbol, interval, time: monday + index * 60 * second, ohlc, state, cents };
    };
    if (chance < 0.5) return [candle(minute, 'open')];
    if (chance < 0.7 && minute > 0) return [candle(this.#random.integer(minute), 'revised')];
    this.#minutes.set(symbol, minute + 1);
    return [candle(minute, 'final'), candle(minute + 1, 'open')];
  }

  async #keep<Row extends { symbol: string; state?: string; price?: unknown; cents?: number }>(
    kind: Kind,
    rows: readonly Row[],
    write: (tape: Tape, rows: readonly Row[]) => Promise<number>,
  ): Promise<void> {
    const byPartition = Map.groupBy(rows, ({ symbol }) => this.#partitionOf(symbol));
    const writes = [...byPartition].map(async ([partition, ours]) => {
      const offset = await write(this.#tapes[partition], ours);
      for (const [row, { symbol, state, price, cents }] of ours.entries()) {
        const value = String(Number(cents ?? price) / 100);
        const isOpen = state === 'open';
        this.facts[kind].push({ partition, offset: offset + row, symbol, value, isOpen });
      }
    });
    await Promise.all(writes);
  }
}

interface Priced {
  readonly symbol: string;
  readonly price: number;
}

function signalOf({ symbol, price: value }: Priced) {
  return {
    id: `id${value}`,
    kind: 'volatility' as const,
    symbol,
    time: formatTime(monday + value),
    start: formatTime(monday),
    severity: 'low' as const,
    state: 'raised' as const,
    revision: 0,
    text: String(value / 100),
    values: {},
  };
}

function articleOf({ symbol, price: value }: Priced): Article {
  const time = formatTime(monday + value);
  return {
    id: `id${value}`,
    symbols: ['OTHER', symbol],
    time,
    received: time,
    title: String(value / 100),
    summary: '',
    author: '',
    source: 'test',
    url: '',
    sentiment: null,
    revision: 0,
  };
}

const shownBy: Record<string, (message: Message) => string> = {
  trade: ({ price }) => price,
  quote: ({ bid }) => bid,
  candle: ({ close }) => close,
  alert: ({ text }) => text,
  article: ({ title }) => title,
};

/** The network between: what was written is under way until it is let through, or cut off. */
class Wire implements Outlet {
  isOpen = true;
  isFull = false;
  readonly underWay: Message[] = [];
  #drained = Promise.withResolvers<void>();

  write({ frames }: Ready): void {
    if (this.isOpen) this.underWay.push(...payloads(frames));
  }

  drained(): Promise<void> {
    return this.#drained.promise;
  }

  close(): void {
    this.isOpen = false;
    this.unstall();
  }

  unstall(): void {
    this.isFull = false;
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
  }
}

class Client {
  readonly kind: Kind;
  readonly policy: Policy;
  readonly symbols: readonly string[];
  readonly told: Message[] = [];
  /** The newest value of each symbol that it knows. */
  readonly newest = new Map<string, string>();
  wire = new Wire();
  /** Whether it waits for a gateway that hears late, and how often it did. */
  isWaiting = false;
  waits = 0;
  cuts = 0;
  stalls = 0;
  readonly #subscribers: readonly Subscriber[];
  readonly #random: Prng;
  readonly #isAll: boolean;
  readonly #place = new Whereabouts();
  /** By partition, the offset of its first cursor. */
  #first: ReadonlyMap<number, number> | null = null;
  #end: () => void = () => undefined;

  constructor(subscribers: readonly Subscriber[], kind: Kind, policy: Policy, random: Prng) {
    this.#subscribers = subscribers;
    this.#random = random;
    this.kind = kind;
    this.policy = policy;
    this.#isAll = random.integer(3) === 0;
    const some = symbols.filter(() => random.integer(2) === 0);
    this.symbols = this.#isAll ? symbols : some.length > 0 ? some : ['A'];
    this.#connect();
  }

  /** A random part of what is under way arrives, and the rest is lost. */
  cut(random: Prng): void {
    this.receive(random.integer(this.wire.underWay.length + 1));
    this.#end();
    this.wire.close();
    this.cuts++;
    this.wire = new Wire();
    this.#connect();
  }

  /** A server that closed the connection is met again, with all that came before. */
  reconnectIfClosed(): void {
    if (this.wire.isOpen) return;
    this.receive();
    this.#end();
    this.wire = new Wire();
    this.#connect();
  }

  receive(count = this.wire.underWay.length): void {
    for (const message of this.wire.underWay.splice(0, count)) {
      this.told.push(message);
      if (message.cursor) this.#place.move(message.cursor);
      const value = shownBy[message.type]?.(message);
      if (value !== undefined) this.newest.set(message.symbol, value);
    }
  }

  /** What it must have been told since it first came, by the facts. */
  expected(facts: readonly Fact[]): Fact[] {
    return facts.filter(({ partition, offset, symbol }) => {
      return offset > (this.#first?.get(partition) ?? 0) && this.symbols.includes(symbol);
    });
  }

  #connect(): void {
    const { kind, policy } = this;
    const list = this.#isAll ? ('*' as const) : [...this.symbols];
    const asked = { op: 'subscribe' as const, id: 'w', stream: kind, symbols: list, policy };
    const { cursor } = this.#place;
    const wanted = wantedOf(cursor === null ? asked : { ...asked, cursor });
    const subscriber = this.#subscribers[this.#random.integer(this.#subscribers.length)];
    const { ready, leave } = subscriber.prepare(wanted);
    this.#end = leave;
    this.isWaiting = ready !== null;
    this.waits += Number(this.isWaiting);
    const { wire } = this;
    if (ready === null) this.#begin(subscriber, wanted);
    else void ready.then(() => wire === this.wire && this.#begin(subscriber, wanted));
  }

  #begin(subscriber: Subscriber, wanted: Wanted): void {
    this.isWaiting = false;
    const { cursor, snapshot, gap, parts } = subscriber.begin(wanted, 'w', null);
    assert.equal(gap, null);
    this.#place.begin(cursor);
    this.#first ??= new Map(cursor.split(',').map((one) => [partitionIn(one), offsetOf(one)]));
    for (const row of snapshot as Message[]) {
      this.newest.set(row.symbol, shownBy[typeOf[this.kind]](row));
    }
    this.#end = subscriber.subscribe(this.wire, wanted, 'w', parts);
  }
}

const typeOf: Record<Kind, string> = {
  trades: 'trade',
  quotes: 'quote',
  candles: 'candle',
  alerts: 'alert',
  news: 'article',
};

const offsetOf = (cursor: string): number => Number(cursor.split(':')[2]);
const partitionIn = (cursor: string): number => Number(cursor.split(':')[1]);

function assertAllOrDeclared(client: Client, facts: readonly Fact[]): void {
  const expected = client.expected(facts);
  const partitions = new Set(client.told.map(({ cursor, from }) => partitionIn(cursor ?? from)));
  for (const { partition } of expected) partitions.add(partition);
  for (const partition of partitions) {
    const ofPartition = expected.filter((fact) => fact.partition === partition);
    assertPartition(client, partition, ofPartition, facts);
  }
}

function assertPartition(
  client: Client,
  partition: number,
  expected: readonly Fact[],
  facts: readonly Fact[],
): void {
  const { kind, policy } = client;
  const told = client.told.filter(({ cursor, from }) => partitionIn(cursor ?? from) === partition);
  const name = `${kind} ${policy} ${client.symbols.join('')} ${partition}`;
  const messages = told.filter(({ type }) => type in shownBy);
  const cursors = messages.map(({ cursor }) => offsetOf(cursor));
  if (policy === 'conflate') {
    const newest = new Map(facts.map(({ symbol, value }) => [symbol, value]));
    for (const symbol of client.symbols.filter((one) => newest.has(one) && kind !== 'candles')) {
      assert.equal(client.newest.get(symbol), newest.get(symbol), `${name}: ${symbol}`);
    }
    return;
  }
  assert.deepEqual(
    cursors,
    cursors.toSorted((a, b) => a - b),
    `${name}: in order`,
  );
  assert.equal(new Set(cursors).size, cursors.length, `${name}: each once`);
  const spans = told.filter(({ type }) => type === 'gap' || type === 'skip');
  const declared = (offset: number): boolean =>
    spans.some(({ type, from, to }) => {
      const end = offsetOf(to) + (type === 'skip' ? 1 : 0);
      return offset >= offsetOf(from) && offset < end;
    });
  const valueAt = new Map(messages.map((message) => [offsetOf(message.cursor), message]));
  for (const { offset, value, isOpen } of expected) {
    const message = valueAt.get(offset);
    if (message) assert.equal(shownBy[message.type](message), value, `${name}: ${offset}`);
    else assert(isOpen || declared(offset), `${name}: ${offset} is missing, and not declared`);
  }
  const ours = new Set(expected.map(({ offset }) => offset));
  assert(
    cursors.every((cursor) => ours.has(cursor)),
    `${name}: nothing else`,
  );
  for (const symbol of client.symbols) {
    const last = expected.findLast((fact) => fact.symbol === symbol);
    const isTold = !last?.isOpen || valueAt.has(last.offset) || declared(last.offset);
    assert(isTold, `${name}: the open candle of ${symbol}`);
  }
}

const metrics = gatewayMetrics(new Registry());
const clock = new ManualClock(monday);

/** What is told of these logs, until the signal aborts. */
function streamsOver(logs: readonly Log[], signal: AbortSignal) {
  const limits = defaultLimits;
  const history = new MemoryHistory(...logs);
  const memory = new SharedMemory(limits);
  const common = { history, limits, metrics, clock, logger };
  const all = logs.map((log) => {
    const live = new Live({ log, shards: logs.length, memory, ...common });
    const sources = { log, history, ...history.of(log.partition), unstoredRecordsMax: 1e6 };
    return { live, sources };
  });
  const shards = new ServedShards(all, memory);
  const { subscriber } = new Streams({ shards, ...common, allowedOrigins: [] });
  return { shards, subscriber, running: shards.run(signal) };
}

async function run(
  seed: number,
  logs: readonly Log[],
  forget: (market: Market) => void,
  lateLogs: readonly LateLog[] = [],
): Promise<Client[]> {
  const random = prng(seed);
  const market = new Market(logs, random);
  await market.introduce();
  const stopped = new AbortController();
  const gateways = [logs, ...(lateLogs.length > 0 ? [lateLogs] : [])].map((all) =>
    streamsOver(all, stopped.signal),
  );
  const subscribers = gateways.map(({ subscriber }) => subscriber);
  const policies: readonly [Kind, Policy][] = [
    ['trades', 'lossless'],
    ['trades', 'conflate'],
    ['trades', 'skip'],
    ['trades', 'close'],
    ['quotes', 'conflate'],
    ['quotes', 'lossless'],
    ['candles', 'lossless'],
    ['candles', 'skip'],
    ['alerts', 'lossless'],
    ['alerts', 'close'],
    ['news', 'lossless'],
    ['news', 'skip'],
  ];
  const clients: Client[] = [];
  const turn = (): Promise<unknown> => new Promise(setImmediate);
  for (let step = 0; sumOf(clients, ({ cuts }) => cuts) < cutsOfRound; step++) {
    await market.write();
    if (random.integer(3) > 0) await turn();
    for (const log of lateLogs) if (random.integer(6) === 0) log.look();
    await clock.advance(10);
    if (step < 60) clients.push(new Client(subscribers, ...policies[step % 12], random));
    for (const client of clients) act(client, random);
    forget(market);
  }
  for (const client of clients) client.wire.unstall();
  for (let quiet = 0; quiet < 100; ) {
    for (const log of lateLogs) log.look();
    await clock.advance(10);
    await turn();
    const isBusy = gateways.some(({ shards }) =>
      shards
        .lags()
        .values()
        .some((lag) => lag > 0),
    );
    const underWay = clients.some(
      ({ wire, isWaiting }) => wire.underWay.length > 0 || !wire.isOpen || isWaiting,
    );
    for (const client of clients) client.reconnectIfClosed();
    for (const client of clients) client.receive();
    quiet = isBusy || underWay ? 0 : quiet + 1;
  }
  for (const client of clients) assertAllOrDeclared(client, market.facts[client.kind]);
  stopped.abort();
  for (const { running } of gateways) await running;
  return clients;
}

function act(client: Client, random: Prng): void {
  client.reconnectIfClosed();
  const chance = random.uniform();
  if (chance < 0.25) client.cut(random);
  else if (chance < 0.5) client.receive(random.integer(client.wire.underWay.length + 1));
  else if (chance < 0.65) client.wire.unstall();
  else if (chance < 0.8 && !client.wire.isFull) {
    client.wire.isFull = true;
    client.stalls++;
  }
}

/** Embedded logs, one to a partition. */
async function embeddedLogs(t: TestContext, partitions: number): Promise<Log[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-resume-'));
  const logs: Log[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const place = join(folder, String(partition));
    const log = await openEmbeddedLog({ folder: place, logger, clock: systemClock });
    logs.push(Object.defineProperty(log, 'partition', { value: partition }));
  }
  t.after(async () => {
    for (const log of logs) await log.close();
    await rm(folder, { recursive: true, force: true });
  });
  return logs;
}

function sumOf(clients: readonly Client[], count: (client: Client) => number): number {
  return clients.reduce((sum, client) => sum + count(client), 0);
}

function gapsOf(clients: readonly Client[]): Message[] {
  return clients.flatMap(({ told }) => told.filter(({ type }) => type === 'gap'));
}

function assertNoGaps(t: TestContext, clients: readonly Client[]): void {
  const cuts = sumOf(clients, (client) => client.cuts);
  const stalls = sumOf(clients, (client) => client.stalls);
  t.diagnostic(`${cuts} cuts, ${stalls} stalls`);
  assert(cuts >= cutsOfRound && stalls > 0.3 * cuts);
  assert.deepEqual(gapsOf(clients), []);
}

suite('after any cuts and stalls a client has had everything, or was told what it missed', () => {
  for (const seed of seedsOfCuts(cutsOfRound)) {
    test(`over the embedded log, seed ${seed}`, async (t) => {
      assertNoGaps(t, await run(seed, await embeddedLogs(t, 1), () => undefined));
    });

    test(`over three logs and two gateways, one of which hears late, seed ${seed}`, async (t) => {
      const logs = await embeddedLogs(t, 3);
      const late = logs.map((log) => new LateLog(log));
      const clients = await run(seed, logs, () => undefined, late);
      assertNoGaps(t, clients);
      const waits = sumOf(clients, ({ waits: count }) => count);
      assert(waits > 0.05 * cutsOfRound, `${waits} waits`);
    });

    test(`over a log that forgets, seed ${seed}`, async (t) => {
      const log = new MemoryLog();
      const random = prng(seed);
      const clients = await run(seed, [log], ({ facts }) => {
        const { end } = log.range('market.trades');
        const kept = facts.trades.findLast(({ offset }) => offset < end - 8)?.offset;
        if (kept !== undefined && random.integer(4) === 0) log.forgetTo('market.trades', kept);
      });
      const gaps = gapsOf(clients);
      t.diagnostic(`${sumOf(clients, ({ cuts }) => cuts)} cuts, ${gaps.length} gaps declared`);
      assert(gaps.length > 10);
    });
  }
});

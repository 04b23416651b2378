// Thousands of cuts, stalls and resumes: clients of every stream and policy over a real log, whose
// network is cut and stalled at random, and who go on from the last cursor that reached them. What
// they got, put together, is everything once and in order, or is declared.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { systemClock } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import type { Article } from '../../src/contracts/article.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { cursorHead } from '../../src/gateway/cursor.ts';
import { defaultLimits } from '../../src/gateway/limits.ts';
import { Live } from '../../src/gateway/live.ts';
import { gatewayMetrics } from '../../src/gateway/metrics.ts';
import type { Policy, Stream } from '../../src/gateway/stream/client-messages.ts';
import type { Outlet } from '../../src/gateway/stream/connection.ts';
import { Hub } from '../../src/gateway/stream/hub.ts';
import type { Ready } from '../../src/gateway/stream/ready.ts';
import { SeriesPool } from '../../src/gateway/stream/series-pool.ts';
import { Subscriber } from '../../src/gateway/stream/subscriber.ts';
import { wantedOf } from '../../src/gateway/stream/wanted.ts';
import type { Log } from '../../src/log/log.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { MemoryHistory } from './memory-history.ts';
import { MemoryLog } from './memory-log.ts';
import { payloads } from './payloads.ts';
import type { Message } from './rig.ts';
import { seedsOfCuts } from './seed.ts';
import { monday, second, Tape, type TapeCandle } from './tape.ts';

const cutsOfRound = 2_000;
const symbols = ['A', 'B', 'C', 'D', 'E'];
const logger = pino({ level: 'silent' });

/** What was written: its log offset, its symbol, and a value that tells it apart. */
interface Fact {
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
  readonly #tape: Tape;
  readonly #random: Prng;
  readonly #minutes = new Map<string, number>();
  #value = 0;

  constructor(log: Log, random: Prng) {
    this.#tape = new Tape(log);
    this.#random = random;
  }

  async introduce(): Promise<void> {
    await this.#tape.introduce(...symbols);
  }

  /** A batch of each kind, or of some, in one fsync. */
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
    const tape = this.#tape;
    const signals = alerts.map(({ symbol, price }) => signalOf(symbol, price));
    await Promise.all([
      this.#keep('trades', trades, () => tape.trades(...trades)),
      this.#keep('quotes', quotes, () => tape.quotes(...quotes)),
      this.#keep('candles', candles, () => tape.candles(...candles)),
      this.#keep('alerts', alerts, () => tape.signals(...signals)),
      this.#keep('news', news, () =>
        tape.articles(...news.map(({ symbol, price }) => articleOf(symbol, price))),
      ),
    ]);
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

  async #keep(
    kind: Kind,
    rows: readonly { symbol: string; state?: string; price?: unknown; cents?: number }[],
    write: () => Promise<number>,
  ): Promise<void> {
    if (rows.length === 0) return;
    const offset = await write();
    for (const [row, { symbol, state, price, cents }] of rows.entries()) {
      const value = String(Number(cents ?? price) / 100);
      const isOpen = state === 'open';
      this.facts[kind].push({ offset: offset + row, symbol, value, isOpen });
    }
  }
}

function signalOf(symbol: string, value: number) {
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

function articleOf(symbol: string, value: number): Article {
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
  cuts = 0;
  stalls = 0;
  readonly #subscriber: Subscriber;
  readonly #isAll: boolean;
  #cursor: string | undefined;
  #first = Number.NaN;
  #end: () => void = () => undefined;

  constructor(subscriber: Subscriber, kind: Kind, policy: Policy, random: Prng) {
    this.#subscriber = subscriber;
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
      if (message.cursor) this.#cursor = message.cursor;
      const value = shownBy[message.type]?.(message);
      if (value !== undefined) this.newest.set(message.symbol, value);
    }
  }

  /** What it must have been told since it first came, by the facts. */
  expected(facts: readonly Fact[]): Fact[] {
    return facts.filter(
      ({ offset, symbol }) => offset > this.#first && this.symbols.includes(symbol),
    );
  }

  #connect(): void {
    const { kind, policy } = this;
    const list = this.#isAll ? ('*' as const) : [...this.symbols];
    const asked = { op: 'subscribe' as const, id: 'w', stream: kind, symbols: list, policy };
    const cursor = this.#cursor;
    const wanted = wantedOf(cursor === undefined ? asked : { ...asked, cursor });
    const begin = this.#subscriber.begin(wanted, 'w', null);
    this.#cursor = begin.cursor;
    if (Number.isNaN(this.#first)) this.#first = begin.from - 1;
    for (const row of begin.snapshot as Message[]) {
      this.newest.set(row.symbol, shownBy[typeOf[kind]](row));
    }
    this.#end = this.#subscriber.subscribe(this.wire, wanted, 'w', begin.from);
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

function assertAllOrDeclared(client: Client, facts: readonly Fact[]): void {
  const { kind, policy, told } = client;
  const name = `${kind} ${policy} ${client.symbols.join('')}`;
  const messages = told.filter(({ type }) => type in shownBy);
  const cursors = messages.map(({ cursor }) => offsetOf(cursor));
  assert.deepEqual(
    cursors,
    cursors.toSorted((a, b) => a - b),
    `${name}: in order`,
  );
  const expected = client.expected(facts);
  const newest = new Map(facts.map(({ symbol, value, isOpen }) => [symbol, { value, isOpen }]));
  if (policy === 'conflate') {
    for (const symbol of client.symbols.filter((one) => newest.has(one) && kind !== 'candles')) {
      assert.equal(client.newest.get(symbol), newest.get(symbol)?.value, `${name}: ${symbol}`);
    }
    return;
  }
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

async function run(
  log: Log,
  seed: number,
  forget: (market: Market) => void,
): Promise<{ clients: Client[]; cuts: number; stalls: number }> {
  const random = prng(seed);
  const history = new MemoryHistory(log);
  const metrics = gatewayMetrics(new Registry());
  const limits = defaultLimits;
  const clock = systemClock;
  const { stored, storeLost } = history;
  const sources = { log, history, stored, storeLost, unstoredRecordsMax: 1e6 };
  const market = new Market(log, random);
  await market.introduce();
  const live = new Live({ log, history, limits, metrics, clock, logger });
  const series = new SeriesPool(live, sources, limits.indicatedCandlesMax, clock);
  const hub = new Hub(live, series, cursorHead(log), clock, metrics);
  const subscriber = new Subscriber(sources, live, hub, series, limits, metrics);
  live.listen(hub);
  const stopped = new AbortController();
  const running = live.run(stopped.signal);
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
  const sumOf = (count: (client: Client) => number): number =>
    clients.reduce((sum, client) => sum + count(client), 0);
  for (let step = 0; sumOf(({ cuts }) => cuts) < cutsOfRound; step++) {
    await market.write();
    if (random.integer(3) > 0) await turn();
    if (step < 60) clients.push(new Client(subscriber, ...policies[step % 12], random));
    for (const client of clients) act(client, random);
    forget(market);
  }
  for (const client of clients) client.wire.unstall();
  for (let quiet = 0; quiet < 100; ) {
    await turn();
    const isBusy = live.tail.lags().some(([, lag]) => lag > 0);
    const underWay = clients.some(({ wire }) => wire.underWay.length > 0 || !wire.isOpen);
    for (const client of clients) client.reconnectIfClosed();
    for (const client of clients) client.receive();
    quiet = isBusy || underWay ? 0 : quiet + 1;
  }
  for (const client of clients) assertAllOrDeclared(client, market.facts[client.kind]);
  stopped.abort();
  await running;
  return { clients, cuts: sumOf(({ cuts }) => cuts), stalls: sumOf(({ stalls }) => stalls) };
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

suite('after any cuts and stalls a client has had everything, or was told what it missed', () => {
  for (const seed of seedsOfCuts(cutsOfRound)) {
    test(`over the embedded log, seed ${seed}`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'tapeline-resume-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      const log = await openEmbeddedLog({ folder, logger, clock: systemClock });
      const { clients, cuts, stalls } = await run(log, seed, () => undefined);
      await log.close();
      t.diagnostic(`${cuts} cuts, ${stalls} stalls`);
      assert(stalls > 0.3 * cuts);
      const gaps = clients.flatMap(({ told }) => told.filter(({ type }) => type === 'gap'));
      assert.deepEqual(gaps, []);
    });

    test(`over a log that forgets, seed ${seed}`, async (t) => {
      const log = new MemoryLog();
      const random = prng(seed);
      const { clients, cuts, stalls } = await run(log, seed, ({ facts }) => {
        const { end } = log.range('market.trades');
        const kept = facts.trades.findLast(({ offset }) => offset < end - 8)?.offset;
        if (kept !== undefined && random.integer(4) === 0) log.forgetTo('market.trades', kept);
      });
      const gaps = clients.flatMap(({ told }) => told.filter(({ type }) => type === 'gap'));
      t.diagnostic(`${cuts} cuts, ${stalls} stalls, ${gaps.length} gaps declared`);
      assert(gaps.length > 10);
    });
  }
});

// Random cuts by the hundred, in the middle of messages, stalls, and moves to another gateway over
// the same log, while readers are sometimes too slow: what the client told, put together, is
// everything once and in order, or is declared.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Message, Stream, Subscription } from '../../client/index.ts';
import type { ManualClock } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import { MemoryLog } from '../gateway/memory-log.ts';
import { rig } from '../gateway/rig.ts';
import { seedsOfCuts } from '../gateway/seed.ts';
import { monday, type Tape } from '../gateway/tape.ts';
import { Network } from './network.ts';
import { eagerClient } from './readers.ts';

const connectionsOfRound = 120;
const symbols = ['AAPL', 'MSFT'];
/** The price of what is written at the end. */
const last = 1;

/** What was written, by its offset: its symbol, and a price that tells it apart. */
type Facts = Map<number, { readonly symbol: string; readonly price: string }>;

class Market {
  readonly trades: Facts = new Map();
  readonly quotes: Facts = new Map();
  readonly #tape: Tape;
  #price = last;

  constructor(tape: Tape) {
    this.#tape = tape;
  }

  async write(random: Prng): Promise<void> {
    const rows = Array.from({ length: random.integer(8) + 1 }, () => {
      return { symbol: symbols[random.integer(2)], price: ++this.#price };
    });
    await this.#write(rows);
  }

  async end(): Promise<void> {
    await this.#write(symbols.map((symbol) => ({ symbol, price: last })));
  }

  async #write(rows: readonly { symbol: string; price: number }[]): Promise<void> {
    const timed = rows.map((row) => ({ ...row, time: monday + row.price }));
    const quoted = timed.map((row) => ({ ...row, bid: row.price, ask: row.price }));
    const [trade, quote] = await Promise.all([
      this.#tape.trades(...timed),
      this.#tape.quotes(...quoted),
    ]);
    for (const [index, { symbol, price }] of rows.entries()) {
      const fact = { symbol, price: String(price / 100) };
      this.trades.set(trade + index, fact);
      this.quotes.set(quote + index, fact);
    }
  }
}

const offsetOf = (cursor: string): number => Number(cursor.split(':')[2]);
const priceOf = (message: Message): string | null =>
  message.type === 'trade' ? message.price : message.type === 'quote' ? message.bid : null;
const turn = (): Promise<unknown> => new Promise(setImmediate);

/** Reads until the end has come, now and then slowly. */
async function read(subscription: Subscription<Stream>, random: Prng): Promise<Message[]> {
  const told: Message[] = [];
  for await (const message of subscription) {
    told.push(message);
    const newest = message.type === 'snapshot' ? message.rows.at(-1) : message;
    const price = newest && ('bid' in newest ? newest.bid : 'price' in newest ? newest.price : '');
    if (price === String(last / 100)) break;
    if (random.integer(20) === 0) for (let turns = 0; turns < 40; turns++) await turn();
  }
  return told;
}

function assertAllOrDeclared(told: readonly Message[], symbol: string, facts: Facts): number {
  const messages = told.filter((message) => priceOf(message) !== null);
  const offsets = messages.map(({ cursor }) => offsetOf(cursor));
  const isAscending = offsets.every((offset, index) => index === 0 || offset > offsets[index - 1]);
  assert(isAscending, `${symbol}: in order, each once`);
  for (const message of messages) {
    const fact = { symbol, price: priceOf(message) };
    assert.deepEqual(facts.get(offsetOf(message.cursor)), fact);
  }
  const spans = told.flatMap((message) => {
    if (message.type !== 'gap' && message.type !== 'skip') return [];
    const end = offsetOf(message.to) + (message.type === 'skip' ? 1 : 0);
    return [[offsetOf(message.from), end]];
  });
  const isDeclared = (offset: number): boolean =>
    spans.some(([from, end]) => offset >= from && offset < end);
  const toldOffsets = new Set(offsets);
  let missing = 0;
  for (const [offset, fact] of facts) {
    if (fact.symbol !== symbol || offset > (offsets.at(-1) ?? 0)) continue;
    if (toldOffsets.has(offset)) continue;
    assert(isDeclared(offset), `${symbol}: ${offset} is missing, and not declared`);
    missing++;
  }
  return missing;
}

async function act(network: Network, clock: ManualClock, random: Prng): Promise<void> {
  const chance = random.integer(20);
  if (chance < 5) network.cut();
  else if (chance < 12) network.cutAfter(random.integer(3_000));
  else if (chance < 13) {
    network.stall();
    await clock.advance(45_000);
    network.cut();
  } else for (let turns = random.integer(30); turns > 0; turns--) await turn();
}

async function run(t: TestContext, seed: number, forget: (log: MemoryLog, random: Prng) => void) {
  const random = prng(seed);
  const log = new MemoryLog();
  const gateways = [await rig(t, { log }), await rig(t, { log })];
  const market = new Market(gateways[0].tape);
  const network = await Network.to(t, gateways[0].gateway.url);
  const { client, clock } = eagerClient(t, network.url, {
    messagesMax: 8,
    random: () => random.uniform(),
  });
  const asked = [
    client.subscribe({ stream: 'trades', symbols: ['AAPL'] }),
    client.subscribe({ stream: 'trades', symbols: ['MSFT'], policy: 'skip' }),
    client.subscribe({ stream: 'quotes', symbols: ['AAPL'], policy: 'lossless' }),
    client.subscribe({ stream: 'quotes', symbols: ['MSFT'] }),
  ];
  await Promise.all(asked.map(({ snapshot }) => snapshot));
  let reading = asked.length;
  const readers = asked.map(async (subscription) => {
    const told = await read(subscription, random);
    reading--;
    return told;
  });
  for (let step = 0; network.handshakes < connectionsOfRound; step++) {
    await market.write(random);
    await act(network, clock, random);
    forget(log, random);
    if (random.integer(40) === 0) network.leadTo(gateways[step % 2].gateway.url);
  }
  for (let rounds = 0; reading > 0; rounds++) {
    assert.ok(rounds < 10_000, `${reading} readers still wait`);
    await market.end();
    for (let turns = 0; turns < 50; turns++) await turn();
  }
  const [lossless, skipping, quotes] = await Promise.all(readers);
  const missing = {
    lossless: assertAllOrDeclared(lossless, 'AAPL', market.trades),
    skipping: assertAllOrDeclared(skipping, 'MSFT', market.trades),
    quotes: assertAllOrDeclared(quotes, 'AAPL', market.quotes),
  };
  return { missing, handshakes: network.handshakes };
}

suite('after any cuts and stalls every message was told once, in order, or declared', () => {
  for (const seed of seedsOfCuts(connectionsOfRound)) {
    test(`over a log that keeps all, seed ${seed}`, async (t) => {
      const { missing, handshakes } = await run(t, seed, () => undefined);
      t.diagnostic(`${handshakes} connections, ${JSON.stringify(missing)} missing`);
      assert.deepEqual([missing.lossless, missing.quotes], [0, 0]);
      assert(missing.skipping > 0);
    });

    test(`over a log that forgets, seed ${seed}`, async (t) => {
      const { missing, handshakes } = await run(t, seed, (log, random) => {
        const { end } = log.range('market.trades');
        if (random.integer(10) === 0) log.forgetTo('market.trades', end - random.integer(8));
      });
      t.diagnostic(`${handshakes} connections, ${JSON.stringify(missing)} missing`);
      assert(missing.lossless > 0);
      assert.equal(missing.quotes, 0);
    });
  }
});

// A gateway over several shards: one market to whoever asks, cursors that name a place in each, and
// a past that has no hole and no duplicate wherever its cuts fall.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Whereabouts } from '../../client/whereabouts.ts';
import { ManualClock } from '../../src/base/clock.ts';
import { partitionOf } from '../../src/contracts/partition.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { EventClient } from './event-client.ts';
import { LateLog } from './late-log.ts';
import { MemoryHistory, noExports } from './memory-history.ts';
import { MemoryLog } from './memory-log.ts';
import { type Message, type Served, type ServeOptions, type StreamClient, serve } from './rig.ts';
import { seeded } from './seed.ts';
import { monday, second, Tape } from './tape.ts';

/** Of partitions 0, 1, 2, 0 and 2. */
const symbols = ['A', 'C', 'G', 'B', 'K'];
const partitions = 3;
const epoch = 'e1';

interface Written {
  readonly symbol: string;
  readonly time: number;
  /** In cents; each is another. */
  readonly price: number;
}

/** Three logs, what was written to them by offset, and their store. */
class Market {
  readonly logs = Array.from({ length: partitions }, (_, partition) => new MemoryLog(partition));
  readonly history = new MemoryHistory(...this.logs);
  readonly trades: Written[][] = this.logs.map(() => []);
  readonly #tapes = this.logs.map((log) => new Tape(log));
  #price = 0;

  async introduce(): Promise<void> {
    for (const symbol of symbols) await this.#tapes[ofSymbol(symbol)].introduce(symbol);
  }

  async write(rows: readonly { readonly symbol: number; readonly after: number }[]): Promise<void> {
    const written = rows.map(({ symbol, after }) => {
      const price = ++this.#price;
      return { symbol: symbols[symbol], time: monday + price + after, price };
    });
    for (const [partition, ours] of Map.groupBy(written, ({ symbol }) => ofSymbol(symbol))) {
      this.trades[partition].push(...ours);
      await this.#tapes[partition].trades(...ours);
    }
  }

  /** A signal of a symbol at so many seconds. */
  async signal(symbol: string, seconds: number): Promise<void> {
    const time = formatTime(monday + seconds * second);
    await this.#tapes[ofSymbol(symbol)].signals({
      id: `id${seconds}`,
      kind: 'volatility',
      symbol,
      time,
      start: time,
      severity: 'low',
      state: 'raised',
      revision: 0,
      text: '',
      values: {},
    });
  }

  async serve(
    t: TestContext,
    options: ServeOptions = {},
    logs: readonly (MemoryLog | LateLog)[] = this.logs,
  ): Promise<Served> {
    const shards = logs.map((log) => ({ log, ...this.history.of(log.partition) }));
    return await serve(t, shards, { history: this.history, exports: noExports }, options);
  }

  /** Of each symbol the newest among those up to the cuts, ascending by time. */
  newest(cuts: readonly number[], limit: number): Written[] {
    return this.instruments().flatMap((symbol) => {
      const partition = ofSymbol(symbol);
      return this.trades[partition]
        .slice(0, cuts[partition] + 1)
        .filter((trade) => trade.symbol === symbol)
        .map((trade, sequence) => ({ trade, sequence }))
        .sort((a, b) => a.trade.time - b.trade.time || a.sequence - b.sequence)
        .slice(-limit)
        .map(({ trade }) => trade);
    });
  }

  instruments(): string[] {
    return symbols.toSorted();
  }
}

const ofSymbol = (symbol: string): number => partitionOf(symbol, partitions);
const shown = (trades: readonly Written[]) =>
  trades.map(({ symbol, price }) => [symbol, String(price / 100)]);
const offsetOf = (cursor: string): number => Number(cursor.split(':')[2]);
const partitionIn = (cursor: string): number => Number(cursor.split(':')[1]);

async function market(): Promise<Market> {
  const made = new Market();
  await made.introduce();
  return made;
}

/** Reads until it has been told all of every partition. */
async function readToEnd(
  client: StreamClient,
  place: Whereabouts,
  of: Market,
  most = Number.POSITIVE_INFINITY,
): Promise<Message[]> {
  const told: Message[] = [];
  const isWhole = (): boolean =>
    (place.cursor ?? '').split(',').every((one) => {
      return offsetOf(one) === of.trades[partitionIn(one)].length - 1;
    });
  while (!isWhole() && told.length < most) {
    const message = await client.next();
    assert.equal(message.type, 'trade', JSON.stringify(message));
    place.move(message.cursor);
    told.push(message);
  }
  return told;
}

const row = fc.record({ symbol: fc.nat({ max: 4 }), after: fc.nat({ max: 30 }) });
const rows = fc.array(row, { minLength: 1, maxLength: 15 });

suite('everything of several shards', () => {
  test('is told once: past, live, and after a cut anywhere, at another gateway', async (t) => {
    const runs = fc.record({
      before: fc.array(rows, { maxLength: 4 }),
      isStored: fc.boolean(),
      meanwhile: rows,
      limit: fc.integer({ min: 1, max: 20 }),
      cut: fc.nat({ max: 20 }),
      away: rows,
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ before, isStored, meanwhile, limit, cut, away }) => {
        const written = await market();
        for (const batch of before) await written.write(batch);
        if (isStored) await written.history.persistAll();
        const limits = { recentTradesMax: 32, recentTradesTotalMax: 0, fillRecords: 12 };
        const late = written.logs.map((log) => new LateLog(log));
        const gateways = [
          await written.serve(t, { limits }),
          await written.serve(t, { limits }, late),
        ];
        const trades = written.history.trades.bind(written.history);
        let isDisturbed = false;
        written.history.trades = async (symbol, query) => {
          if (!isDisturbed) await written.write(meanwhile);
          isDisturbed = true;
          return await trades(symbol, query);
        };
        const client = await gateways[0].connect('/ws');
        const asked = { stream: 'trades', symbols: '*' };
        const begun = await client.subscribe({ ...asked, history: limit });
        assert.equal(begun.type, 'subscribed', JSON.stringify(begun));
        const place = new Whereabouts();
        place.begin(begun.cursor);
        const cuts = begun.cursor.split(',').map(offsetOf);
        assert.equal(cuts.length, partitions);
        const past = begun.snapshot.map(({ symbol, price }: Message) => [symbol, price]);
        assert.deepEqual(past, shown(written.newest(cuts, limit)));
        const told = await readToEnd(client, place, written, cut);
        client.socket.terminate();
        const resumed = await gateways[1].connect('/ws');
        resumed.say({ op: 'subscribe', id: 'w', ...asked, cursor: place.cursor });
        for (const log of late) log.look();
        await written.write(away);
        const again = await resumed.next();
        assert.deepEqual([again.type, again.snapshot], ['subscribed', []], JSON.stringify(again));
        assert.equal(again.cursor, place.cursor);
        for (const log of late) log.look();
        told.push(...(await readToEnd(resumed, place, written)));
        for (let partition = 0; partition < partitions; partition++) {
          const ours = told.filter(({ cursor }) => partitionIn(cursor) === partition);
          const expected = written.trades[partition].slice(cuts[partition] + 1);
          assert.deepEqual(
            ours.map(({ symbol, price }) => [symbol, price]),
            shown(expected),
          );
        }
        for (const { gateway } of gateways) await gateway.close();
      }),
      seeded(12),
    );
  });

  test('is one market over REST', async (t) => {
    const written = await market();
    await written.write(symbols.map((_, symbol) => ({ symbol, after: 0 })));
    const one = await written.serve(t);
    await one.settled();
    const { body } = await one.get('/api/v1/symbols');
    const names = body.symbols.map(({ symbol }: Message) => symbol);
    assert.deepEqual(names, written.instruments());
    const summaries = (await one.get('/api/v1/market-summary')).body.summaries;
    assert.deepEqual(
      summaries.map(({ symbol }: Message) => symbol),
      written.instruments(),
    );
    for (const [index, symbol] of symbols.entries()) {
      const { last } = (await one.get(`/api/v1/quotes/${symbol}`)).body;
      assert.equal(last, String((index + 1) / 100));
      const { trades } = (await one.get(`/api/v1/trades/${symbol}`)).body;
      assert.deepEqual(
        trades.map(({ price }: Message) => price),
        [last],
      );
    }
    const before = (await one.get('/api/v1/market-summary')).headers.get('etag');
    await written.write([{ symbol: 2, after: 1 }]);
    await one.settled();
    const quote = (await one.get('/api/v1/quotes/G')).body;
    assert.equal(quote.last, '0.06');
    assert.notEqual((await one.get('/api/v1/market-summary')).headers.get('etag'), before);
  });

  test('of alerts is asked of the store once, and stands in the order of time', async (t) => {
    const written = await market();
    for (const [seconds, symbol] of symbols.entries()) await written.signal(symbol, seconds);
    await written.history.persistAll();
    await written.signal('C', 5);
    const one = await written.serve(t, { limits: { recentSignalsMax: 3 } });
    await one.settled();
    const signals = written.history.signals.bind(written.history);
    let asked = 0;
    written.history.signals = async (query) => {
      asked++;
      return await signals(query);
    };
    const client = await one.connect('/ws');
    const begun = await client.subscribe({ stream: 'alerts', symbols: '*', history: 10 });
    const ids = begun.snapshot.map(({ id }: Message) => id);
    assert.deepEqual(ids, ['id0', 'id1', 'id2', 'id3', 'id4', 'id5']);
    assert.equal(asked, 1);
    const { body } = await one.get('/api/v1/alerts?limit=2');
    assert.deepEqual(
      body.alerts.map(({ id }: Message) => id),
      ['id5', 'id4'],
    );
  });

  test('of a subscription counts as one', async (t) => {
    const one = await (await market()).serve(t);
    const client = await one.connect('/ws');
    await client.subscribe({ stream: 'trades', symbols: '*' });
    const { body } = await one.get('/metrics');
    assert.match(body, /tapeline_stream_subscriptions\{stream="trades"\} 1\n/);
  });
});

suite('a cursor over several shards', () => {
  test('names a place in those that the symbols are in, and no other', async (t) => {
    const written = await market();
    await written.write([0, 0, 1, 2, 2, 2].map((symbol) => ({ symbol, after: 0 })));
    const one = await written.serve(t);
    await one.settled();
    const cursorOf = async (list: readonly string[] | '*', stream = 'trades'): Promise<string> => {
      const client = await one.connect('/ws');
      return (await client.subscribe({ stream, symbols: list })).cursor;
    };
    assert.equal(await cursorOf(['A', 'B']), 'e1:0:1');
    assert.equal(await cursorOf(['G', 'A']), 'e1:0:1,e1:2:2');
    assert.equal(await cursorOf('*'), 'e1:0:1,e1:1:0,e1:2:2');
    assert.equal(await cursorOf(['A'], 'news'), 'e1:0:-1,e1:1:-1,e1:2:-1');
  });

  test('of some of its partitions is refused, and of another log is a gap', async (t) => {
    const written = await market();
    await written.write(symbols.map((_, symbol) => ({ symbol, after: 0 })));
    const one = await written.serve(t);
    await one.settled();
    const client = await one.connect('/ws');
    const asked = { stream: 'trades', symbols: ['A', 'C', 'G'] };
    const refused = await client.subscribe({ ...asked, cursor: `${epoch}:1:0` });
    assert.deepEqual([refused.type, refused.code], ['error', 'bad-request']);
    assert.match(refused.detail, /no place in partition 0, 2/);
    const begun = await client.subscribe({ ...asked, symbols: ['C'], cursor: 'e1:0:0,e1:1:0' });
    assert.deepEqual([begun.type, begun.cursor], ['subscribed', 'e1:1:0']);
    const other = await one.connect('/ws');
    const cursor = 'old:0:7';
    const gap = await other.subscribe({ ...asked, cursor });
    const subscribed = await other.next();
    assert.deepEqual(
      [gap.type, gap.reason, gap.from, gap.to],
      ['gap', 'epoch', cursor, subscribed.cursor],
    );
    assert.equal(subscribed.snapshot.length, 3);
  });

  test('that is ahead waits until the gateway has come so far, but not for ever', async (t) => {
    const written = await market();
    const late = written.logs.map((log) => new LateLog(log));
    const clock = new ManualClock(monday);
    const one = await written.serve(t, { clock, limits: { catchUpMsMax: 50 } }, late);
    const client = await one.connect('/ws');
    await written.write([{ symbol: 2, after: 0 }]);
    const cursor = 'e1:0:-1,e1:1:-1,e1:2:0';
    const asked = { stream: 'trades', symbols: '*', cursor };
    client.say({ op: 'subscribe', id: 'w', ...asked });
    client.say({ op: 'ping' });
    assert.equal((await client.next()).type, 'pong');
    for (const log of late) log.look();
    await one.settled();
    await clock.advance(10);
    const begun = await client.next();
    assert.deepEqual([begun.type, begun.cursor, begun.snapshot], ['subscribed', cursor, []]);
    const other = await one.connect('/ws');
    other.say({ op: 'subscribe', id: 'w', ...asked, cursor: 'e1:0:-1,e1:1:-1,e1:2:1' });
    other.say({ op: 'ping' });
    assert.equal((await other.next()).type, 'pong');
    for (let waitedMs = 0; waitedMs <= 50; waitedMs += 10) await clock.advance(10);
    const refused = await other.next();
    assert.deepEqual([refused.type, refused.code], ['error', 'not-ready']);
    assert.match(refused.detail, /ahead of all trades/);
  });

  test('is in the id of an event, beside those of other subscriptions', async (t) => {
    const written = await market();
    await written.write(symbols.map((_, symbol) => ({ symbol, after: 0 })));
    const one = await written.serve(t);
    await one.settled();
    const query = 'stream=trades&symbols=*&stream=trades&symbols=A&id=a&policy=lossless';
    const refused = await one.get(`/api/v1/stream?${query}`);
    assert.equal(refused.status, 400, 'they overlap');
    const asked = 'stream=trades&symbols=A,C,G&stream=quotes&symbols=*';
    const client = await EventClient.open(one, asked);
    const [, , begun] = await client.take(3);
    assert.equal(begun.id, 'e1:0:1+e1:1:0+e1:2:1,e1:0:-1+e1:1:-1+e1:2:-1');
    await written.write([{ symbol: 1, after: 0 }]);
    const { id } = await client.next();
    assert.equal(id, 'e1:0:1+e1:1:1+e1:2:1,e1:0:-1+e1:1:-1+e1:2:-1');
    client.cut();
    await written.write([{ symbol: 2, after: 0 }]);
    const resumed = await EventClient.open(one, asked, id);
    const later = await resumed.until(({ type }) => type === 'trade');
    assert.deepEqual(
      later.map(({ message }) => message.type),
      ['hello', 'subscribed', 'subscribed', 'trade'],
    );
    assert.equal(later[3].id, 'e1:0:1+e1:1:1+e1:2:2,e1:0:-1+e1:1:-1+e1:2:-1');
    resumed.cut();
  });
});

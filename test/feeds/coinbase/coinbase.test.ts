import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { micros } from '../../../src/base/clock.ts';
import { Failure } from '../../../src/base/failure.ts';
import { prng } from '../../../src/base/prng.ts';
import { coinbaseFeed } from '../../../src/feeds/coinbase/coinbase.ts';
import type { LiveFeedOptions } from '../../../src/feeds/live-feed.ts';
import { recordedData } from '../../recorded-data.ts';
import { CoinbaseStandIn, readCoinbaseRecording } from '../exchange-stand-in.ts';
import { assertOrdered, assertWhole, LiveRun, until } from '../live-run.ts';

const poisons: Readonly<Record<string, { reason: string; change: (frame: string) => string }>> = {
  garbage: { reason: 'bad-json', change: () => '\u0000\u0001 not json {{{' },
  'a truncated frame': { reason: 'bad-json', change: (frame) => frame.slice(0, 90) },
  'a huge frame': { reason: 'bad-json', change: (frame) => frame + 'x'.repeat(2 ** 20) },
  'a list': { reason: 'bad-frame', change: (frame) => `[${frame}]` },
  'a message of unknown type': {
    reason: 'unknown-frame',
    change: (frame) => frame.replace('"match"', '"mismatch"'),
  },
  'a negative price': {
    reason: 'bad-price',
    change: (frame) => frame.replace('"price":"', '"price":"-'),
  },
  'a price that is no text': {
    reason: 'bad-price',
    change: (frame) => frame.replace(/"price":"([^"]+)"/, '"price":$1'),
  },
  'a size of zero': {
    reason: 'bad-size',
    change: (frame) => frame.replace(/"size":"[^"]+"/, '"size":"0.000"'),
  },
  'a time that is none': {
    reason: 'bad-time',
    change: (frame) => frame.replace(/"time":"[^"]+"/, '"time":"yesterday"'),
  },
  'an id that is no number': {
    reason: 'bad-id',
    change: (frame) => frame.replace(/"trade_id":(\d+)/, '"trade_id":"$1"'),
  },
  'a product nobody asked for': {
    reason: 'bad-symbol',
    change: (frame) => frame.replace(/"product_id":"[^"]+"/, '"product_id":"EVIL-USD"'),
  },
};

suite('the Coinbase feed', () => {
  test('takes every recorded trade and quote, with the definitions of its products', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(500);
    await delivered(run, exchange);
    assertOrdered(run.trades);
    assert.equal(run.trades[0]?.venue, 'coinbase');
    // Of the 107 recorded, ten were before the feed came.
    assert.equal(run.quotes.length, 97);
    assert.deepEqual(
      run.instruments.find(({ symbol }) => symbol === 'SKL-USD'),
      {
        symbol: 'SKL-USD',
        name: 'SKL/USD',
        exchange: 'coinbase',
        currency: 'USD',
        assetClass: 'crypto',
        priceIncrement: '0.0001',
        sizeIncrement: '0.1',
        calendar: '24/7',
        source: 'coinbase',
      },
    );
    assert.deepEqual(run.deadLetters, []);
    assert.deepEqual(exchange.requests, ['/products']);
  });

  test('fetches what was traded while the line was down, and before what follows it', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(30);
    await delivered(run, exchange);
    exchange.cut();
    exchange.trade(40);
    await run.reconnect(exchange);
    exchange.trade(500);
    await delivered(run, exchange);
    assertOrdered(run.trades);
    assert.deepEqual(run.deadLetters, []);
    assert.equal(run.feed.status?.().reconnects, 1);
    const subscribed = exchange.received.filter((text) => text.includes('"subscribe"'));
    assert.equal(subscribed.length, 2);
    assert.equal(subscribed[0], subscribed[1]);
  });

  test('leaves a line that is open but mute, and fetches what it kept to itself', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(20);
    await delivered(run, exchange);
    exchange.mute = true;
    exchange.trade(40);
    await run.clock.advance(15_000);
    await until(() => run.endings.length === 1, 'the feed gives up');
    assert.match(run.endings[0] ?? '', /open but mute for 15 s/);
    exchange.mute = false;
    exchange.refuseRest = oneRefusal();
    await run.reconnect(exchange);
    // The first try is turned away, and the second follows after a second.
    await until(() => exchange.requests.length > 1, 'a try');
    for (let tries = 0; tries < 100 && run.trades.length < exchange.trades.length; tries++) {
      await run.clock.advance(100);
    }
    exchange.trade(500);
    await delivered(run, exchange);
    assertOrdered(run.trades);
    assert.deepEqual(run.deadLetters, []);
  });

  test('finds a trade that was dropped on the way from the next one', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(20);
    exchange.trade(5, () => null);
    exchange.trade(500);
    exchange.beat();
    exchange.beat();
    await delivered(run, exchange);
    assertOrdered(run.trades);
  });

  test('finds a dropped trade that nothing follows from two heartbeats', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(500, (frame) => (frame.includes(':1568319,') ? null : frame));
    exchange.beat();
    const others = exchange.products.length - 1;
    await until(() => run.heartbeats.length === others, 'heartbeats of all other products');
    assert.ok(run.trades.every(({ id }) => id !== '1568319'));
    exchange.beat();
    await delivered(run, exchange);
    await until(() => run.heartbeats.length === others * 2 + 1, 'the heartbeat that was held back');
    assert.deepEqual(run.heartbeats.at(-1)?.symbols.length, 1);
  });

  test('fetches what was missed since an earlier run', async (t) => {
    const known = new Map([['SKL-USD', { id: 1568280, eventTime: micros(1) }]]);
    const { exchange, run } = (await connect(t, { symbols: ['SKL-USD'], known }, 90)) ?? {};
    if (!exchange || !run) return;
    await until(() => run.trades.length > 0, 'trades');
    const missed = exchange.trades.filter(({ pair, id }) => pair === 'SKL-USD' && id > 1568280);
    await until(() => run.trades.length === missed.length, 'what was missed');
    assertWhole(run, missed, String, aggressor);
    assertOrdered(run.trades);
  });

  for (const [name, spoil] of Object.entries(poisons)) {
    test(`makes one dead letter of ${name}, and loses nothing`, async (t) => {
      const { exchange, run } = (await connect(t)) ?? {};
      if (!exchange || !run) return;
      const sent: string[] = [];
      exchange.trade(20);
      // The spoilt frame comes in place of the real one, whose trade has to be fetched then.
      exchange.trade(1, (frame) => {
        sent.push(spoil.change(frame));
        return sent[0] ?? null;
      });
      exchange.trade(500);
      exchange.beat();
      exchange.beat();
      await delivered(run, exchange);
      await until(() => run.deadLetters.length === 1, 'the dead letter');
      const [letter] = run.deadLetters;
      assert.equal(letter?.reason, spoil.reason);
      assert.equal(letter?.source, 'coinbase');
      assert.match(letter?.where ?? '', /^ws:.* connection 1$/);
      const raw = Buffer.from(sent[0] ?? '');
      assert.equal(letter?.raw, raw.subarray(0, 16_384).toString('base64'));
      assert.equal(letter?.rawLength, raw.length);
    });
  }

  test('a frame beyond the bound ends the connection, and loses nothing else', async (t) => {
    const sessionLimits = { frameBytesMax: 65_536 };
    const { exchange, run } = (await connect(t, { sessionLimits })) ?? {};
    if (!exchange || !run) return;
    exchange.trade(20);
    exchange.send('x'.repeat(70_000));
    await run.reconnect(exchange);
    exchange.trade(500);
    await delivered(run, exchange);
    assert.deepEqual(
      run.deadLetters.map(({ reason, detail }) => [reason, detail]),
      [['bad-frame', 'longer than 65536 bytes']],
    );
  });

  test('any mixture of faults loses nothing, and counts every poisoned frame once', async (t) => {
    for (let seed = 1; seed <= 12; seed++) {
      const { exchange, run } = (await connect(t)) ?? {};
      if (!exchange || !run) return;
      const random = prng(seed);
      let spoilt = 0;
      while (!exchange.isOver) {
        const chance = random.uniform();
        if (chance < 0.6) exchange.trade(1 + random.integer(6));
        else if (chance < 0.7) exchange.trade(1, () => null);
        else if (chance < 0.8) exchange.repeat(1 + random.integer(5));
        else if (chance < 0.9) {
          const all = Object.values(poisons);
          const { change } = all[random.integer(all.length)] ?? { change: String };
          exchange.trade(1, change);
          spoilt++;
        } else if (chance < 0.95) exchange.beat();
        else {
          exchange.beat();
          exchange.beat();
          await delivered(run, exchange, seed);
          await until(() => run.deadLetters.length === spoilt, `dead letters, seed ${seed}`);
          // What is on its way when the line is cut may come through or not.
          exchange.trade(random.integer(5));
          exchange.cut();
          exchange.trade(random.integer(10));
          await run.reconnect(exchange);
        }
      }
      exchange.beat();
      exchange.beat();
      await delivered(run, exchange, seed);
      await until(() => run.deadLetters.length === spoilt, `${spoilt} dead letters, seed ${seed}`);
      assertOrdered(run.trades);
      await run.stop();
    }
  });

  test('an exchange that says why it does not serve is quoted', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    const error = { type: 'error', message: 'Failed to subscribe', reason: 'rate limit' };
    exchange.send(JSON.stringify(error));
    await until(() => run.deadLetters.length === 1, 'the dead letter');
    assert.equal(run.deadLetters[0]?.reason, 'provider-error');
    assert.match(run.detail, /Coinbase says: Failed to subscribe: rate limit/);
  });

  test('leaves out what Coinbase does not have, and fails when that is everything', async (t) => {
    const { exchange, run } = (await connect(t, { symbols: ['AAPL', 'SKL/USD'] })) ?? {};
    if (!exchange || !run) return;
    assert.match(exchange.received[0] ?? '', /"product_ids":\["SKL-USD"\]/);
    await until(() => run.deadLetters.length === 1, 'the dead letter');
    assert.equal(run.deadLetters[0]?.reason, 'unknown-symbol');
    assert.match(run.detail, /coinbase has no AAPL/);

    const hopeless = new LiveRun(t, exchange, coinbaseFeed, { symbols: ['AAPL'] });
    await assert.rejects(
      hopeless.done,
      (error) => error instanceof Failure && error.code === 'bad-configuration',
    );
  });

  test('starts without definitions when REST is down, and learns them later', async (t) => {
    const exchange = await open(t);
    if (!exchange) return;
    exchange.refuseRest = () => ({ status: 503, body: '' });
    const run = new LiveRun(t, exchange, coinbaseFeed, { symbols: ['SKL-USD'] });
    await until(() => run.instruments.length === 1, 'a definition by name');
    assert.equal(run.instruments[0]?.priceIncrement, null);
    exchange.refuseRest = () => null;
    await until(() => exchange.hasSubscriber, 'the subscription');
    exchange.cut();
    await run.reconnect(exchange);
    await until(() => run.instruments.length === 2, 'the definition');
    assert.equal(run.instruments[1]?.priceIncrement, '0.0001');
  });

  test('goes on without trades that cannot be had, and says which', async (t) => {
    const { exchange, run } = (await connect(t, { symbols: ['SKL-USD'] })) ?? {};
    if (!exchange || !run) return;
    exchange.refuseRest = (path) => (path.includes('trades') ? { status: 500, body: '' } : null);
    exchange.trade(60);
    exchange.trade(12, () => null);
    exchange.trade(500);
    // The stream waits ten seconds, the search goes on for some minutes.
    for (let second = 0; second < 600 && run.deadLetters.length === 0; second++) {
      exchange.beat();
      await turns(50);
      await run.clock.advance(1_000);
    }
    const ids = run.trades.map(({ id }) => Number(id));
    const lost = exchange.trades.filter(({ pair, id }) => pair === 'SKL-USD' && !ids.includes(id));
    assert.ok(lost.length > 0);
    await until(() => run.deadLetters.length === 1, 'the dead letter');
    assert.equal(run.deadLetters[0]?.reason, 'gap');
    const raw = Buffer.from(run.deadLetters[0]?.raw ?? '', 'base64').toString();
    const { from, to } = JSON.parse(raw) as { from: number; to: number };
    assert.deepEqual([from, to], [lost[0]?.id, lost.at(-1)?.id]);
    assert.match(run.detail, /trades could not be had/);
  });

  test('a full intake stops the reading, not the memory', async (t) => {
    const { exchange, run } = (await connect(t, { rowsMax: 64, idle: true })) ?? {};
    if (!exchange || !run) return;
    exchange.trade(500);
    const bytes = 24 * 2 ** 20;
    const filler = JSON.stringify({
      type: 'l2update',
      product_id: 'SKL-USD',
      text: 'x'.repeat(8_192),
    });
    for (let sent = 0; sent < bytes; sent += filler.length) exchange.send(filler);
    exchange.repeat(10);
    await until(() => run.intake.free <= 0, 'the intake is full');
    const backlog = await settled(() => exchange.backlog);
    assert.ok(backlog > bytes / 4, `${backlog} bytes are not taken off the wire`);
    assert.ok(run.intake.free > -10, 'the bound holds');
    run.consume();
    await delivered(run, exchange);
    await until(() => exchange.backlog === 0, 'the rest is read');
  });
});

/** A stand-in that has opened, with the first trades of each product made; null without data. */
async function open(t: TestContext, traded = 10): Promise<CoinbaseStandIn | null> {
  const frames = recordedData('crypto/frames/COINBASE.ws.28.0', t);
  const products = recordedData('crypto/frames/COINBASE.0', t);
  if (frames === null || products === null) return null;
  const exchange = await new CoinbaseStandIn(readCoinbaseRecording(frames, products)).listen();
  exchange.trade(traded);
  t.after(() => exchange.close());
  return exchange;
}

async function connect(
  t: TestContext,
  options: Partial<LiveFeedOptions> & { rowsMax?: number; idle?: boolean } = {},
  traded?: number,
): Promise<{ exchange: CoinbaseStandIn; run: LiveRun } | null> {
  const exchange = await open(t, traded);
  if (!exchange) return null;
  const run = new LiveRun(t, exchange, coinbaseFeed, { symbols: exchange.products, ...options });
  await until(() => exchange.hasSubscriber, 'the feed subscribes');
  return { exchange, run };
}

/** Waits until every trade that the exchange made is delivered, and checks them all. */
async function delivered(run: LiveRun, exchange: CoinbaseStandIn, seed = 0): Promise<void> {
  const ids = (): number => new Set(run.trades.map(({ symbol, id }) => `${symbol} ${id}`)).size;
  await until(() => ids() >= exchange.trades.length, `all trades arrive (seed ${seed})`);
  assertWhole(run, exchange.trades, String, aggressor);
}

/** `side` on the wire is that of the resting order. */
function aggressor(side: string): string {
  return side === 'buy' ? 'sell' : 'buy';
}

/** Turns one question away, with 429. */
function oneRefusal(): () => { status: number; body: string } | null {
  let refused = 0;
  return () => (refused++ === 0 ? { status: 429, body: '' } : null);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

/** The value once it has stopped changing. */
async function settled(value: () => number): Promise<number> {
  let last = Number.NaN;
  for (let same = 0; same < 1_000; ) {
    const now = value();
    same = now === last ? same + 1 : 0;
    last = now;
    await new Promise(setImmediate);
  }
  return last;
}

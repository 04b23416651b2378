import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, type TestContext, test } from 'node:test';
import { Failure } from '../../../src/base/failure.ts';
import { prng } from '../../../src/base/prng.ts';
import { krakenFeed } from '../../../src/feeds/kraken/kraken.ts';
import { pairOf } from '../../../src/feeds/kraken/pair.ts';
import type { LiveFeedOptions } from '../../../src/feeds/live-feed.ts';
import { recordedData } from '../../recorded-data.ts';
import { KrakenStandIn, readKrakenRecording } from '../exchange-stand-in.ts';
import { assertOrdered, assertWhole, LiveRun, until } from '../live-run.ts';

const poisons: Readonly<Record<string, { reason: string; change: (frame: string) => string }>> = {
  garbage: { reason: 'bad-json', change: () => 'NaN{' },
  'a truncated frame': { reason: 'bad-json', change: (frame) => frame.slice(0, -20) },
  'a huge frame': { reason: 'bad-json', change: (frame) => frame + 'x'.repeat(2 ** 20) },
  'a frame without rows': {
    reason: 'bad-frame',
    change: () => '{"channel":"trade","type":"update","data":{}}',
  },
  'a row that is none': {
    reason: 'bad-frame',
    change: () => '{"channel":"trade","type":"update","data":[1]}',
  },
  'a channel nobody knows': {
    reason: 'unknown-frame',
    change: (frame) => frame.replace('"trade"', '"trades"'),
  },
  'a negative price': {
    reason: 'bad-price',
    change: (frame) => frame.replace('"price":', '"price":-'),
  },
  'a price beyond all digits': {
    reason: 'bad-price',
    change: (frame) => frame.replace(/"price":[\d.]+/, '"price":1e300'),
  },
  'a size that is no number': {
    reason: 'bad-size',
    change: (frame) => frame.replace(/"qty":[\d.]+/, '"qty":null'),
  },
  'a time that is none': {
    reason: 'bad-time',
    change: (frame) => frame.replace(/"timestamp":"[^"]+"/, '"timestamp":0'),
  },
  'an id that is no number': {
    reason: 'bad-id',
    change: (frame) => frame.replace(/"trade_id":\d+/, '"trade_id":"OQCLML-BW3P3"'),
  },
  'a pair nobody asked for': {
    reason: 'bad-symbol',
    change: (frame) => frame.replace('BTC/USDT', 'EVIL/USD'),
  },
};

suite('the Kraken feed', () => {
  test('takes every recorded trade exactly, with quotes and the pair defined', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(1_000);
    await delivered(run, exchange);
    assertOrdered(run.trades);
    assert.equal(run.trades[0]?.venue, 'kraken');
    const [quote] = run.quotes;
    assert.deepEqual(
      [quote?.bid, quote?.bidSize, quote?.ask, quote?.askSize, quote?.time],
      ['105899.3', '0.1', '105899.4', '1.2345678901', '2025-11-10T17:23:00.123456Z'],
    );
    assert.deepEqual(run.instruments, [
      {
        symbol: 'XBTUSDT',
        name: 'BTC/USDT',
        exchange: 'kraken',
        currency: 'USDT',
        assetClass: 'crypto',
        priceIncrement: '0.1',
        sizeIncrement: '0.00000001',
        calendar: '24/7',
        source: 'kraken',
      },
    ]);
    assert.deepEqual(run.deadLetters, []);
    assert.deepEqual(exchange.requests, ['/0/public/AssetPairs']);
  });

  test('a short cut is mended by the snapshot alone', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(30);
    await delivered(run, exchange);
    exchange.cut();
    exchange.trade(50);
    await run.reconnect(exchange);
    await delivered(run, exchange);
    assertOrdered(run.trades);
    assert.equal(exchange.requests.length, 1);
  });

  test('a long cut is mended over REST, before what follows it', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(30);
    await delivered(run, exchange);
    exchange.cut();
    exchange.trade(400);
    await run.reconnect(exchange);
    exchange.trade(1_000);
    await delivered(run, exchange);
    assertOrdered(run.trades);
    assert.deepEqual(run.deadLetters, []);
    assert.equal(exchange.received.filter((text) => text.includes('"channel":"trade"')).length, 2);
  });

  test('several trades in one frame, some of them wrong, lose nothing', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    const from = exchange.trades.length;
    exchange.trade(4, () => null);
    const batch = exchange.frameOf(...exchange.trades.slice(from));
    exchange.send(batch.replace(/("price":)([\d.]+)/, '$1-$2'));
    exchange.trade(10);
    await delivered(run, exchange);
    await until(() => run.deadLetters.length === 1, 'the dead letter');
    assert.equal(run.deadLetters[0]?.reason, 'bad-price');
  });

  for (const [name, spoil] of Object.entries(poisons)) {
    test(`makes one dead letter of ${name}, and loses nothing`, async (t) => {
      const { exchange, run } = (await connect(t)) ?? {};
      if (!exchange || !run) return;
      let sent = '';
      exchange.trade(20);
      exchange.trade(1, (frame) => {
        sent = spoil.change(frame);
        return sent;
      });
      exchange.trade(200);
      await delivered(run, exchange);
      assertOrdered(run.trades);
      assert.deepEqual(
        run.deadLetters.map(({ reason, rawLength }) => [reason, rawLength]),
        [[spoil.reason, Buffer.byteLength(sent)]],
      );
      assert.equal(
        run.deadLetters[0]?.raw,
        Buffer.from(sent).subarray(0, 16_384).toString('base64'),
      );
    });
  }

  test('any mixture of faults loses nothing, and counts every poisoned frame once', async (t) => {
    for (let seed = 1; seed <= 6; seed++) {
      const { exchange, run } = (await connect(t)) ?? {};
      if (!exchange || !run) return;
      const random = prng(seed);
      let spoilt = 0;
      while (!exchange.isOver) {
        const chance = random.uniform();
        if (chance < 0.6) exchange.trade(1 + random.integer(40));
        else if (chance < 0.7) exchange.trade(1 + random.integer(3), () => null);
        else if (chance < 0.8) exchange.repeat(1 + random.integer(60));
        else if (chance < 0.9) {
          const all = Object.values(poisons);
          exchange.trade(1, all[random.integer(all.length)]?.change);
          spoilt++;
        } else {
          exchange.trade(1);
          await delivered(run, exchange, seed);
          await until(() => run.deadLetters.length === spoilt, `dead letters, seed ${seed}`);
          exchange.trade(random.integer(5));
          exchange.cut();
          exchange.trade(random.integer(200));
          await run.reconnect(exchange);
        }
      }
      // Only a trade that follows shows what the last ones were.
      exchange.repeat(1);
      await delivered(run, exchange, seed);
      await until(() => run.deadLetters.length === spoilt, `${spoilt} dead letters, seed ${seed}`);
      assertOrdered(run.trades);
      await run.stop();
    }
  });

  test('the answer to a ping moves the event clock of a quiet pair', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    await run.clock.advance(2_000);
    await until(() => run.heartbeats.length === 1, 'a heartbeat');
    assert.deepEqual(run.heartbeats[0]?.symbols, ['XBTUSDT']);
    assert.equal(run.heartbeats[0]?.complete, false);
    const seconds = (run.heartbeats[0]?.eventTime ?? 0) / 1e6;
    assert.equal(new Date(seconds * 1000).toISOString().slice(0, 16), '2025-11-10T17:23');
  });

  test('heartbeats keep a quiet connection, pongs alone do not', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    for (let second = 0; second < 30; second++) {
      exchange.beat();
      await until(() => run.state === 'live', 'life');
      await run.clock.advance(1_000);
    }
    const { heartbeats } = run;
    for (let pings = 0; pings < 20 && run.endings.length === 0; pings++) {
      const before = heartbeats.length;
      await run.clock.advance(2_000);
      await until(() => heartbeats.length > before || run.endings.length > 0, 'a pong');
    }
    assert.match(run.endings[0] ?? '', /open but mute for 15 s/);
  });

  test('a refused subscription is reported, and the others work', async (t) => {
    const { exchange, run } = (await connect(t, { symbols: ['XBT/USDT', 'ETH/USD'] })) ?? {};
    if (!exchange || !run) return;
    exchange.trade(10);
    await delivered(run, exchange);
    await until(() => run.deadLetters.length === 2, 'a dead letter per channel');
    assert.equal(run.deadLetters[0]?.reason, 'provider-error');
    assert.match(run.detail, /Kraken says: Currency pair not supported ETH\/USD/);
  });

  test('leaves out what Kraken does not have, and fails when that is everything', async (t) => {
    const { exchange, run } = (await connect(t, { symbols: ['AAPL', 'BTCUSDT'] })) ?? {};
    if (!exchange || !run) return;
    exchange.trade(5);
    await until(() => run.trades.length >= exchange.trades.length, 'trades');
    assert.equal(run.trades[0]?.symbol, 'BTCUSDT');
    assert.match(run.detail, /kraken has no AAPL/);
    const hopeless = new LiveRun(t, exchange, krakenFeed, { symbols: ['AAPL'] });
    await assert.rejects(
      hopeless.done,
      (error) => error instanceof Failure && error.code === 'bad-configuration',
    );
  });

  test('an error inside HTTP 200 is no answer', async (t) => {
    const { exchange, run } = (await connect(t)) ?? {};
    if (!exchange || !run) return;
    exchange.trade(20);
    await delivered(run, exchange);
    let refused = 0;
    exchange.refuseRest = (path) => {
      if (!path.includes('Trades') || refused++ > 0) return null;
      return { status: 200, body: '{"error":["EGeneral:Too many requests"]}' };
    };
    exchange.trade(5, () => null);
    exchange.trade(5);
    await until(() => refused === 1, 'the refusal');
    // The second try waits for its backoff.
    for (let tries = 0; tries < 100 && run.trades.length < exchange.trades.length; tries++) {
      await run.clock.advance(100);
    }
    await delivered(run, exchange);
    assert.deepEqual(run.deadLetters, []);
    assertOrdered(run.trades);
  });
});

suite("Kraken's names", () => {
  test('a pair is understood in every usual spelling, and keeps the one it was given', () => {
    const wire = { wire: 'BTC/USDT', rest: 'XBTUSDT' };
    for (const [text, symbol] of [
      ['BTC/USDT', 'BTCUSDT'],
      ['BTC-USDT', 'BTCUSDT'],
      ['BTCUSDT', 'BTCUSDT'],
      ['XBT/USDT', 'XBTUSDT'],
      ['XBTUSDT', 'XBTUSDT'],
    ] as const) {
      const pair = pairOf(text);
      assert.deepEqual(pair, { symbol, quote: 'USDT', ...wire }, text);
    }
    assert.equal(pairOf('DOGE/BTC')?.rest, 'XDGXBT');
    assert.equal(pairOf('AAPL'), null);
    assert.equal(pairOf('BTC/../x'), null);
  });

  test('every recorded pair gets the name that REST knows it by', (t) => {
    const path = recordedData('crypto/frames/KRAKEN.0', t);
    if (path === null) return;
    const { result } = JSON.parse(assetPairs(path)) as {
      result: Record<string, { altname: string; wsname?: string }>;
    };
    let count = 0;
    for (const { altname, wsname } of Object.values(result)) {
      if (wsname === undefined) continue;
      count++;
      const v2 = wsname.replaceAll('XBT', 'BTC').replaceAll('XDG', 'DOGE');
      for (const text of [wsname, v2, altname]) assert.equal(pairOf(text)?.rest, altname, text);
      assert.equal(pairOf(wsname)?.wire, v2);
    }
    assert.ok(count > 250);
  });
});

async function connect(
  t: TestContext,
  options: Partial<LiveFeedOptions> = {},
): Promise<{ exchange: KrakenStandIn; run: LiveRun } | null> {
  const trades = recordedData('crypto/kraken/http_trades.json', t);
  const pairs = recordedData('crypto/frames/KRAKEN.0', t);
  if (trades === null || pairs === null) return null;
  const tape = readKrakenRecording(trades, 'BTC/USDT');
  const exchange = await new KrakenStandIn(tape, assetPairs(pairs)).listen();
  exchange.trade(10);
  t.after(() => exchange.close());
  const run = new LiveRun(t, exchange, krakenFeed, { symbols: ['XBT/USDT'], ...options });
  await until(() => exchange.hasSubscriber, 'the feed subscribes');
  return { exchange, run };
}

function assetPairs(path: string): string {
  const [first = ''] = readFileSync(path, 'utf8').split('\n');
  return first.slice(first.indexOf(': ') + 2);
}

async function delivered(run: LiveRun, exchange: KrakenStandIn, seed = 0): Promise<void> {
  const ids = (): number => new Set(run.trades.map(({ id }) => id)).size;
  await until(
    () => run.trades.length >= exchange.trades.length && ids() >= exchange.trades.length,
    `all trades arrive (seed ${seed})`,
  );
  assertWhole(run, exchange.trades, () => 'XBTUSDT');
}

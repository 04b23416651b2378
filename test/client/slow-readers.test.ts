// A program that does not read what it has subscribed to: how much may wait in the client, and what
// each policy does then.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Message, Policy } from '../../client/index.ts';
import { type Rig, rig } from '../gateway/rig.ts';
import { monday } from '../gateway/tape.ts';
import { nextOf, take, testedClient, until } from './readers.ts';

const messagesMax = 4;

async function write({ tape }: Rig, from: number, to: number): Promise<void> {
  for (let price = from; price <= to; price++) {
    await tape.trades({ time: monday + price, price: price * 100 });
  }
}

/** Trades of AAPL that nobody reads, and what tells that those of a batch have come. */
async function unread(t: Parameters<typeof rig>[0], policy: Policy) {
  const one = await rig(t);
  const { client, clock } = testedClient(t, one.gateway.url, { messagesMax });
  const trades = client.subscribe({ stream: 'trades', symbols: ['AAPL'], policy });
  const others = client.subscribe({ stream: 'trades', symbols: ['MSFT'] });
  await nextOf(trades);
  await nextOf(others);
  const arrived = async (): Promise<void> => {
    await one.tape.trades({ symbol: 'MSFT', time: monday, price: 1 });
    await nextOf(others);
  };
  return { one, client, clock, trades, others, arrived };
}

const shown = (message: Message): string =>
  message.type === 'trade' ? message.price : message.type;

async function subscribed(one: Rig, count: number): Promise<void> {
  await one.measures(new RegExp(`_subscriptions\\{stream="trades"\\} ${count}$`, 'm'));
}

suite('a reader that stands still', () => {
  test('with the policy lossless reads on from the log, and misses nothing', async (t) => {
    const { one, trades, arrived } = await unread(t, 'lossless');
    await write(one, 1, 30);
    await subscribed(one, 1);
    await arrived();
    assert.deepEqual(
      (await take(trades, 30)).map(shown),
      Array.from({ length: 30 }, (_, i) => `${i + 1}`),
    );
    await write(one, 31, 31);
    assert.equal(shown(await nextOf(trades)), '31');
  });

  test('needs no connection meanwhile', async (t) => {
    const { one, client, clock, trades, others } = await unread(t, 'lossless');
    others.unsubscribe();
    await write(one, 1, 8);
    await subscribed(one, 0);
    await clock.advance(1_000);
    await until(client, 'idle');
    await write(one, 9, 10);
    assert.deepEqual(
      (await take(trades, 10)).map(shown),
      Array.from({ length: 10 }, (_, i) => `${i + 1}`),
    );
  });

  test('with the policy conflate gets the newest of each symbol', async (t) => {
    const { one, trades, arrived } = await unread(t, 'conflate');
    await write(one, 1, 30);
    await arrived();
    assert.equal(shown(await nextOf(trades)), '30');
    await write(one, 31, 31);
    assert.equal(shown(await nextOf(trades)), '31');
  });

  test('with the policy skip is told how much it missed, in its place', async (t) => {
    const { one, trades, arrived } = await unread(t, 'skip');
    await write(one, 1, 10);
    await arrived();
    assert.deepEqual((await take(trades, 4)).map(shown), ['1', '2', '3', '4']);
    await write(one, 11, 11);
    const [skip, after] = await take(trades, 2);
    assert(skip.type === 'skip');
    const { epoch } = one.log;
    const { count, from, to, cursor } = skip;
    assert.deepEqual([count, from, to], [6, `${epoch}:0:4`, `${epoch}:0:9`]);
    assert.equal(cursor, to);
    assert.equal(shown(after), '11');
  });

  test('with the policy close is ended, after what had come', async (t) => {
    const { one, trades, arrived } = await unread(t, 'close');
    await write(one, 1, 10);
    await arrived();
    assert.deepEqual((await take(trades, 4)).map(shown), ['1', '2', '3', '4']);
    await assert.rejects(trades.next(), { code: 'slow-consumer', name: 'TapelineError' });
    await subscribed(one, 1);
  });
});

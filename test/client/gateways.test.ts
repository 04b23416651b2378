// A client and several gateways over the same partitions: it goes on at any of them, by a cursor
// that names a place in each partition.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { connect, type Message } from '../../client/index.ts';
import { MemoryHistory, noExports } from '../gateway/memory-history.ts';
import { MemoryLog } from '../gateway/memory-log.ts';
import { serve } from '../gateway/rig.ts';
import { monday, Tape } from '../gateway/tape.ts';
import { eagerClient, nextOf, take } from './readers.ts';

const all = { stream: 'trades', symbols: '*' } as const;

/** Two gateways over two partitions, of which the first has A and the second B. */
async function twoGateways(t: TestContext) {
  const logs = [new MemoryLog(0), new MemoryLog(1)];
  const tapes = logs.map((log) => new Tape(log));
  for (const [partition, tape] of tapes.entries()) await tape.introduce('AB'[partition]);
  const history = new MemoryHistory(...logs);
  const shards = logs.map((log) => ({ log, ...history.of(log.partition) }));
  const store = { history, exports: noExports };
  const gateways = [await serve(t, shards, store), await serve(t, shards, store)];
  let price = 0;
  const trade = async (symbol: 'A' | 'B'): Promise<void> => {
    await tapes['AB'.indexOf(symbol)].trades({ symbol, time: monday + ++price, price });
  };
  return { gateways, urls: gateways.map(({ gateway }) => gateway.url), trade };
}

const symbolOf = (message: Message): string =>
  message.type === 'trade' ? message.symbol : message.type;

suite('a client of two gateways over two partitions', () => {
  test('goes on at the other one when one is gone, and hears everything once', async (t) => {
    const { gateways, urls, trade } = await twoGateways(t);
    const { client } = eagerClient(t, urls);
    const trades = client.subscribe(all);
    assert.equal((await nextOf(trades)).cursor, 'e1:0:-1,e1:1:-1');
    await trade('A');
    await trade('B');
    assert.equal((await take(trades, 2)).at(-1)?.cursor, 'e1:0:0,e1:1:0');
    await gateways[0].gateway.close();
    for (const symbol of ['B', 'A', 'B'] as const) await trade(symbol);
    const later = await take(trades, 3);
    const symbols = later.map(symbolOf).filter((symbol) => symbol === 'B');
    assert.deepEqual([later.length, symbols.length], [3, 2]);
    assert.equal(later.at(-1)?.cursor, 'e1:0:1,e1:1:2');
    assert.equal(client.url, `${urls[1].replace('http', 'ws')}/ws`);
  });

  test('is told with each message where all partitions are', async (t) => {
    const { urls, trade } = await twoGateways(t);
    const { client } = eagerClient(t, urls[0]);
    const trades = client.subscribe(all);
    await nextOf(trades);
    const cursors: string[] = [];
    for (const symbol of ['A', 'B', 'B', 'A'] as const) {
      await trade(symbol);
      cursors.push((await nextOf(trades)).cursor);
    }
    const expected = ['e1:0:0,e1:1:-1', 'e1:0:0,e1:1:0', 'e1:0:0,e1:1:1', 'e1:0:1,e1:1:1'];
    assert.deepEqual(cursors, expected);
    const { client: other } = eagerClient(t, urls[1]);
    const resumed = other.subscribe({ ...all, cursor: cursors[1] });
    const missed = await take(resumed, 2);
    assert.deepEqual(new Set(missed.map(symbolOf)), new Set(['A', 'B']));
    assert.equal(missed.at(-1)?.cursor, expected.at(-1));
  });

  test('needs an address', () => {
    assert.throws(() => connect([]), /no address/);
  });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parse } from '../../../src/feeds/bitstamp/parse.ts';
import { parsed, pick } from '../parsed.ts';

const trade = {
  data: {
    id: 216000477,
    timestamp: '1641343699',
    amount: 0.0792,
    amount_str: '0.07920000',
    price: 3805.44,
    price_str: '3805.44',
    type: 0,
    microtimestamp: '1641343699596000',
  },
  channel: 'live_trades_ethusd',
  event: 'trade',
};

suite('Bitstamp frames', () => {
  test('a live trade is a trade, its amounts from their texts', () => {
    const sold = { ...trade, data: { ...trade.data, type: 1, price: 0, amount: 0 } };
    const { kinds, trades } = parsed(parse, trade, sold);
    assert.deepEqual(kinds, ['trade', 'trade']);
    assert.deepEqual(pick(trades, 'symbol', 'time', 'price', 'size', 'side', 'id'), [
      ['ETHUSD', '2022-01-05T00:48:19.596Z', '3805.44', '0.0792', 'buy', '216000477'],
      ['ETHUSD', '2022-01-05T00:48:19.596Z', '3805.44', '0.0792', 'sell', '216000477'],
    ]);
  });

  test('books, answers and heartbeats are known', () => {
    const events = ['data', 'bts:subscription_succeeded', 'bts:heartbeat', 'order_created'];
    const { kinds, refused } = parsed(parse, ...events.map((event) => ({ event, data: {} })));
    assert.deepEqual(kinds, ['ignored', 'control', 'heartbeat', 'ignored']);
    assert.deepEqual(refused, []);
  });

  test('what is none of this is refused for its reason', () => {
    const { refused } = parsed(
      parse,
      '{"data":{"id":2160',
      '3',
      { event: 'surprise' },
      { ...trade, channel: 'live_orders_ethusd' },
      { ...trade, data: null },
      { ...trade, data: { ...trade.data, price_str: '' } },
      { ...trade, data: { ...trade.data, id: null } },
      { event: 'bts:error', data: { code: 4000, message: 'Bad subscription string.' } },
    );
    assert.deepEqual(refused, [
      'bad-json',
      'bad-frame',
      'unknown-frame',
      'bad-frame',
      'bad-frame',
      'bad-price',
      'bad-id',
      'provider-error',
    ]);
  });
});

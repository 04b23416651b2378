import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Micros } from '../../../src/base/clock.ts';
import type { Observations } from '../../../src/feeds/feed.ts';
import { parse as parseV1 } from '../../../src/feeds/kraken/parse-v1.ts';
import { parsed, pick } from '../parsed.ts';

const parse = (frame: string, receiveTime: Micros, into: Observations, where: string) =>
  parseV1(frame, receiveTime, into, where, 7);

const trades = [
  993,
  [
    ['354.04000000', '0.28245396', '1618678150.826417', 's', 'm', ''],
    ['353.81000000', '1.71754604', '1618678150.827816', 'b', 'm', ''],
  ],
  'trade',
  'XMR/USD',
];

suite('Kraken v1 frames', () => {
  test('a frame may hold several trades, which are numbered from where the caller says', () => {
    const { kinds, trades: found } = parsed(parse, trades);
    assert.deepEqual(kinds, ['trade']);
    assert.deepEqual(pick(found, 'symbol', 'time', 'price', 'size', 'side', 'id'), [
      ['XMRUSD', '2021-04-17T16:49:10.826417Z', '354.04', '0.28245396', 'sell', '7'],
      ['XMRUSD', '2021-04-17T16:49:10.827816Z', '353.81', '1.71754604', 'buy', '8'],
    ]);
  });

  test('a ticker is a quote at the time it was received, a spread at its own', () => {
    const ticker = { a: ['13.253900', 35, '35.7'], b: ['13.232900', 185, '185.2'] };
    const spread = ['5698.4', '5700', '1542057299.545897', '1.01234567', '0.98765432'];
    const { quotes } = parsed(
      parse,
      [1668, ticker, 'ticker', 'WAVES/EUR'],
      [0, spread, 'spread', 'XBT/USD'],
    );
    assert.deepEqual(pick(quotes, 'symbol', 'time', 'bid', 'bidSize', 'ask', 'askSize'), [
      ['WAVESEUR', '2023-11-14T22:13:20Z', '13.2329', '185.2', '13.2539', '35.7'],
      ['XBTUSD', '2018-11-12T21:14:59.545897Z', '5698.4', '1.01234567', '5700', '0.98765432'],
    ]);
  });

  test('books, in one part or two, and events are known', () => {
    const { kinds, refused } = parsed(
      parse,
      [1920, { as: [], bs: [] }, 'book-1000', 'SC/EUR'],
      [1920, { a: [] }, { b: [], c: '4105471083' }, 'book-1000', 'SC/EUR'],
      { event: 'heartbeat' },
      { event: 'systemStatus', status: 'online' },
      { event: 'subscriptionStatus', status: 'subscribed', pair: 'SC/EUR' },
    );
    assert.deepEqual(kinds, ['ignored', 'ignored', 'heartbeat', 'control', 'control']);
    assert.deepEqual(refused, []);
  });

  test('one bad trade of a frame is refused, the others are taken', () => {
    const [channel, [good, other] = [], name, pair] = trades as [
      number,
      string[][],
      string,
      string,
    ];
    const bad = ['0', ...(other ?? []).slice(1)];
    const { trades: found, refused } = parsed(parse, [channel, [bad, good, null], name, pair]);
    assert.deepEqual(refused, ['bad-price', 'bad-time']);
    assert.deepEqual(
      found.map(({ id }) => id),
      ['8'],
    );
  });

  test('what is none of this is refused for its reason', () => {
    const { refused } = parsed(
      parse,
      '[993,[["354',
      '7',
      [993, [], 'orders', 'XMR/USD'],
      [993, 'x', 'trade', 'XMR/USD'],
      [993, { a: 1 }, 'ticker', 'XMR/USD'],
      { event: 'party' },
      { event: 'subscriptionStatus', status: 'error', errorMessage: 'Currency pair not supported' },
    );
    assert.deepEqual(refused, [
      'bad-json',
      'bad-frame',
      'unknown-frame',
      'bad-frame',
      'bad-frame',
      'unknown-frame',
      'provider-error',
    ]);
  });
});

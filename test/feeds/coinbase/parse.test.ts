import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parse } from '../../../src/feeds/coinbase/parse.ts';
import { parsed, pick } from '../parsed.ts';

const match = {
  type: 'match',
  trade_id: 280232,
  maker_order_id: '2a0da34e-61f7-4c36-88e5-c9dd15927b16',
  taker_order_id: '3c82abaa-c01e-4608-be59-6a1e69742891',
  side: 'sell',
  size: '985',
  price: '0.00001305',
  product_id: 'SKL-BTC',
  sequence: 177100030,
  time: '2021-04-17T16:43:37.089723Z',
};

const ticker = {
  type: 'ticker',
  sequence: 333938798,
  product_id: 'BAND-GBP',
  price: '14.7775',
  best_bid: '14.7550',
  best_ask: '14.8060',
  side: 'buy',
  time: '2021-04-17T16:43:30.244075Z',
  trade_id: 881613,
  last_size: '0.04',
};

suite('Coinbase frames', () => {
  test('a match is a trade, whose aggressor is opposite the resting side', () => {
    const { kinds, trades } = parsed(parse, match, { ...match, type: 'last_match', side: 'buy' });
    assert.deepEqual(kinds, ['trade', 'trade']);
    assert.deepEqual(trades[0], {
      symbol: 'SKL-BTC',
      time: '2021-04-17T16:43:37.089723Z',
      received: '2023-11-14T22:13:20Z',
      price: '0.00001305',
      size: '985',
      side: 'buy',
      id: '280232',
      venue: 'coinbase',
      conditions: '',
      source: 'test',
      sequence: 0,
      verdict: 'on time',
    });
    assert.equal(trades[1]?.side, 'sell');
  });

  test('a ticker is a quote, with sizes where it tells them', () => {
    const sized = { ...ticker, best_bid_size: '0.5', best_ask_size: '12' };
    const { quotes, seen } = parsed(parse, ticker, sized);
    assert.deepEqual(pick(quotes, 'bid', 'bidSize', 'ask', 'askSize'), [
      ['14.755', '0', '14.806', '0'],
      ['14.755', '0.5', '14.806', '12'],
    ]);
    assert.equal(seen.quotes.id[0], 333938798);
  });

  test('a side without orders is absent', () => {
    const { quotes } = parsed(parse, { ...ticker, best_bid: '0' });
    assert.equal(quotes[0]?.bid, null);
    assert.equal(quotes[0]?.ask, '14.806');
  });

  test('every other frame of the channels we know is known', () => {
    const kinds = ['heartbeat', 'subscriptions', 'l2update', 'snapshot', 'status'];
    const { kinds: found, refused } = parsed(parse, ...kinds.map((type) => ({ type })));
    assert.deepEqual(found, ['heartbeat', 'control', 'ignored', 'ignored', 'control']);
    assert.deepEqual(refused, []);
  });

  test('what cannot be taken is refused for its reason, and nothing else is lost', () => {
    const bad: readonly (readonly [string, unknown])[] = [
      ['bad-json', JSON.stringify(match).slice(0, 90)],
      ['bad-frame', []],
      ['bad-frame', 'null'],
      ['unknown-frame', {}],
      ['unknown-frame', { type: 'constructor' }],
      ['bad-symbol', { ...match, product_id: 'skl btc' }],
      ['bad-time', { ...match, time: 'yesterday' }],
      ['bad-id', { ...match, trade_id: '280232' }],
      ['bad-id', { ...match, trade_id: 0.5 }],
      ['bad-price', { ...match, price: '-1' }],
      ['bad-price', { ...match, price: 1 }],
      ['bad-price', { ...match, price: '0' }],
      ['bad-price', { ...match, price: '1e99' }],
      ['bad-size', { ...match, size: 'NaN' }],
      ['bad-size', { ...match, size: '0.000' }],
      ['too-large', { ...match, price: '9007199254740991', size: '9007199254740991' }],
      ['bad-price', { ...ticker, best_ask: '-1' }],
      ['bad-size', { ...ticker, best_ask_size: 'many' }],
      ['provider-error', { type: 'error', message: 'Failed to subscribe', reason: 'no product' }],
    ];
    const { trades, quotes, refused, seen } = parsed(
      parse,
      ...bad.map(([, frame]) => frame),
      match,
      ticker,
    );
    assert.deepEqual(
      refused,
      bad.map(([reason]) => reason),
    );
    assert.equal(trades.length, 1);
    assert.equal(quotes.length, 1);
    const [letter] = seen.deadLetters;
    assert.equal(letter?.where, 'frame 1');
    assert.equal(Buffer.from(letter?.raw ?? '', 'base64').toString(), bad[0]?.[1]);
  });
});

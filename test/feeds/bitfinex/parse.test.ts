import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BitfinexParser } from '../../../src/feeds/bitfinex/parse.ts';
import { parsed, pick } from '../parsed.ts';

const subscribed = (channel: string, chanId: number, symbol = 'tBTCUSD') => ({
  event: 'subscribed',
  channel,
  chanId,
  symbol,
});

function parseAll(...frames: readonly unknown[]) {
  const parser = new BitfinexParser();
  return parsed((...frame) => parser.parse(...frame, 5), ...frames);
}

suite('Bitfinex frames', () => {
  // The example of docs.bitfinex.com/reference/ws-public-trades.
  test('a trade comes as te at once and as tu for good, with one id', () => {
    const time = '2019-11-25T15:07:58.808Z';
    const trade = ['BTCUSD', time, '7245.3', '0.005', 'buy', '401597395'];
    const { kinds, trades } = parseAll(
      subscribed('trades', 17470),
      [17470, 'te', [401597395, 1574694478808, 0.005, 7245.3]],
      [17470, 'tu', [401597395, 1574694478808, 0.005, 7245.3], 9],
    );
    assert.deepEqual(kinds, ['control', 'trade', 'trade']);
    assert.deepEqual(pick(trades, 'symbol', 'time', 'price', 'size', 'side', 'id'), [trade, trade]);
  });

  test('a snapshot is taken oldest first, a negative amount is a sale', () => {
    const { trades } = parseAll(
      subscribed('trades', 1, 'tTESTBTC:TESTUSD'),
      '[1,[[12,1618665870435,166.391496,0.076989],[11,1618665870434,-2272.50116833,7e-7]],3]',
    );
    assert.deepEqual(pick(trades, 'symbol', 'price', 'size', 'side', 'id'), [
      ['TESTBTC:TESTUSD', '0.0000007', '2272.50116833', 'sell', '11'],
      ['TESTBTC:TESTUSD', '0.076989', '166.391496', 'buy', '12'],
    ]);
  });

  test('a ticker is a quote without sizes, since it only tells sums of them', () => {
    const { kinds, quotes, seen } = parseAll(
      subscribed('ticker', 2, 'tDOGUSD'),
      '[2,[278200,1.7023900800000002,282030,2.2626931299999997,-66440,-0.19,282780,32,4,2],3]',
    );
    assert.deepEqual(kinds, ['control', 'quote']);
    assert.deepEqual(pick(quotes, 'bid', 'bidSize', 'ask', 'askSize'), [
      ['278200', '0', '282030', '0'],
    ]);
    assert.equal(seen.quotes.id[0], 5);
  });

  test('books, lending, heartbeats and events are known', () => {
    const { kinds, refused } = parseAll(
      [9, 'hb', 127],
      { event: 'info', version: 2 },
      { event: 'conf', status: 'OK' },
      subscribed('book', 3),
      [3, [215350, 0, 1], 18],
      [3, 'cs', -123456, 19],
      subscribed('trades', 4, 'fUSD'),
      [4, 'te', [1, 1574694478808, 100, 0.0002, 2]],
      { event: 'unsubscribed', chanId: 3 },
    );
    const control = 'control';
    assert.deepEqual(kinds, [
      'heartbeat',
      control,
      control,
      control,
      'ignored',
      'ignored',
      control,
      'ignored',
      control,
    ]);
    assert.deepEqual(refused, []);
  });

  test('what is none of this is refused for its reason', () => {
    const { refused } = parseAll(
      subscribed('trades', 1),
      subscribed('ticker', 2),
      '[1,"te",[40159',
      '7',
      [3, [1, 2, 3]],
      [1, 'xx', 7],
      [1, 'te', ['a', 1574694478808, 0.005, 7245.3]],
      [1, 'te', [5, 1574694478808, 0.005, -7245.3]],
      [1, 'te', [5, 1574694478808, 0, 7245.3]],
      [2, 7],
      { event: 'party' },
      { event: 'error', msg: 'symbol: invalid', code: 10300 },
    );
    assert.deepEqual(refused, [
      'bad-json',
      'bad-frame',
      'unknown-frame',
      'bad-frame',
      'bad-id',
      'bad-price',
      'bad-size',
      'bad-frame',
      'unknown-frame',
      'provider-error',
    ]);
  });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BinanceParser } from '../../../src/feeds/binance/parse.ts';
import { parsed, pick } from '../parsed.ts';

const futuresTrade = {
  e: 'trade',
  E: 1723161256344,
  T: 1723161256344,
  s: 'BTCUSDT',
  t: 5266583936,
  p: '61800.30',
  q: '0.199',
  X: 'MARKET',
  m: false,
};

const spotAggregate = {
  e: 'aggTrade',
  E: 1633998523963,
  s: 'NKNUSDT',
  a: 15683430,
  p: '0.35280000',
  q: '58.00000000',
  f: 19862790,
  l: 19862790,
  T: 1633998523963,
  m: true,
  M: true,
};

const spotBook = { u: 499869768, s: 'NKNUSDT', b: '0.35210000', B: '672', a: '0.3526', A: '3199' };

function parseAll(...frames: readonly unknown[]) {
  const parser = new BinanceParser();
  return parsed((...frame) => parser.parse(...frame), ...frames);
}

suite('Binance frames', () => {
  test('a trade comes bare or wrapped, and says who rested', () => {
    const wrapped = { stream: 'btcusdt@trade', data: { ...futuresTrade, t: 5266583937, m: true } };
    const { trades, seen } = parseAll(futuresTrade, wrapped);
    assert.deepEqual(
      pick(trades, 'symbol', 'time', 'price', 'size', 'side', 'id', 'venue', 'conditions'),
      [
        [
          'BTCUSDT',
          '2024-08-08T23:54:16.344Z',
          '61800.3',
          '0.199',
          'buy',
          '5266583936',
          'binance',
          '',
        ],
        [
          'BTCUSDT',
          '2024-08-08T23:54:16.344Z',
          '61800.3',
          '0.199',
          'sell',
          '5266583937',
          'binance',
          '',
        ],
      ],
    );
    assert.equal(seen.trades.scope, 'binance-futures');
  });

  test('aggregates have an id scope of their own, and spot another than futures', () => {
    assert.equal(parseAll(spotAggregate).seen.trades.scope, 'binance-aggregate');
    const { M: _, ...futures } = spotAggregate;
    assert.equal(parseAll(futures).seen.trades.scope, 'binance-futures-aggregate');
    assert.equal(parseAll(spotBook).seen.quotes.scope, 'binance');
    const futuresBook = { ...spotBook, e: 'bookTicker', T: 1626992741012, E: 1626992741017 };
    assert.equal(parseAll(futuresBook).seen.quotes.scope, 'binance-futures');
  });

  test('trades that come on both streams are taken from the first', () => {
    const { kinds, trades } = parseAll(spotAggregate, { ...futuresTrade, M: true }, spotAggregate);
    assert.deepEqual(kinds, ['trade', 'ignored', 'trade']);
    assert.equal(trades.length, 2);
  });

  test('a book ticker is a quote, at its own time where it has one', () => {
    const futures = { ...spotBook, e: 'bookTicker', T: 1626992741012 };
    assert.equal(parseAll(futures).quotes[0]?.time, '2021-07-22T22:25:41.012Z');
    const { quotes } = parseAll(spotBook);
    assert.equal(quotes[0]?.time, '2023-11-14T22:13:20Z');
    assert.deepEqual(pick(quotes, 'bid', 'bidSize', 'ask', 'askSize'), [
      ['0.3521', '672', '0.3526', '3199'],
    ]);
  });

  test('depth, candles, answers and fills outside the market are known', () => {
    const { kinds, refused } = parseAll(
      { stream: 'btcusdt@depth@0ms', data: { e: 'depthUpdate', U: 1, u: 2, b: [], a: [] } },
      { stream: 'nknusdt@kline_1m', data: { e: 'kline', k: {} } },
      { lastUpdateId: 5123107852948, bids: [], asks: [] },
      { result: null, id: 1 },
      { stream: '!miniTicker@arr', data: [] },
      { ...futuresTrade, X: 'NA', p: '0', q: '0' },
    );
    assert.deepEqual(kinds, ['ignored', 'ignored', 'ignored', 'control', 'ignored', 'ignored']);
    assert.deepEqual(refused, []);
  });

  test('what is none of this is refused for its reason', () => {
    const { refused } = parseAll(
      '{"stream":"btcusdt@tra',
      [1],
      { stream: 'x', data: 7 },
      { e: 'surprise' },
      { ...futuresTrade, p: '-61800.30' },
      { ...futuresTrade, t: '5266583936' },
      { ...futuresTrade, T: 'now' },
      { error: { code: 2, msg: 'Invalid request' }, id: 1 },
      { code: -1121, msg: 'Invalid symbol.' },
    );
    assert.deepEqual(refused, [
      'bad-json',
      'bad-frame',
      'bad-frame',
      'unknown-frame',
      'bad-price',
      'bad-id',
      'bad-time',
      'provider-error',
      'provider-error',
    ]);
  });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  assetClassOf,
  intervalOf,
  placeOf,
  symbolOfStem,
  timeZoneOf,
} from '../../../src/feeds/replay/place.ts';

suite('the names of LEAN files', () => {
  test('tell symbol and date, the inner name before the outer', () => {
    const cases: readonly (readonly [string, string | null, string | null, string | null])[] = [
      ['/d/tick/bac/20131007_trade.zip', '20131007_bac_Trade_Tick.csv', 'BAC', '2013-10-07'],
      ['/d/tick/bac/20131007_trade.zip', null, 'BAC', '2013-10-07'],
      ['20140501_eurusd_tick_quote.csv', null, 'EURUSD', '2014-05-01'],
      ['/tmp/a.zip', '20131008_brk.b_Quote_Tick.csv', 'BRK.B', '2013-10-08'],
      ['/d/tick/bac/20131007_quote.zip', 'ticks.csv', 'BAC', '2013-10-07'],
      ['/d/tick/bac/trades.zip', null, null, null],
      ['/d/20131399_trade.zip', null, 'D', null],
      ['20131007_trade.zip', null, null, '2013-10-07'],
    ];
    for (const [path, entry, symbol, date] of cases) {
      assert.deepEqual(placeOf(path, entry), { symbol, date }, path);
    }
  });

  test('of bars tell interval, asset class and, where they hold all days, the symbol', () => {
    const cases = [
      ['/d/equity/usa/minute/aapl/20140609_trade.zip', '20140609_aapl_minute_trade.csv', '1m'],
      ['/d/crypto/coinbase/Second/btcusd/20161007_trade.zip', null, '1s'],
      ['/minute/20161007_btcusd_second_trade.csv', null, '1s'],
      ['/daily/minutes/20161007_trade.csv', null, null],
    ] as const;
    for (const [path, entry, interval] of cases) {
      assert.equal(intervalOf(path, entry, ['1s', '1m']), interval, path);
    }
    assert.equal(intervalOf('/minute/daily/bac.zip', 'bac.csv', ['1h', '1d']), '1d');
    assert.equal(assetClassOf('/fx/us-equity/minute/aapl/x.zip'), 'equity');
    assert.equal(assetClassOf('/d/crypto/x.zip'), 'crypto');
    assert.equal(assetClassOf('/d/crypto.zip'), 'unknown');
    assert.equal(symbolOfStem('/d/daily/brk.b.zip', null), 'BRK.B');
    assert.equal(symbolOfStem('/d/daily/btcusd_trade.zip', 'btcusd.csv'), 'BTCUSD');
    assert.equal(symbolOfStem('/d/daily/btcusd_trade.zip', null), 'BTCUSD');
    assert.equal(symbolOfStem('/d/daily/my_bars.csv', null), null);
  });

  test('tell the zone of the market', () => {
    assert.equal(timeZoneOf('equity/usa/tick/bac/x.zip', 'equity'), 'America/New_York');
    assert.equal(timeZoneOf('forex/fxcm/tick/eurusd/x.zip', 'fx'), '-05:00');
    assert.equal(timeZoneOf('forex/oanda/tick/eurusd/x.zip', 'fx'), 'UTC');
    assert.equal(timeZoneOf('x.zip', 'fx'), 'UTC');
  });
});

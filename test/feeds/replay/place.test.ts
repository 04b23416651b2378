import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { placeOf, timeZoneOf } from '../../../src/feeds/replay/place.ts';

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

  test('tell the zone of the market', () => {
    assert.equal(timeZoneOf('equity/usa/tick/bac/x.zip', 'equity'), 'America/New_York');
    assert.equal(timeZoneOf('forex/fxcm/tick/eurusd/x.zip', 'fx'), '-05:00');
    assert.equal(timeZoneOf('forex/oanda/tick/eurusd/x.zip', 'fx'), 'UTC');
    assert.equal(timeZoneOf('x.zip', 'fx'), 'UTC');
  });
});

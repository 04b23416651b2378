import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { rig } from './rig.ts';
import { monday, second } from './tape.ts';

const minute = 60 * second;
const closes = [100, 102, 101, 105, 107, 106, 110, 111];

suite('indicators', () => {
  test('of candles reach back before the first one answered, into the store', async (t) => {
    const one = await rig(t);
    for (const [index, close] of closes.entries()) {
      const ohlc = [close * 100, close * 100, close * 100, close * 100] as const;
      const time = monday + index * minute;
      await one.tape.candles({ interval: '1m', time, ohlc, volume: index + 1, state: 'final' });
      if (index === 4) await one.history.persistAll();
    }
    await one.settled();
    const path = '/api/v1/candles/AAPL?interval=1m&limit=3&indicators=sma:3;change:1;vwap;rsi:14';
    const { status, body } = await one.get(path);
    assert.equal(status, 200);
    const values = body.candles.map(({ indicators }: { indicators: object }) => indicators);
    const mean = (at: number) => (closes[at - 2] + closes[at - 1] + closes[at]) / 3;
    const vwap = (to: number) => {
      const sizes = closes.slice(0, to + 1).map((_, index) => index + 1);
      const notional = sizes.reduce((sum, size, index) => sum + size * closes[index], 0);
      return notional / sizes.reduce((sum, size) => sum + size, 0);
    };
    for (const [row, at] of [5, 6, 7].entries()) {
      const found = values[row];
      assert.ok(Math.abs(found['sma:3'].sma - mean(at)) < 1e-9);
      assert.ok(Math.abs(found['change:1'].change - (closes[at] - closes[at - 1])) < 1e-9);
      assert.ok(Math.abs(found.vwap.vwap - vwap(at)) < 1e-9);
      assert.equal(found['rsi:14'], null, 'eight candles are too few');
    }
    const plain = await one.get('/api/v1/candles/AAPL?interval=1m&limit=3');
    assert.equal('indicators' in plain.body.candles[0], false);
  });

  test('that there are not are refused with what there is', async (t) => {
    const one = await rig(t);
    const { status, body } = await one.get('/api/v1/candles/AAPL?indicators=sma:20;magic:7');
    assert.equal(status, 400);
    assert.match(body.detail, /magic:7/);
    assert.match(body.cure, /sma, ema/);
    const many = Array.from({ length: 11 }, (_, index) => `sma:${index + 1}`).join(';');
    assert.equal((await one.get(`/api/v1/candles/AAPL?indicators=${many}`)).status, 400);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rig } from './rig.ts';
import { monday, second } from './tape.ts';

test('bars are no trades to show, and their candles say what is not known', async (t) => {
  const one = await rig(t);
  const client = await one.connect('/ws/trades/AAPL');
  await one.tape.trades({ time: monday, price: 100 });
  await one.tape.bar(monday + 60 * second);
  await one.tape.trades({ time: monday + 120 * second, price: 102 });
  const ohlc = [100, 102, 100, 102] as const;
  const candle = { interval: '1m', time: monday, ohlc, state: 'final' } as const;
  await one.tape.candles({ ...candle, notional: Number.NaN }, { ...candle, time: monday - 1 });
  await one.settled();
  const prices = (trades: readonly { price: string }[]) => trades.map(({ price }) => price);
  assert.deepEqual(prices(await client.take(2)), ['1', '1.02']);
  const { body: trades } = await one.get('/api/v1/trades/AAPL');
  assert.deepEqual(prices(trades.trades), ['1.02', '1']);
  const { status, body } = await one.get('/api/v1/candles/AAPL?interval=1m&indicators=vwap');
  assert.equal(status, 200);
  assert.deepEqual(
    body.candles.map(({ notional, vwap, indicators }: Record<string, unknown>) => [
      notional,
      vwap,
      indicators,
    ]),
    [
      ['102', '1.02', { vwap: { vwap: 1.02 } }],
      [null, null, { vwap: null }],
    ],
  );
});

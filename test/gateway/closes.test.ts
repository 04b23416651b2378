import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { rig } from './rig.ts';
import { monday, second } from './tape.ts';

suite('the closes of many symbols', () => {
  test('are the last ones of each, from the store and from what it lacks yet', async (t) => {
    const one = await rig(t);
    const candle = (symbol: string, minute: number, cents: number, state: 'open' | 'final') => ({
      symbol,
      state,
      interval: '1m' as const,
      time: monday + minute * 60 * second,
      ohlc: [1, 900, 1, cents] as const,
    });
    await one.tape.candles(candle('AAPL', 0, 100, 'final'), candle('AAPL', 1, 101, 'final'));
    await one.history.persistAll();
    await one.tape.candles(candle('AAPL', 2, 102, 'open'), candle('MSFT', 2, 5, 'open'));
    await one.tape.introduce('NEW');
    await one.settled();
    const { status, body } = await one.get('/api/v1/closes?symbols=aapl,MSFT,NEW&limit=2');
    assert.equal(status, 200);
    assert.deepEqual(body, { closes: { AAPL: ['1.01', '1.02'], MSFT: ['0.05'], NEW: [] } });
    const all = await one.get('/api/closes?symbols=AAPL');
    assert.deepEqual(all.body.closes.AAPL, ['1', '1.01', '1.02']);
  });

  test('are refused where one is unknown, or there are too many', async (t) => {
    const one = await rig(t);
    assert.equal((await one.get('/api/v1/closes?symbols=AAPL,NOPE')).status, 404);
    assert.equal((await one.get('/api/v1/closes')).status, 400);
    assert.equal((await one.get('/api/v1/closes?symbols=AAPL&limit=101')).status, 400);
    const many = Array.from({ length: 101 }, (_, index) => `S${index}`);
    await one.tape.introduce(...many);
    await one.settled();
    const tooMany = await one.get(`/api/v1/closes?symbols=${many.join()}`);
    assert.equal(tooMany.status, 429);
    assert.match(tooMany.body.detail, /names 101/);
  });
});

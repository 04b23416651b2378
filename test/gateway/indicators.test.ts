import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { calendarOf } from '../../src/calendars/calendar.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { parseIndicator } from '../../src/engine/indicators/indicators.ts';
import { indicated } from '../../src/gateway/indicated.ts';
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

  test('of a session begin anew with each day of the instrument’s calendar', () => {
    const hour = 60 * minute;
    // Monday 19:00, 23:59 and Tuesday 00:00 in New York; in UTC the date changes before the second.
    const midnight = Date.UTC(2024, 4, 6) * 1000;
    const starts = [23 * hour, 28 * hour - minute, 28 * hour].map((after) => midnight + after);
    const candles = starts.map((start, index) => ({
      symbol: 'AAPL',
      price: 'trade' as const,
      interval: '1m' as const,
      start: formatTime(start),
      open: '1',
      high: '1',
      low: '1',
      close: '1',
      volume: '1',
      notional: String(index + 1),
      vwap: '1',
      trades: 1,
      priced: 1,
      revision: 0,
      state: 'final' as const,
    }));
    const specs = [parseIndicator('vwap')];
    const vwaps = (calendar: string) =>
      indicated(specs, { candles: [], isWhole: true }, candles, calendarOf(calendar).days).map(
        ({ indicators }) => indicators.vwap?.vwap,
      );
    assert.deepEqual(vwaps('XNYS'), [1, 1.5, 3]);
    assert.deepEqual(vwaps('24/7'), [1, 2, 2.5]);
  });

  test('of a session are null where the start of its day is not reached', async (t) => {
    const one = await rig(t);
    // From 00:00 UTC to 03:00 on Tuesday, which is 20:00 to 23:00 of Monday in New York.
    const from = Date.UTC(2024, 4, 7) * 1000;
    const seconds = Array.from({ length: 3 * 3_600 }, (_, index) => {
      const close = 10_000 + index;
      const ohlc = [close, close, close, close] as const;
      return { interval: '1s', time: from + index * second, ohlc, state: 'final' } as const;
    });
    await one.tape.candles(...seconds);
    await one.history.persistAll();
    await one.settled();
    const vwapAt = async (index: number, limit: number): Promise<number | undefined> => {
      const to = formatTime(from + (index + 1) * second);
      const asked = `interval=1s&limit=${limit}&to=${to}&indicators=vwap`;
      const { body } = await one.get(`/api/v1/candles/AAPL?${asked}`);
      return body.candles.at(-1).indicators.vwap?.vwap;
    };
    assert.equal(await vwapAt(10_000, 1), 150, 'the mean of 100 to 200');
    assert.equal(await vwapAt(10_001, 1), undefined, 'ten thousand before it are not all');
    assert.equal(await vwapAt(10_001, 2), 150.005, 'those before the page before are');
    const tuesday = { ohlc: [700, 700, 700, 700], interval: '1s', state: 'final' } as const;
    await one.tape.candles({ ...tuesday, time: from + 4 * 3_600 * second });
    await one.settled();
    assert.equal(await vwapAt(4 * 3_600, 1), 7, 'a day that begins is known');
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

// What clients are told of intervals that are over, and of those without a candle.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatTime } from '../../src/contracts/time.ts';
import { rig } from './rig.ts';
import { monday, second } from './tape.ts';

const minute = 60 * second;
const at = (minutes: number): string => formatTime(monday + minutes * minute);
const silence = (start: number, end: number, state: 'no_trades' | 'no_data') => ({
  start: at(start),
  end: at(end),
  state,
});
const candle = (minutes: number) =>
  ({
    interval: '1m',
    time: monday + minutes * minute,
    ohlc: [1, 1, 1, 1],
    state: 'final',
  }) as const;

suite('marks over a stream of candles', () => {
  test('follow them, of its symbol, interval and price kind only', async (t) => {
    const one = await rig(t);
    const client = await one.connect('/ws/candles/AAPL');
    await one.tape.candles(candle(0));
    await one.tape.marks(
      { symbol: 'AAPL', start: at(0), end: at(1), state: 'traded' },
      { symbol: 'AAPL', interval: '5m', start: at(0), end: at(5), state: 'traded' },
      { symbol: 'MSFT', start: at(0), end: at(1), state: 'no_trades' },
      { symbol: 'AAPL', start: at(1), end: at(3), state: 'no_data' },
    );
    const [first, ...marks] = await client.take(3);
    assert.equal(first.type, 'candle');
    const told = { type: 'mark', symbol: 'AAPL', price: 'trade', interval: '1m' };
    const head = client.hello.cursor.replace(/-?\d+$/, '');
    assert.deepEqual(marks, [
      { ...told, cursor: `${head}1`, start: at(0), end: at(1), state: 'traded' },
      { ...told, cursor: `${head}4`, ...silence(1, 3, 'no_data') },
    ]);
  });
});

suite('candles with empty=true', () => {
  test('tell the silences beside them, from the store and the rest of the log', async (t) => {
    const one = await rig(t);
    await one.tape.candles(candle(0));
    await one.tape.marks({ symbol: 'AAPL', ...silence(1, 4, 'no_trades') });
    await one.history.persistAll();
    await one.tape.marks({ symbol: 'AAPL', ...silence(4, 5, 'no_trades') });
    await one.tape.marks({ symbol: 'AAPL', ...silence(5, 9, 'no_data') });
    // A late trade's: it wins.
    await one.tape.candles(candle(6), candle(9));
    await one.settled();
    const { body } = await one.get('/api/v1/candles/AAPL?empty=true');
    assert.equal(body.candles.length, 3);
    const silences = [
      silence(1, 5, 'no_trades'),
      silence(5, 6, 'no_data'),
      silence(7, 9, 'no_data'),
    ];
    assert.deepEqual(body.empty, silences);
    assert.equal('empty' in (await one.get('/api/v1/candles/AAPL')).body, false);
    const part = await one.get(`/api/v1/candles/AAPL?empty=true&from=${at(3)}&to=${at(8)}`);
    assert.deepEqual(part.body.empty, [
      silence(3, 5, 'no_trades'),
      silence(5, 6, 'no_data'),
      silence(7, 8, 'no_data'),
    ]);
    const other = await one.get('/api/v1/candles/AAPL?empty=true&interval=5m');
    assert.deepEqual(other.body.empty, []);
  });

  test('tell each silence on one page', async (t) => {
    const one = await rig(t);
    for (const n of [0, 3, 6]) {
      await one.tape.candles(candle(n));
      await one.tape.marks({ symbol: 'AAPL', ...silence(n + 1, n + 3, 'no_trades') });
    }
    await one.settled();
    const pages: unknown[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const path: string = `/api/v1/candles/AAPL?empty=true&limit=1${next && `&cursor=${next}`}`;
      const { body } = await one.get(path);
      pages.push(body.empty);
      next = body.next;
    }
    assert.deepEqual(
      pages,
      [6, 3, 0].map((n) => [silence(n + 1, n + 3, 'no_trades')]),
    );
  });
});

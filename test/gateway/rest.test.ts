import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/schema';
import { Failure } from '../../src/base/failure.ts';
import { calendarOf } from '../../src/calendars/calendar.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { changeBetween } from '../../src/gateway/market-summary.ts';
import { parseSpan } from '../../src/gateway/routes/context.ts';
import { healthy, type Rig, rig } from './rig.ts';
import { seeded } from './seed.ts';
import { monday, second } from './tape.ts';

const day = 86_400 * second;

/** Yesterday and today of AAPL; MSFT has not traded. */
async function marketRig(test: Parameters<typeof rig>[0]): Promise<Rig> {
  const one = await rig(test, {
    before: async (tape, history) => {
      const yesterday = { time: monday - day, ohlc: [16_800, 16_900, 16_700, 16_850] } as const;
      await tape.candles({ ...yesterday, interval: '1d', state: 'final' });
      await history.persistAll();
    },
  });
  await one.tape.trades(
    { time: monday, price: 17_000, size: 100 },
    { time: monday + second, price: 17_110, size: 20, side: 'sell' },
  );
  await one.tape.quotes({ time: monday + second, bid: 17_109, ask: 17_112 });
  const ohlc = [17_000, 17_110, 17_000, 17_110] as const;
  await one.tape.candles(
    { interval: '1d', time: monday, ohlc, volume: 120 },
    { interval: '1m', time: monday, ohlc, volume: 120 },
    { interval: '1m', time: monday, ohlc: [17_109, 17_109, 17_109, 17_109], price: 'bid' },
  );
  await one.settled();
  return one;
}

suite('every endpoint answers as its OpenAPI says', () => {
  const paths = {
    '/health': '/health',
    '/ready': '/ready',
    '/api/v1/symbols': '/api/v1/symbols',
    '/api/v1/quotes/AAPL': '/api/v1/quotes/{symbol}',
    '/api/v1/quotes/MSFT': '/api/v1/quotes/{symbol}',
    '/api/v1/trades/AAPL?limit=1': '/api/v1/trades/{symbol}',
    '/api/v1/candles/AAPL?interval=1m': '/api/v1/candles/{symbol}',
    '/api/v1/candles/AAPL?adjustment=all': '/api/v1/candles/{symbol}',
    '/api/v1/closes?symbols=AAPL,MSFT': '/api/v1/closes',
    '/api/v1/stream': '/api/v1/stream',
    '/api/v1/market-summary': '/api/v1/market-summary',
    '/api/v1/statistics/AAPL': '/api/v1/statistics/{symbol}',
    '/api/v1/statistics/MSFT': '/api/v1/statistics/{symbol}',
    '/api/v1/alerts?symbol=AAPL&limit=5': '/api/v1/alerts',
    '/api/v1/explain/candle/AAPL/1m/2024-05-06T14:30:00Z':
      '/api/v1/explain/candle/{symbol}/{interval}/{start}',
    '/api/v1/explain/signal/none': '/api/v1/explain/signal/{id}',
    '/api/v1/trades/AAPL?limit=none': '/api/v1/trades/{symbol}',
    '/api/v1/alerts?severity=loud': '/api/v1/alerts',
    '/api/v1/candles/AAPL?interval=7m': '/api/v1/candles/{symbol}',
    '/api/v1/quotes/NOPE': '/api/v1/quotes/{symbol}',
  };

  test('in shape and media type, errors too', async (t) => {
    const one = await marketRig(t);
    const { body: document } = await one.get('/openapi.json');
    assert.equal(document.openapi, '3.1.0');
    for (const [path, documented] of Object.entries(paths)) {
      const answer = await one.get(path);
      const { responses } = document.paths[documented].get;
      const response = responses[answer.status] ?? responses[`${String(answer.status)[0]}XX`];
      const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
      for (const name of Object.keys(response.headers)) assert(answer.headers.has(name), name);
      assert(document.components.headers.RateLimit);
      const { schema } = response.content[type];
      const check = Compile({ ...schema, components: document.components });
      const [isValid, errors] = check.Errors(answer.body);
      assert.ok(isValid, `${path}: ${JSON.stringify(errors)}`);
    }
  });

  test('and answers that have not changed', async (t) => {
    const one = await marketRig(t);
    const { body: document } = await one.get('/openapi.json');
    for (const [path, documented] of Object.entries(paths)) {
      const etag = (await one.get(path)).headers.get('etag');
      const { responses } = document.paths[documented].get;
      if (etag === null) continue;
      const again = await fetch(one.gateway.url + path, { headers: { 'if-none-match': etag } });
      assert.equal(again.status, 304);
      const { headers, content } = responses[304];
      assert.deepEqual(Object.keys(headers), ['ETag', 'RateLimit-Policy', 'RateLimit']);
      assert.equal(content, undefined);
    }
    assert.equal(document.paths['/health'].get.responses[304], undefined);
  });

  test('and every route but the page and its aliases is documented', async (t) => {
    const one = await rig(t);
    const { body } = await one.get('/openapi.json');
    const needed = ['stream', 'symbols'];
    const expected = ['/metrics', ...new Set(Object.values(paths))].sort();
    assert.deepEqual(Object.keys(body.paths).sort(), expected);
    for (const { get } of Object.values<{ get: { parameters?: Parameter[] } }>(body.paths)) {
      for (const parameter of get.parameters ?? []) {
        const isNeeded = parameter.in === 'path' || needed.includes(parameter.name);
        assert.equal(parameter.required === true, isNeeded, parameter.name);
      }
    }
  });
});

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
}

suite('answers', () => {
  test('are the same under /api and /api/v1, and for lower-case symbols', async (t) => {
    const one = await marketRig(t);
    for (const path of [
      '/symbols',
      '/quotes/AAPL',
      '/trades/AAPL',
      '/candles/AAPL',
      '/market-summary',
    ]) {
      const { body } = await one.get(`/api/v1${path}`);
      assert.deepEqual((await one.get(`/api${path}`)).body, body);
      assert.deepEqual((await one.get(`/api${path.replace('AAPL', 'aapl')}`)).body, body);
    }
  });

  test('of quotes: the latest quote and trade, each with its time', async (t) => {
    const one = await marketRig(t);
    assert.deepEqual((await one.get('/api/v1/quotes/AAPL')).body, {
      symbol: 'AAPL',
      bid: '171.09',
      bidSize: '300',
      ask: '171.12',
      askSize: '200',
      time: formatTime(monday + second),
      last: '171.1',
      lastSize: '20',
      lastTime: formatTime(monday + second),
    });
    const { bid, last, time } = (await one.get('/api/v1/quotes/MSFT')).body;
    assert.deepEqual([bid, last, time], [null, null, null]);
  });

  test("of the market summary: the change against the previous day's close", async (t) => {
    const one = await marketRig(t);
    const [apple, microsoft] = (await one.get('/api/v1/market-summary')).body.summaries;
    assert.deepEqual(apple, {
      symbol: 'AAPL',
      name: 'AAPL Inc.',
      last: '171.1',
      reference: '168.5',
      change: '2.6',
      changePercent: '1.54',
      dayHigh: '171.1',
      dayLow: '170',
      dayVolume: '120',
      trend: 'up',
      day: '2024-05-06T00:00:00Z',
      time: formatTime(monday + second),
    });
    assert.deepEqual([microsoft.last, microsoft.trend], [null, 'flat']);
  });

  test("of the market summary on the first day: the change against the day's open", async (t) => {
    const one = await rig(t);
    await one.tape.candles({
      interval: '1d',
      time: monday,
      ohlc: [20_000, 20_000, 19_000, 19_000],
    });
    await one.settled();
    const [{ reference, change, changePercent, trend }] = (await one.get('/api/market-summary'))
      .body.summaries;
    assert.deepEqual([reference, change, changePercent, trend], ['200', '-10', '-5', 'down']);
  });

  test('of candles: of trades in one minute unless asked otherwise', async (t) => {
    const one = await marketRig(t);
    const [trade] = (await one.get('/api/v1/candles/AAPL')).body.candles;
    assert.deepEqual([trade.interval, trade.price, trade.close], ['1m', 'trade', '171.1']);
    const [bid] = (await one.get('/api/v1/candles/AAPL?price=bid')).body.candles;
    assert.deepEqual([bid.price, bid.close], ['bid', '171.09']);
  });
});

test('the change is exact and its percentage rounds half up, away from zero', () => {
  assert.deepEqual(changeBetween('200', '200.01'), {
    change: '0.01',
    changePercent: '0.01',
    trend: 'up',
  });
  assert.equal(changeBetween('200', '199.99').changePercent, '-0.01');
  assert.equal(changeBetween('1000', '999.96').changePercent, '0');
  assert.deepEqual(changeBetween('0', '1'), { change: '1', changePercent: null, trend: 'up' });
  assert.deepEqual(changeBetween('-37.63', '10.01'), {
    change: '47.64',
    changePercent: null,
    trend: 'up',
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 0, max: 1e9 }), (from, to) => {
      const { change, changePercent, trend } = changeBetween(`${from}`, `${to}`);
      assert.equal(change, String(to - from));
      assert.ok(Math.abs(Number(changePercent) - (100 * (to - from)) / from) <= 0.005 + 1e-6 * to);
      assert.equal(trend, to > from ? 'up' : to < from ? 'down' : 'flat');
    }),
    seeded(),
  );
});

test('a restart shows the last prices at once, from the log or from the store', async (t) => {
  const one = await rig(t, {
    limits: { fillRecords: 2, fillCandles: 1 },
    before: async (tape, history) => {
      for (const symbol of ['AAPL', 'MSFT']) {
        await tape.trades({ symbol, time: monday, price: 41_000 });
        await tape.candles({
          symbol,
          interval: '1d',
          time: monday,
          ohlc: [40_000, 41_000, 40_000, 41_000],
        });
      }
      await history.persistAll();
      await tape.trades(
        { time: monday + second, price: 41_500 },
        { time: monday + 2, price: 41_400 },
      );
    },
  });
  await one.settled();
  assert.equal((await one.get('/ready')).status, 200);
  const lasts = await Promise.all(
    ['AAPL', 'MSFT'].map((symbol) => one.get(`/api/quotes/${symbol}`)),
  );
  assert.deepEqual(
    lasts.map(({ body }) => body.last),
    ['415', '410'],
  );
  const { summaries } = (await one.get('/api/market-summary')).body;
  assert.deepEqual(
    summaries.map(({ last }: { last: string }) => last),
    ['410', '410'],
  );
});

suite('health and readiness', () => {
  const statuses = async (one: Rig): Promise<number[]> =>
    (await Promise.all(['/health', '/ready'].map((path) => one.get(path)))).map(
      ({ status }) => status,
    );

  test('are both 200 while all is well', async (t) => {
    const one = await rig(t);
    assert.deepEqual(await statuses(one), [200, 200]);
    assert.equal((await one.get('/health')).body.status, 'ok');
  });

  test('differ while the store is away: alive, but not ready, with the reason', async (t) => {
    const store = { state: 'down' as const, detail: 'no connection' };
    const one = await rig(t, { isUnready: true, health: async () => ({ ...healthy, store }) });
    assert.deepEqual(await statuses(one), [200, 503]);
    const { body, headers } = await one.get('/ready');
    assert.match(body.detail, /store is down: no connection/);
    assert.equal(headers.get('retry-after'), '1');
    assert.equal((await one.get('/health')).body.status, 'down');
  });

  test('differ while memory is not filled, and so do data requests', async (t) => {
    const one = await rig(t, {
      isUnready: true,
      before: async (_tape, history) => {
        const cure = 'Start the database.';
        history.failure = new Failure('database-unavailable', 'No connection.', cure);
      },
    });
    assert.deepEqual(await statuses(one), [200, 503]);
    for (const path of ['/api/v1/symbols', '/api/v1/quotes/AAPL', '/api/v1/trades/AAPL']) {
      assert.equal((await one.get(path)).status, 503);
    }
    one.history.failure = null;
    await one.ready();
    assert.equal((await one.get('/api/v1/symbols')).status, 200);
  });

  test('do not call a silent feed unready', async (t) => {
    const feeds = { coinbase: { state: 'down' as const, detail: 'stale' } };
    const one = await rig(t, { health: async () => ({ ...healthy, feeds }) });
    assert.deepEqual(await statuses(one), [200, 200]);
    assert.equal((await one.get('/health')).body.status, 'down');
  });

  test('survive a part that throws when it is asked', async (t) => {
    const one = await rig(t, {
      isUnready: true,
      health: () => Promise.reject(new Error('broken')),
    });
    assert.deepEqual(await statuses(one), [200, 503]);
  });
});

test('a bare date is a day of the calendar for days, and of UTC for all that is shorter', () => {
  const dates = { from: '2014-05-01', to: '2014-05-02' };
  const shown = ({ from, to }: ReturnType<typeof parseSpan>) =>
    [from, to].map((time) => formatTime(time ?? 0));
  assert.deepEqual(shown(parseSpan(dates, calendarOf('FX').days)), [
    '2014-04-30T21:00:00Z',
    '2014-05-01T21:00:00Z',
  ]);
  assert.deepEqual(shown(parseSpan(dates)), ['2014-05-01T00:00:00Z', '2014-05-02T00:00:00Z']);
  const exact = { from: '2014-05-01T00:00Z' };
  assert.deepEqual(parseSpan(exact, calendarOf('FX').days), parseSpan(exact));
});

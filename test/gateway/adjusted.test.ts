// Corporate actions over REST: the same candles, read as they would have been.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import { actionsOf } from '../../src/corporate-actions/action-files.ts';
import { replayFeed } from '../../src/feeds/replay/replay.ts';
import { recordedActions } from '../corporate-actions/recorded-actions.ts';
import { atOnce, deriveFrom, ingestInto, never, start } from '../pipeline/rig.ts';
import { recordedData } from '../recorded-data.ts';
import { type Rig, rig } from './rig.ts';
import { second } from './tape.ts';

const minute = 60 * second;
/** 2014-06-06 and 2014-06-09, 15:00 UTC. */
const friday = Date.UTC(2014, 5, 6, 15) * 1000;
const monday = Date.UTC(2014, 5, 9, 15) * 1000;

/** AAPL over its split of 7:1, a minute at a time, in cents; each row of actions is a CSV line. */
async function apple(t: TestContext, ...actions: string[]): Promise<Rig> {
  const one = await rig(t);
  const told = ['AAPL,2014-06-09,split,7', 'AAPL,2014-08-07,dividend,9.4,94', ...actions];
  const file = { path: 'x.csv', text: told.join('\n') };
  one.history.corporateActions = actionsOf(file, { calendar: 'XNYS' }).actions;
  const closes = [64_400, 64_500, 64_557, 9_222, 9_300, 9_400];
  for (const [index, close] of closes.entries()) {
    const time = (index < 3 ? friday : monday) + (index % 3) * minute;
    const ohlc = [close, close, close, close] as const;
    await one.tape.candles({ interval: '1m', time, ohlc, volume: 70, state: 'final' });
    if (index === 3) await one.history.persistAll();
  }
  await one.settled();
  return one;
}

const path = '/api/v1/candles/AAPL';

suite('days over REST', () => {
  test('are the exchange’s, each once, over the recorded split', async (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    const one = await rig(t);
    one.history.corporateActions = recordedActions(folder, 'aapl');
    const dates = ['2014-06-05', '2014-06-06', '2014-06-09'];
    const files = dates.map((date) =>
      join(folder, `minute/aapl/${date.replaceAll('-', '')}_trade.zip`),
    );
    const clock = new ManualClock(start);
    await ingestInto(one.log).run(replayFeed({ speed: 'max', clock, files }), never, false);
    const derive = deriveFrom(one.log, clock);
    await derive.recover();
    while (await derive.step(atOnce, never));
    await one.settled();
    const query = 'interval=1d&adjustment=split&asof=2014-06-30';
    const { body } = await one.get(`${path}?${query}&indicators=sma:2;change:1`);
    assert.deepEqual(
      body.candles.map((day: { start: string }) => day.start),
      dates.map((date) => `${date}T04:00:00Z`),
    );
    const closes = body.candles.map(({ close }: { close: string }) => Number(close));
    const { candles: raw } = (await one.get(`${path}?interval=1d`)).body;
    const expected = raw.map(({ close }: { close: string }, day: number) =>
      day < 2 ? Number(close) / 7 : Number(close),
    );
    for (const [day, close] of closes.entries()) {
      assert(Math.abs(close - expected[day]) < 1e-8, `${dates[day]}: ${close}`);
    }
    const { indicators } = body.candles[2];
    assert(Math.abs(indicators['sma:2'].sma - (expected[1] + expected[2]) / 2) < 1e-7);
    assert(Math.abs(indicators['change:1'].change - (expected[2] - expected[1])) < 1e-7);
    const found: unknown[] = [];
    for (let cursor = ''; ; ) {
      const page = (await one.get(`${path}?${query}&limit=1${cursor}`)).body;
      found.unshift(...page.candles.map((day: { start: string }) => day.start));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    assert.deepEqual(
      found,
      body.candles.map((day: { start: string }) => day.start),
    );
  });
});

suite('candles over REST', () => {
  test('are raw unless asked otherwise, and say so', async (t) => {
    const one = await apple(t);
    const { body } = await one.get(path);
    assert.deepEqual(
      body.candles.map(({ close }: { close: string }) => close),
      ['644', '645', '645.57', '92.22', '93', '94'],
    );
    assert.equal(body.adjustment, 'raw');
    assert.deepEqual(body.actions, []);
    assert.equal('adjustment' in body.candles[0], false);
    assert.deepEqual((await one.get(`${path}?adjustment=raw`)).body, body);
  });

  test('have no cliff at a split when adjusted for it, and carry what was done', async (t) => {
    const one = await apple(t);
    const { body } = await one.get(`${path}?adjustment=split&asof=2014-06-30`);
    assert.deepEqual(
      body.candles.map(({ close, volume, vwap, adjustment }: Record<string, string>) =>
        [close, volume, vwap, adjustment].join(' '),
      ),
      [
        '92 490 92 split',
        '92.14285714 490 92.14285714 split',
        '92.22428571 490 92.22428571 split',
        '92.22 70 92.22 split',
        '93 70 93 split',
        '94 70 94 split',
      ],
    );
    assert.equal(body.candles[2].notional, '45189.9', 'a split moves no money');
    const { adjustment, asof, actions } = body;
    assert.deepEqual(
      { adjustment, asof, actions },
      {
        adjustment: 'split',
        asof: '2014-06-30',
        actions: [{ symbol: 'AAPL', date: '2014-06-09', kind: 'split', ratio: '7:1' }],
      },
    );
  });

  test('are adjusted for what was known as of a date, today unless given', async (t) => {
    const one = await apple(t);
    const first = async (query: string) => {
      const { body } = await one.get(`${path}?limit=6&${query}`);
      return [body.candles[0].close, body.candles[5].close, body.actions.length];
    };
    assert.deepEqual(await first('adjustment=all'), ['82.8', '84.6', 2]);
    assert.deepEqual(await first('adjustment=dividend'), ['579.6', '84.6', 1]);
    assert.deepEqual(await first('adjustment=all&asof=2014-08-06'), ['92', '94', 1]);
    assert.deepEqual(await first('adjustment=all&asof=2014-06-08'), ['644', '94', 0]);
    const { body } = await one.get(`${path}?limit=3&adjustment=split`);
    assert.deepEqual(body.actions, [], 'those that changed nothing are not named');
  });

  test('come page by page as they come at once', async (t) => {
    const one = await apple(t);
    const { body: whole } = await one.get(`${path}?adjustment=all`);
    const found: unknown[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await one.get(`${path}?adjustment=all&limit=2${cursor}`);
      found.unshift(...body.candles);
      if (body.next === null) break;
      cursor = `&cursor=${body.next}`;
    }
    assert.deepEqual(found, whole.candles);
  });

  test('have indicators of the adjusted prices', async (t) => {
    const one = await apple(t);
    const { body } = await one.get(`${path}?adjustment=split&limit=1&indicators=sma:6;change:3`);
    const [{ indicators }] = body.candles;
    const closes = [92, 645 / 7, 645.57 / 7, 92.22, 93, 94];
    const mean = closes.reduce((sum, close) => sum + close, 0) / 6;
    assert(Math.abs(indicators['sma:6'].sma - mean) < 1e-7, indicators['sma:6'].sma);
    assert(Math.abs(indicators['change:3'].change - (94 - 645.57 / 7)) < 1e-7);
  });

  test('go on under the former name of a symbol', async (t) => {
    const one = await apple(t, 'MSFT,2014-06-09,rename,AAPL');
    await one.tape.candles({
      symbol: 'MSFT',
      interval: '1m',
      time: friday,
      ohlc: [1_000, 1_000, 1_000, 1_000],
    });
    await one.settled();
    const names = async (query: string) =>
      (await one.get(query)).body.candles.map(
        ({ symbol, close }: Record<string, string>) => `${symbol} ${close}`,
      );
    assert.deepEqual(await names(`${path}?limit=4`), [
      'MSFT 10',
      'AAPL 92.22',
      'AAPL 93',
      'AAPL 94',
    ]);
    assert.deepEqual(await names('/api/v1/candles/msft?asof=2014-06-06&limit=2'), [
      'AAPL 93',
      'AAPL 94',
    ]);
    const { status, body } = await one.get('/api/v1/candles/MSFT');
    assert.equal(status, 404);
    assert.match(body.detail, /MSFT, which is AAPL since 2014-06-09/);
    assert.match(body.cure, /as of 2014-06-09/);
    assert.equal((await names('/api/v1/candles/MSFT?asof=2014-06-09')).length, 4);
  });

  test('are of a symbol that has not traded yet under its new name', async (t) => {
    const one = await apple(t, 'AAPL,2014-06-10,rename,PEAR');
    assert.equal((await one.get('/api/v1/candles/PEAR')).body.candles.length, 6);
    assert.equal((await one.get('/api/v1/candles/PLUM')).status, 404);
  });

  test('that cannot be adjusted are refused with the reason', async (t) => {
    const one = await apple(t, 'AAPL,2014-05-08,dividend,3.29', 'AAPL,2014-11-06,dividend,0.47');
    const { status, body } = await one.get(`${path}?adjustment=all`);
    assert.equal(status, 400);
    assert.match(body.detail, /dividend of AAPL on 2014-11-06/);
    assert.match(body.cure, /adjustment=split/);
    assert.equal((await one.get(`${path}?adjustment=all&asof=2014-09-01`)).status, 200);
    for (const wrong of ['asof=2014-02-30', 'asof=today', 'adjustment=both']) {
      assert.equal((await one.get(`${path}?${wrong}`)).status, 400, wrong);
    }
  });
});

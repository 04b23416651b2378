// Adjusted candles, against recorded answers and by hand.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import { calendarOf } from '../../src/calendars/calendar.ts';
import type { Adjustment, CorporateAction } from '../../src/contracts/corporate-action.ts';
import { formatTime, parseTime } from '../../src/contracts/time.ts';
import type { Candle } from '../../src/contracts/wire-objects.ts';
import { actionsOf } from '../../src/corporate-actions/action-files.ts';
import { seriesOf } from '../../src/corporate-actions/series.ts';
import { type CandleSpan, SeriesReader } from '../../src/corporate-actions/series-candles.ts';
import { recordedData } from '../recorded-data.ts';
import { candleOn, recordedActions, recordedDays } from './recorded-actions.ts';

const always = { limit: 100_000, from: micros(-Infinity), to: micros(Infinity) };

function csvActions(...lines: string[]): readonly CorporateAction[] {
  return actionsOf({ path: 'x.csv', text: lines.join('\n') }, { calendar: 'XNYS' }).actions;
}

interface Asked extends Partial<CandleSpan> {
  readonly symbol?: string;
  readonly adjustment?: Adjustment;
  readonly asof?: string;
  readonly calendar?: string;
}

async function adjusted(
  stored: readonly Candle[],
  known: readonly CorporateAction[],
  {
    symbol = 'AAA',
    adjustment = 'all',
    asof = '2050-12-31',
    calendar = '24/7',
    ...span
  }: Asked = {},
) {
  const read = async (name: string, { interval, from, to, limit, price }: CandleSpan) =>
    stored
      .filter((one) => one.symbol === name && one.interval === interval && one.price === price)
      .filter(({ start }) => (parseTime(start) ?? 0) >= from && (parseTime(start) ?? 0) < to)
      .sort((a, b) => (a.start < b.start ? -1 : 1))
      .slice(-limit);
  const series = seriesOf(known, { symbol, adjustment, asof });
  const reader = new SeriesReader(series, calendarOf(calendar).days, read);
  return await reader.candles({ interval: '1d', price: 'trade', ...always, ...span });
}

suite('recorded history', () => {
  test('has no cliff at a split once it is adjusted', async (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    let splits = 0;
    for (const symbol of ['aapl', 'bac']) {
      const days = await recordedDays(folder, symbol);
      const known = recordedActions(folder, symbol);
      const asked = { symbol: symbol.toUpperCase(), adjustment: 'split', interval: '1m' } as const;
      const found = await adjusted(days, known, asked);
      for (const action of known.filter(({ kind }) => kind === 'split')) {
        const at = found.findIndex(({ start }) => start.startsWith(action.date));
        const [before, after] = [found[at - 1], found[at]];
        const jump = Number(after.open) / Number(before.close);
        assert(Math.abs(jump - 1) < 0.05, `${symbol} ${action.date}: ${jump}`);
        const traded = Number(after.volume) / Number(before.volume);
        assert(traded > 0.3 && traded < 3, `${symbol} ${action.date}: volume x ${traded}`);
        const raw = Number(days[at].open) / Number(days[at - 1].close);
        assert(raw < 0.6, 'while the raw one has');
        splits++;
      }
    }
    assert.equal(splits, 5);
  });

  test('is what the recorded factors make of every day', async (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    for (const symbol of ['aapl', 'bac', 'spy']) {
      const days = await recordedDays(folder, symbol);
      const asked = { symbol: symbol.toUpperCase(), interval: '1m' } as const;
      const found = await adjusted(days, recordedActions(folder, symbol), asked);
      const path = join(folder, 'factor_files', `${symbol}.csv`);
      const rows = readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => line.split(','));
      assert.equal(found.length, days.length);
      for (const [index, day] of days.entries()) {
        const date = day.start.slice(0, 10).replaceAll('-', '');
        // The row holds up to and with its date.
        const [, price, split] = rows.find(([until = '']) => until >= date) as string[];
        const one = found[index];
        const close = Number(day.close) * Number(price) * Number(split);
        assert(Math.abs(Number(one.close) / close - 1) < 5e-6, `${symbol} ${date}`);
        const volume = Number(day.volume) / Number(split);
        assert(Math.abs(Number(one.volume) / volume - 1) < 5e-6, `${symbol} ${date}`);
      }
    }
  });

  test('has the days of its exchange, none of them broken by its own actions', async (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    const noons = await recordedDays(folder, 'aapl');
    const quarters = noons.map((one) => ({ ...one, interval: '15m' }) as const);
    const days = noons.map((one) => ({ ...one, interval: '1d', start: midnightOf(one) }) as const);
    const asked = { symbol: 'AAPL', calendar: 'XNYS' } as const;
    const known = recordedActions(folder, 'aapl');
    const found = await adjusted([...days, ...quarters], known, asked);
    const ofNoons = await adjusted(noons, known, { ...asked, interval: '1m' });
    assert.deepEqual(
      found,
      ofNoons.map((one, index) => ({ ...one, interval: '1d', start: days[index]?.start })),
    );
    const paged: Candle[] = [];
    for (let to = always.to; ; ) {
      const page = await adjusted([...days, ...quarters], known, { ...asked, limit: 997, to });
      if (!page[0]) break;
      paged.unshift(...page);
      to = micros(parseTime(page[0].start) ?? 0);
    }
    assert.deepEqual(paged, found);
    const renamed = csvActions('AAPL,2014-06-09,rename,PEAR', 'PEAR,2014-06-09,split,7');
    const pears = [...days, ...quarters].map((one) =>
      one.start < '2014-06-09' ? one : { ...one, symbol: 'PEAR' },
    );
    const pear = await adjusted(pears, renamed, { ...asked, symbol: 'PEAR', adjustment: 'raw' });
    assert.deepEqual(
      pear.map(({ start }) => start),
      days.map(({ start }) => start),
    );
  });

  test('is adjusted for dividends as Yahoo adjusts it', async (t) => {
    const folder = recordedData('providers/yahoo', t);
    if (!folder) return;
    let dividends = 0;
    for (const name of [
      'historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json',
      'chart-AAPL-2020-08-31-to-2020-11-07.json',
    ]) {
      const { closes, theirs, events } = yahooChart(join(folder, name));
      const paid = Object.values(events).map(
        ({ amount, date }) => `AAA,${utc(date).slice(0, 10)},dividend,${amount}`,
      );
      // Yahoo's days begin at the open, so these are the last minutes with trades.
      const days = closes.map(({ time, close }) =>
        candleOn(utc(time), { close: close.toFixed(2), interval: '1m' }),
      );
      const found = await adjusted(days, csvActions(...paid), { interval: '1m' });
      // Dividends after the recording lower all of theirs alike; they have seven good digits.
      const later = (theirs.at(-1) ?? 0) / Number(found.at(-1)?.close);
      for (const [index, { close, start }] of found.entries()) {
        const ratio = (Number(close) * later) / (theirs[index] ?? 0);
        assert(Math.abs(ratio - 1) < 1e-6, `${name} ${start}: ${ratio}`);
      }
      dividends += paid.length;
    }
    assert.equal(dividends, 5);
  });
});

/** In New York, four or five hours behind UTC. */
function midnightOf({ start }: Candle): string {
  const date = Temporal.PlainDate.from(start.slice(0, 10));
  return date.toZonedDateTime('America/New_York').toInstant().toString();
}

function utc(seconds: number): string {
  return formatTime(seconds * 1e6);
}

interface YahooChart {
  readonly closes: readonly { readonly time: number; readonly close: number }[];
  readonly theirs: readonly number[];
  readonly events: Readonly<Record<string, { readonly amount: number; readonly date: number }>>;
}

/** A recorded answer; its closes are adjusted for splits, its `adjclose` for dividends too. */
function yahooChart(path: string): YahooChart {
  const { chart } = JSON.parse(readFileSync(path, 'utf8')).response.bodyJson;
  const [{ timestamp, indicators, events }] = chart.result;
  const closes = indicators.quote[0].close.map((close: number, index: number) => ({
    time: timestamp[index],
    close,
  }));
  return { closes, theirs: indicators.adjclose[0].adjclose, events: events.dividends };
}

suite('adjusted figures', () => {
  const raw = candleOn('2020-01-03T15:00:00Z', {
    interval: '1m',
    open: '645.57',
    high: '651.26',
    low: '644.48',
    close: '645.5700001',
    volume: '1000.5',
    notional: '648000.123456789',
    vwap: '647.67628531',
    priced: 3,
  });

  test('are rounded once, half up to 8 digits or as many as the raw ones have', async () => {
    const [one] = await adjusted([raw], csvActions('AAA,2020-01-06,split,7'), { interval: '1m' });
    // By hand: 645.57 / 7 = 92.224285714…; 1000.5 x 7; the notional stays; 92.525183616…
    assert.deepEqual(one, {
      ...raw,
      open: '92.22428571',
      high: '93.03714286',
      low: '92.06857143',
      close: '92.22428573',
      volume: '7003.5',
      vwap: '92.52518362',
      adjustment: 'all',
    });
    const reverse = csvActions('AAA,2020-01-06,split,1:3');
    const [other] = await adjusted([raw], reverse, { interval: '1m' });
    assert.equal(other.volume, '333.5');
    assert.equal(other.open, '1936.71');
    const dust = { close: '0.000000000012', notional: '0.0000000012' };
    const tiny = candleOn('2020-01-03T15:00:00Z', { ...dust, interval: '1m' });
    const [small] = await adjusted([tiny], reverse, { interval: '1m' });
    assert.equal(small.close, '0.000000000036');
  });

  test('of a dividend leave volume alone, and agree with each other', async () => {
    const paid = csvActions('AAA,2020-01-06,dividend,4,40');
    const [one] = await adjusted([raw], paid, { interval: '1m' });
    assert.deepEqual([one.open, one.volume], ['581.013', '1000.5']);
    assert.equal(one.notional, '583200.11111111');
    assert.equal(one.vwap, '582.90865678');
    const [split] = await adjusted([raw], paid, { interval: '1m', adjustment: 'split' });
    assert.equal(split.open, '645.57');
    assert.equal(split.adjustment, 'split');
  });

  test('multiply over actions, in any order of telling, up to asof', async () => {
    const lines = [
      'AAA,2020-01-06,split,2',
      'AAA,2020-01-06,dividend,4,40',
      'AAA,2021-01-04,split,5',
    ];
    for (const told of [lines, lines.toReversed()]) {
      const close = async (asof: string) =>
        (await adjusted([raw], csvActions(...told), { interval: '1m', asof }))[0]?.open;
      assert.equal(await close('2020-01-05'), '645.57');
      assert.equal(await close('2020-01-06'), '290.5065');
      assert.equal(await close('2021-01-04'), '58.1013');
    }
  });

  test('of quotes have no VWAP', async () => {
    const bid = candleOn('2020-01-03T15:00:00Z', { close: '7', price: 'bid', interval: '1m' });
    const none = { ...bid, volume: '0', notional: '0', vwap: null };
    const asked = { interval: '1m', price: 'bid' } as const;
    const [one] = await adjusted([none], csvActions('AAA,2020-01-06,split,7'), asked);
    assert.deepEqual([one.close, one.volume, one.vwap], ['1', '0', null]);
  });
});

suite('a dividend without a reference price', () => {
  const paid = csvActions('AAA,2020-01-06,dividend,1');
  const minute = { interval: '1m' } as const;

  test('takes the last price of the session before it', async () => {
    // Friday the 3rd: the session is from 14:30 to 21:00 UTC.
    const stored = [
      candleOn('2020-01-03T14:29:00Z', { close: '30', ...minute }),
      candleOn('2020-01-03T20:58:00Z', { close: '50', ...minute }),
      candleOn('2020-01-03T21:00:00Z', { close: '90', ...minute }),
    ];
    const found = await adjusted(stored, paid, minute);
    assert.deepEqual(
      found.map(({ close }) => close),
      ['29.4', '49', '88.2'],
    );
  });

  test('and without a candle of that session is an error, where it would apply', async () => {
    const before = candleOn('2020-01-02T15:00:00Z', { close: '50', ...minute });
    const after = candleOn('2020-01-06T15:00:00Z', { close: '49', ...minute });
    await assert.rejects(adjusted([before, after], paid, minute), {
      code: 'bad-request',
      message: /dividend of AAA on 2020-01-06, 1, .* no close before it/,
      cure: /reference/,
    });
    assert.equal((await adjusted([after], paid, minute))[0]?.close, '49');
    const split = { ...minute, adjustment: 'split' } as const;
    assert.equal((await adjusted([before], paid, split))[0]?.close, '50');
  });
});

suite('a candle that an action lies within', () => {
  // In winter a day of UTC begins with the last hour of New York's after-market.
  const quarter = (start: string, close: string, facts: Partial<Candle> = {}) =>
    candleOn(start, { close, interval: '15m', ...facts });
  const day = candleOn('2020-01-06T00:00:00Z', {
    open: '700',
    high: '707',
    low: '98',
    close: '99',
    volume: '300',
    trades: 3,
    priced: 3,
    revision: 2,
    state: 'revised',
  });
  const quarters = [
    quarter('2020-01-06T00:15:00Z', '700', { high: '707' }),
    quarter('2020-01-06T14:30:00Z', '100', { low: '98' }),
    quarter('2020-01-06T21:45:00Z', '99'),
  ];
  const split = csvActions('AAA,2020-01-06,split,7');

  test('is put together from its quarter hours, each adjusted for itself', async () => {
    const stored = [day, ...quarters, candleOn('2020-01-05T00:00:00Z', { close: '693' })];
    const [before, found] = await adjusted(stored, split);
    assert.equal(before.close, '99');
    assert.deepEqual(found, {
      ...day,
      open: '100',
      high: '101',
      close: '99',
      volume: '900',
      notional: '89900',
      vwap: '99.88888889',
      adjustment: 'all',
    });
    assert.deepEqual(await adjusted(stored, split, { limit: 1 }), [found]);
    const whole = await adjusted(stored, split, { asof: '2020-01-05' });
    assert.equal(whole[1]?.high, '707', 'before it is known, nothing is done');
  });

  test('is of both names when it is a rename', async () => {
    const mine = [day, ...quarters.slice(1)].map((one) => ({ ...one, symbol: 'BBB' }));
    const old = candleOn('2020-01-06T00:00:00Z', { close: '700' });
    const rename = csvActions('AAA,2020-01-06,rename,BBB');
    const stored = [...mine, old, quarters[0] as Candle];
    const found = await adjusted(stored, rename, { symbol: 'BBB', adjustment: 'raw' });
    assert.deepEqual(found, [{ ...day, symbol: 'BBB', notional: '89900', vwap: '299.66666667' }]);
    assert.equal((await adjusted(stored, rename, { symbol: 'BBB', limit: 1 })).length, 1);
  });

  test('is none of a day whose calendar the action is of', async () => {
    // Where the trading day of Monday the 6th begins, in winter.
    const starts = {
      XNYS: '2020-01-06T05:00:00Z',
      XTKS: '2020-01-05T15:00:00Z',
      CMES: '2020-01-05T23:00:00Z',
      FX: '2020-01-05T22:00:00Z',
    };
    for (const [calendar, start] of Object.entries(starts)) {
      const own = { path: 'x.csv', text: 'AAA,2020-01-06,split,7' };
      const { actions } = actionsOf(own, { calendar });
      const monday = { ...day, start };
      const found = await adjusted([monday, ...quarters], actions, { calendar });
      assert.deepEqual(found, [{ ...monday, adjustment: 'all' }], calendar);
    }
  });

  test('takes its prices from trades that may set them, if there are any', async () => {
    const late = quarter('2020-01-06T22:00:00Z', '500', { priced: 0 });
    const [found] = await adjusted([day, ...quarters, late], split);
    assert.deepEqual([found.high, found.close, found.volume], ['101', '99', '1000']);
  });
});

suite('pages of a renamed symbol', () => {
  test('go on under the former name, for any page size', async () => {
    const rename = csvActions('AAA,2020-07-01,rename,BBB');
    const hours = Array.from({ length: 24 }, (_, hour) => {
      // From noon on June 30 in UTC; midnight in New York is at 04:00.
      const start = new Date(Date.UTC(2020, 5, 30, 12 + hour)).toISOString().replace('.000', '');
      const symbol = start < '2020-07-01T04' ? 'AAA' : 'BBB';
      return candleOn(start, { close: String(hour), symbol, interval: '1h' });
    });
    const others = hours.map((one) => ({ ...one, symbol: one.symbol === 'AAA' ? 'BBB' : 'AAA' }));
    for (const limit of [1, 5, 8, 9, 100]) {
      const found: Candle[] = [];
      for (let to = always.to; ; ) {
        const asked = { symbol: 'BBB', interval: '1h', adjustment: 'raw', limit, to } as const;
        const page = await adjusted([...hours, ...others], rename, asked);
        if (!page[0]) break;
        found.unshift(...page);
        to = micros(parseTime(page[0].start) ?? 0);
      }
      assert.deepEqual(found, hours);
    }
  });
});

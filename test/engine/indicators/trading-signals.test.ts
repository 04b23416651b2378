// Recorded candles against an independent library, trading-signals, where its definition is ours.
// It differs in these, each bridged below without touching what is compared:
// - EMA and MACD: it seeds an EMA with the first close alone, we with the mean of the first n. So
//   it is given our seed as its first close; and its MACD, which has its own seeds, is compared
//   once these have died out.
// - VWAP: it takes (high + low + close) / 3 for the price of a candle, we what was traded. On
//   candles with one price the two are the same.
// - RSI: it says 100 while every close was the same, we nothing.
// - Deviations: its own is the population's, which is scaled to the sample's for volatility.
// - Change: it gives the ratio, we the percentage.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import * as oracle from 'trading-signals';
import type { CandleNumbers, Values } from '../../../src/engine/indicators/indicator.ts';
import { recordedData } from '../../recorded-data.ts';
import { assertNear, flat, make, run } from './candles.ts';
import { recordedCandles } from './recorded-candles.ts';

const files = [
  { file: 'daily/aapl.zip', candles: 5849 },
  { file: 'daily/bac.zip', candles: 5849 },
  { file: 'daily/spy.zip', candles: 5849 },
  { file: 'minute/aapl/20140605_trade.zip', candles: 686 },
];

/** Of the largest price: what its roundings and ours may make. */
const relative = 2 ** -46;

for (const { file, candles: count } of files) {
  suite(`us-equity/${file}`, () => {
    const compare = (
      text: string,
      expectedOf: (candles: readonly CandleNumbers[]) => (Values | null)[],
      tolerance?: number,
    ): void => {
      test(text, async (t) => {
        const candles = await load(file, t);
        if (!candles) return;
        assert.equal(candles.length, count);
        const values = run(make(text), candles);
        const expected = expectedOf(candles);
        const level = Math.max(...candles.map(({ high }) => high));
        assert.equal(expected.length, count);
        assert.ok(values.filter((value) => value !== null).length > count - 300);
        for (const [index, value] of expected.entries()) {
          const where = `${text} at ${index}`;
          assertNear(values[index] ?? null, value, tolerance ?? level * relative, where);
        }
      });
    };

    compare('sma:20', (candles) => named('sma', candles, new oracle.SMA(20), closeOf));
    compare('sma:200', (candles) => named('sma', candles, new oracle.SMA(200), closeOf));
    compare('ema:12', (candles) => seededEma(candles.map(closeOf), 12).map(as('ema')));
    compare('ema:200', (candles) => seededEma(candles.map(closeOf), 200).map(as('ema')));
    compare('rsi:14', (candles) => named('rsi', candles, new oracle.RSI(14), closeOf), 1e-9);
    compare('atr:14', (candles) => named('atr', candles, new oracle.ATR(14), (candle) => candle));
    compare('bollinger:20,2', (candles) => {
      const bands = new oracle.BollingerBands(20, 2);
      return candles.map(({ close }) => inOrder(bands.add(close)));
    });
    compare('macd:12,26,9', (candles) => seededMacd(candles.map(closeOf)));
    compare(
      'change:5',
      (candles) => {
        const ratio = new oracle.ROC(5);
        return candles.map(({ close }, index) => {
          const value = ratio.add(close);
          if (value === null) return null;
          return {
            change: close - (candles[index - 5] as CandleNumbers).close,
            percent: 100 * value,
          };
        });
      },
      1e-9,
    );
    compare(
      'volatility:20,252',
      (candles) => candles.map((_, index) => deviation(candles, index)),
      1e-13,
    );
  });
}

test('a MACD is that of trading-signals once the seeds have died out', async (t) => {
  const candles = await load('daily/aapl.zip', t);
  if (!candles) return;
  const ema = (length: number): oracle.EMA => new oracle.EMA(length);
  const other = new oracle.MACD(ema(12), ema(26), ema(9));
  const expected = candles.map(({ close }) => other.add(close));
  const values = run(make('macd:12,26,9'), candles);
  for (let index = 600; index < candles.length; index++) {
    const { macd, signal, histogram } = expected[index] as oracle.MACDResult;
    assertNear(values[index] ?? null, { macd, signal, histogram }, 1e-6, `${index}`);
  }
});

test('a VWAP is that of trading-signals on candles with one price', async (t) => {
  const candles = await load('minute/aapl/20140605_trade.zip', t);
  if (!candles) return;
  const onePrice = candles.map(({ close, volume }) => flat(close, volume));
  const expected = named('vwap', onePrice, new oracle.VWAP(), (candle) => candle);
  for (const [index, value] of run(make('vwap'), onePrice).entries()) {
    assertNear(value, expected[index] ?? null, 1e-7, `${index}`);
  }
});

test('every version of an open candle, as trading-signals replaces its last', async (t) => {
  const candles = await load('daily/spy.zip', t);
  if (!candles) return;
  const bands = new oracle.BollingerBands(20, 2);
  const rsi = new oracle.RSI(14);
  const [ourBands, ourRsi] = [make('bollinger:20,2'), make('rsi:14')];
  for (const [index, { high, low, close }] of candles.slice(0, 1000).entries()) {
    for (const [version, price] of [high, low, close].entries()) {
      const add = <Value>(to: { add(x: number): Value; replace(x: number): Value }): Value =>
        version === 0 ? to.add(price) : to.replace(price);
      const expected = [inOrder(add(bands)), as('rsi')(add(rsi))] as const;
      const where = `version ${version} of ${index}`;
      assertNear(ourBands.peek(flat(price)), expected[0], 1e-5, where);
      assertNear(ourRsi.peek(flat(price)), expected[1], 1e-9, where);
    }
    ourBands.add(flat(close));
    ourRsi.add(flat(close));
  }
});

async function load(file: string, t: TestContext): Promise<CandleNumbers[] | null> {
  const path = recordedData(`us-equity/${file}`, t);
  return path === null ? null : await recordedCandles(path);
}

function closeOf(candle: CandleNumbers): number {
  return candle.close;
}

function as(name: string): (value: number | null) => Values | null {
  return (value) => (value === null ? null : { [name]: value });
}

function named<Input>(
  name: string,
  candles: readonly CandleNumbers[],
  indicator: { add(input: Input): number | null },
  inputOf: (candle: CandleNumbers) => Input,
): (Values | null)[] {
  return candles.map((candle) => as(name)(indicator.add(inputOf(candle))));
}

function inOrder(bands: oracle.BandsResult | null): Values | null {
  return bands === null ? null : { middle: bands.middle, upper: bands.upper, lower: bands.lower };
}

/** Its EMA, which takes the mean of the first `length` values for the first one. */
function seededEma(values: readonly number[], length: number): (number | null)[] {
  const ema = new oracle.EMA(length);
  const seed = oracle.getAverage(values.slice(0, length));
  return values.map((value, index) => {
    if (index < length - 1) return null;
    return ema.add(index === length - 1 ? seed : value);
  });
}

function seededMacd(closes: readonly number[]): (Values | null)[] {
  const [fast, slow] = [seededEma(closes, 12), seededEma(closes, 26)];
  const lines = closes.slice(25).map((_, i) => (fast[i + 25] as number) - (slow[i + 25] as number));
  const signals = seededEma(lines, 9);
  return closes.map((_, index) => {
    const [macd, signal] = [lines[index - 25], signals[index - 25] ?? null];
    if (macd === undefined || signal === null) return null;
    return { macd, signal, histogram: macd - signal };
  });
}

function deviation(candles: readonly CandleNumbers[], index: number): Values | null {
  if (index < 20) return null;
  const returns = oracle.getLogReturns(candles.slice(index - 20, index + 1).map(closeOf));
  const volatility = oracle.getStandardDeviation(returns) * Math.sqrt(20 / 19);
  return { volatility, annualised: volatility * Math.sqrt(252) };
}

// The oracle: every indicator from scratch out of the whole series, by its textbook formula and not
// by recursion: closed sums of powers, BigInt where the definition is rational. Slow and plain.

import type { CandleNumbers, Values } from '../../../src/engine/indicators/indicator.ts';
import type { IndicatorName } from '../../../src/engine/indicators/indicators.ts';

type Series = readonly CandleNumbers[];
type Last = (candles: Series, ...parameters: number[]) => Values | null;

/** The values after the last of these candles. */
export const naive: Readonly<Record<IndicatorName, Last>> = {
  sma(candles, length) {
    if (candles.length < length) return null;
    return { sma: Number(sum(closesOf(candles).slice(-length))) / length };
  },

  ema(candles, length) {
    const ema = averageOf(closesOf(candles), length, 2 / (length + 1));
    return ema === null ? null : { ema };
  },

  rsi(candles, length) {
    const changes = pairsOf(closesOf(candles)).map(([before, close]) => close - before);
    const rises = changes.map((change) => (change > 0 ? change : 0));
    const falls = changes.map((change) => (change < 0 ? -change : 0));
    const gain = averageOf(rises, length, 1 / length);
    const loss = averageOf(falls, length, 1 / length);
    if (gain === null || loss === null || gain + loss === 0) return null;
    return { rsi: loss === 0 ? 100 : 100 - 100 / (1 + gain / loss) };
  },

  macd(candles, fast, slow, signal) {
    const closes = closesOf(candles);
    const lines = closes.slice(slow - 1).map((_, index) => {
      const until = closes.slice(0, slow + index);
      const [fastEma, slowEma] = [fast, slow].map((n) => averageOf(until, n, 2 / (n + 1)));
      return (fastEma as number) - (slowEma as number);
    });
    const average = averageOf(lines, signal, 2 / (signal + 1));
    if (average === null) return null;
    const macd = lines.at(-1) as number;
    return { macd, signal: average, histogram: macd - average };
  },

  bollinger(candles, length, width) {
    if (candles.length < length) return null;
    const closes = closesOf(candles).slice(-length);
    const total = sum(closes);
    const squares = closes.reduce((all, close) => all + BigInt(close) ** 2n, 0n);
    const variance = Number(BigInt(length) * squares - total * total) / length / length;
    const middle = Number(total) / length;
    const distance = width * Math.sqrt(variance);
    return { middle, upper: middle + distance, lower: middle - distance };
  },

  atr(candles, length) {
    const ranges = candles.map(({ high, low }, index) => {
      const close = index === 0 ? low : (candles[index - 1] as CandleNumbers).close;
      return Math.max(high, close) - Math.min(low, close);
    });
    const atr = averageOf(ranges, length, 1 / length);
    return atr === null ? null : { atr };
  },

  vwap(candles) {
    const volume = sum(candles.map((candle) => candle.volume));
    const notional = sum(candles.map((candle) => candle.notional));
    return volume === 0n ? null : { vwap: Number(notional) / Number(volume) };
  },

  volatility(candles, length, periodsPerYear) {
    if (candles.length <= length) return null;
    const closes = closesOf(candles).slice(-length - 1);
    const returns = pairsOf(closes).map(([before, close]) => Math.log(close / before));
    const mean = returns.reduce((all, value) => all + value, 0) / length;
    const squares = returns.reduce((all, value) => all + (value - mean) ** 2, 0);
    const volatility = Math.sqrt(squares / (length - 1));
    return { volatility, annualised: Math.sqrt(periodsPerYear) * volatility };
  },

  change(candles, span) {
    if (candles.length <= span) return null;
    const closes = closesOf(candles).slice(-span - 1);
    const [before, close] = [closes[0] as number, closes.at(-1) as number];
    return { change: close - before, percent: (close / before - 1) * 100 };
  },
};

function closesOf(candles: Series): number[] {
  return candles.map((candle) => candle.close);
}

function pairsOf(values: readonly number[]): [number, number][] {
  return values.slice(1).map((value, index) => [values[index] as number, value]);
}

function sum(values: readonly number[]): bigint {
  return values.reduce((all, value) => all + BigInt(value), 0n);
}

/**
 * The mean of the first values, and every later one weighed by its age. Weighs distances from the
 * first value, so that its own error is not that of sums of large numbers.
 */
function averageOf(values: readonly number[], length: number, weight: number): number | null {
  if (values.length < length) return null;
  const origin = values[0] as number;
  const distances = values.map((value) => value - origin);
  const seed = distances.slice(0, length).reduce((all, value) => all + value, 0) / length;
  const later = distances.slice(length).toReversed();
  const distance = later.reduce(
    (all, value, age) => all + weight * (1 - weight) ** age * value,
    (1 - weight) ** later.length * seed,
  );
  return origin + distance;
}

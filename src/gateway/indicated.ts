// Candles with indicators: computed when they are asked for, over the candles of the answer and as
// many before them as their definitions need. Those that remember for ever, such as an EMA, are
// begun ten times their length earlier, where less than 1 / 10,000 of a seed is left.

import { microsPerSecond } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Days } from '../calendars/days.ts';
import { parseDecimal, rescale } from '../contracts/decimal.ts';
import { type Interval, intervalLength } from '../contracts/interval.ts';
import { parseTime } from '../contracts/time.ts';
import type { Candle } from '../contracts/wire-objects.ts';
import type { CandleNumbers, Indicator } from '../engine/indicators/indicator.ts';
import {
  createIndicator,
  type IndicatorSpec,
  indicatorKinds,
  type Unit,
} from '../engine/indicators/indicators.ts';

/** Values by column; null while there is too little history. */
export type IndicatorValues = Readonly<Record<string, number>> | null;

export interface IndicatedCandle extends Candle {
  /** By the indicator's text, such as `sma:20`. */
  readonly indicators: Readonly<Record<string, IndicatorValues>>;
}

export const indicatorsMax = 10;
const seedLengths = 10;
const candlesBeforeMax = 10_000;
/** A day on which clocks are set back. */
const longestDay = 25 * 3_600 * microsPerSecond;
/** Digits of a value: the last ones of a double are the rounding's. */
const digits = 12;

/** How many candles before the first one answered are needed. */
export function candlesBefore(specs: readonly IndicatorSpec[], interval: Interval): number {
  const needed = specs.map(({ name, parameters }) => {
    const kind = indicatorKinds[name];
    if (kind.perSession) return Math.ceil(longestDay / intervalLength(interval));
    return seedLengths * kind.firstValue(...parameters);
  });
  return Math.min(candlesBeforeMax, Math.max(0, ...needed));
}

/** `before` are the candles just before `candles`; both ascending. `days` are the instrument's. */
export function indicated(
  specs: readonly IndicatorSpec[],
  before: readonly Candle[],
  candles: readonly Candle[],
  days: Days,
): IndicatedCandle[] {
  const all = [...before, ...candles];
  const priceScale = Math.max(0, ...all.map(({ close }) => scaleOf(close)), ...all.map(finest));
  const sizeScale = Math.max(0, ...all.map(({ volume }) => scaleOf(volume)));
  const columns = specs.map((spec) => valuesOf(spec, all, days, priceScale, sizeScale));
  return candles.map((candle, row) => ({
    ...candle,
    indicators: Object.fromEntries(
      specs.map(({ text }, index) => [text, columns[index][before.length + row]]),
    ),
  }));
}

function valuesOf(
  spec: IndicatorSpec,
  candles: readonly Candle[],
  days: Days,
  priceScale: number,
  sizeScale: number,
): IndicatorValues[] {
  const { outputs, perSession } = indicatorKinds[spec.name];
  let indicator: Indicator = createIndicator(spec);
  let day = Number.NaN;
  return candles.map((candle) => {
    if (perSession) {
      const today = days.of(parseTime(candle.start) ?? 0).number;
      if (today !== day) indicator = createIndicator(spec);
      day = today;
    }
    const values = indicator.add(numbersOf(candle, priceScale, sizeScale));
    if (values === null) return null;
    return Object.fromEntries(
      outputs.map(({ name, unit }) => [name, shown(values[name], unit, priceScale)]),
    );
  });
}

function numbersOf(candle: Candle, priceScale: number, sizeScale: number): CandleNumbers {
  return {
    high: counted(candle.high, priceScale),
    low: counted(candle.low, priceScale),
    close: counted(candle.close, priceScale),
    volume: Number(candle.volume) * 10 ** sizeScale,
    notional: Number(candle.notional ?? Number.NaN) * 10 ** (priceScale + sizeScale),
  };
}

function counted(text: string, scale: number): number {
  const decimal = parseDecimal(text);
  return (decimal && rescale(decimal.value, decimal.scale, scale)) ?? Number(text) * 10 ** scale;
}

function shown(value: number, unit: Unit, priceScale: number): number {
  return Number((unit === 'price' ? value / 10 ** priceScale : value).toPrecision(digits));
}

function finest({ open, high, low }: Candle): number {
  return Math.max(scaleOf(open), scaleOf(high), scaleOf(low));
}

function scaleOf(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

/** Throws Failure `bad-request`. */
export function requireFew(specs: readonly IndicatorSpec[]): void {
  if (specs.length <= indicatorsMax) return;
  const detail = `${specs.length} indicators were asked for at once.`;
  throw new Failure('bad-request', detail, `Ask for at most ${indicatorsMax}.`);
}

// Candles with indicators: computed when they are asked for, over the candles of the answer and as
// many before them as their definitions need. Those that remember for ever, such as an EMA, are
// begun ten times their length earlier, where less than 1 / 10,000 of a seed is left.

import { Type } from 'typebox';
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
  parseIndicator,
  restoreIndicator,
  type Unit,
} from '../engine/indicators/indicators.ts';

/** Values by column; null while there is too little history. */
type IndicatorValues = Readonly<Record<string, number>> | null;

interface IndicatedCandle extends Candle {
  readonly indicators: Indicators;
}

export const indicatorsSchema = Type.Record(
  Type.String(),
  Type.Union([Type.Record(Type.String(), Type.Number()), Type.Null()]),
  { description: 'By indicator, its values; null while there is too little history' },
);

/** By the indicator's text, such as `sma:20`. */
export type Indicators = Readonly<Record<string, IndicatorValues>>;

const indicatorsMax = 10;
const seedLengths = 10;
const candlesBeforeMax = 10_000;
/** A day on which clocks are set back. */
const longestDay = 25 * 3_600 * microsPerSecond;
/** Digits of a value: the last ones of a double are the rounding's. */
const digits = 12;

/** Reads `sma:20;macd:12,26,9`. Throws Failure `bad-request`. */
export function parseIndicators(text: string): IndicatorSpec[] {
  const texts = text.split(';');
  if (texts.length <= indicatorsMax) return texts.map(parseIndicator);
  const detail = `${texts.length} indicators were asked for at once.`;
  throw new Failure('bad-request', detail, `Ask for at most ${indicatorsMax}.`);
}

/** How many candles before the first one answered are needed. */
export function candlesBefore(specs: readonly IndicatorSpec[], interval: Interval): number {
  const needed = specs.map(({ name, parameters }) => {
    const kind = indicatorKinds[name];
    if (kind.perSession) return Math.ceil(longestDay / intervalLength(interval));
    return seedLengths * kind.firstValue(...parameters);
  });
  return Math.min(candlesBeforeMax, Math.max(0, ...needed));
}

/** The candles just before others, ascending. */
interface Earlier {
  readonly candles: readonly Candle[];
  /** Whether there are none before these. */
  readonly isWhole: boolean;
}

/** `candles` are ascending; `days` are the instrument's. */
export function indicated(
  specs: readonly IndicatorSpec[],
  before: Earlier,
  candles: readonly Candle[],
  days: Days,
): IndicatedCandle[] {
  const scales = [...before.candles, ...candles].map(scalesOf).reduce(finer, wholes);
  const operators = new Operators(specs, days, scales.price, before.isWhole);
  for (const candle of before.candles) operators.add(startOf(candle), numbersOf(candle, scales));
  return candles.map((candle) => {
    const [start, numbers] = [startOf(candle), numbersOf(candle, scales)];
    const indicators = operators.peek(start, numbers);
    operators.add(start, numbers);
    return { ...candle, indicators };
  });
}

/**
 * Several indicators over the candles of one series, which they take in order. Those of a session
 * have no value on a day whose start they have not seen.
 */
export class Operators {
  readonly #specs: readonly IndicatorSpec[];
  readonly #days: Days;
  readonly #priceScale: number;
  readonly #running: Indicator[];
  /** The number of the day that those of a session are of. */
  #day = Number.NaN;
  #sawStart: boolean;

  /**
   * All candles are going to be in this scale. `isFirst`: whether there are none before the first
   * that is going to be taken.
   */
  constructor(specs: readonly IndicatorSpec[], days: Days, priceScale: number, isFirst: boolean) {
    this.#specs = specs;
    this.#days = days;
    this.#priceScale = priceScale;
    this.#running = specs.map(createIndicator);
    this.#sawStart = isFirst;
  }

  add(start: number, numbers: CandleNumbers): void {
    const day = this.#days.of(start).number;
    for (const [index, spec] of this.#specs.entries()) {
      if (begins(spec, day, this.#day)) this.#running[index] = createIndicator(spec);
      this.#running[index].add(numbers);
    }
    this.#sawStart = this.#seesStart(day);
    this.#day = day;
  }

  /** The values, if this were the next candle. */
  peek(start: number, numbers: CandleNumbers): Indicators {
    const day = this.#days.of(start).number;
    const told = this.#specs.map((spec, index) => {
      const indicator = begins(spec, day, this.#day) ? createIndicator(spec) : this.#running[index];
      const values = indicator.peek(numbers);
      const { outputs, perSession } = indicatorKinds[spec.name];
      if (values === null || (perSession && !this.#seesStart(day))) return [spec.text, null];
      const columns = outputs.map(({ name, unit }) => [
        name,
        shown(values[name], unit, this.#priceScale),
      ]);
      return [spec.text, Object.fromEntries(columns)];
    });
    return Object.fromEntries(told);
  }

  /** Goes on from here by itself. */
  clone(): Operators {
    const clone = new Operators(this.#specs, this.#days, this.#priceScale, this.#sawStart);
    for (const [index, { name }] of this.#specs.entries()) {
      clone.#running[index] = restoreIndicator(name, this.#running[index].snapshot());
    }
    clone.#day = this.#day;
    return clone;
  }

  /** Whether the start of this day is known, if its candle is the next one. */
  #seesStart(day: number): boolean {
    return this.#sawStart || (day !== this.#day && !Number.isNaN(this.#day));
  }
}

/** Whether an indicator of a session starts anew with this day. */
function begins({ name }: IndicatorSpec, day: number, previous: number): boolean {
  return indicatorKinds[name].perSession && day !== previous;
}

/** Digits after the point. */
export interface Scales {
  readonly price: number;
  readonly size: number;
}

export const wholes: Scales = { price: 0, size: 0 };

export function finer(a: Scales, b: Scales): Scales {
  return { price: Math.max(a.price, b.price), size: Math.max(a.size, b.size) };
}

export function scalesOf({ open, high, low, close, volume }: Candle): Scales {
  return {
    price: Math.max(scaleOf(open), scaleOf(high), scaleOf(low), scaleOf(close)),
    size: scaleOf(volume),
  };
}

export function numbersOf(
  { high, low, close, volume, notional }: Candle,
  { price, size }: Scales,
): CandleNumbers {
  return {
    high: counted(high, price),
    low: counted(low, price),
    close: counted(close, price),
    volume: counted(volume, size),
    notional: notional === null ? Number.NaN : counted(notional, price + size),
  };
}

export function startOf({ start }: Candle): number {
  return parseTime(start) ?? Number.NaN;
}

function counted(text: string, scale: number): number {
  const decimal = parseDecimal(text);
  return (decimal && rescale(decimal.value, decimal.scale, scale)) ?? Number(text) * 10 ** scale;
}

function shown(value: number, unit: Unit, priceScale: number): number {
  return Number((unit === 'price' ? value / 10 ** priceScale : value).toPrecision(digits));
}

function scaleOf(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

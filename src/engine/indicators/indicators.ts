// The indicators by name: their parameters with defaults and limits, what they put out, and how
// one is written in a request, `name:parameter,parameter`. A new indicator is a file beside this
// one and an entry here.

import { Failure } from '../../base/failure.ts';
import { Atr, type AtrState } from './atr.ts';
import { Bollinger, type BollingerState } from './bollinger.ts';
import { Change, type ChangeState } from './change.ts';
import { Ema, type EmaState } from './ema.ts';
import type { Indicator } from './indicator.ts';
import { Macd, type MacdState } from './macd.ts';
import { Rsi, type RsiState } from './rsi.ts';
import { Sma, type SmaState } from './sma.ts';
import { Volatility, type VolatilityState } from './volatility.ts';
import { Vwap, type VwapState } from './vwap.ts';

export interface Parameter {
  readonly name: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** Whether it has to be a whole number. */
  readonly whole: boolean;
}

/**
 * `price`: increments, with a fraction, of the scale that the candles are in. `percent`: 1 is 1 %.
 * `ratio`: 0.01 is 1 %. `index`: 0 to 100.
 */
export type Unit = 'price' | 'percent' | 'ratio' | 'index';

export interface Output {
  readonly name: string;
  readonly unit: Unit;
}

export interface IndicatorKind {
  readonly title: string;
  /** In the order in which they are written. */
  readonly parameters: readonly Parameter[];
  /** The value columns, in the order in which to show them. */
  readonly outputs: readonly Output[];
  /** Whether each session starts it anew. */
  readonly perSession: boolean;
  /** With which candle, counted from 1, the first value comes. */
  firstValue(...parameters: readonly number[]): number;
  create(...parameters: readonly number[]): Indicator;
  /** Goes on from a snapshot of an indicator of this kind. */
  from(state: unknown): Indicator;
}

export const lengthMax = 1000;

const lengthOf = (defaultLength: number, min = 1, name = 'length'): Parameter => ({
  name,
  default: defaultLength,
  min,
  max: lengthMax,
  whole: true,
});

const prices = (...names: readonly string[]): readonly Output[] =>
  names.map((name) => ({ name, unit: 'price' }));

const sma: IndicatorKind = {
  title: 'Simple moving average',
  parameters: [lengthOf(20)],
  outputs: prices('sma'),
  perSession: false,
  firstValue: (length) => length,
  create: (length) => new Sma(length),
  from: (state) => Sma.from(state as SmaState),
};

const ema: IndicatorKind = {
  title: 'Exponential moving average',
  parameters: [lengthOf(20)],
  outputs: prices('ema'),
  perSession: false,
  firstValue: (length) => length,
  create: (length) => new Ema(length),
  from: (state) => Ema.from(state as EmaState),
};

const rsi: IndicatorKind = {
  title: 'Relative strength index',
  parameters: [lengthOf(14, 2)],
  outputs: [{ name: 'rsi', unit: 'index' }],
  perSession: false,
  firstValue: (length) => length + 1,
  create: (length) => new Rsi(length),
  from: (state) => Rsi.from(state as RsiState),
};

const macd: IndicatorKind = {
  title: 'Moving average convergence divergence',
  parameters: [lengthOf(12, 1, 'fast'), lengthOf(26, 2, 'slow'), lengthOf(9, 1, 'signal')],
  outputs: prices('macd', 'signal', 'histogram'),
  perSession: false,
  firstValue: (_fast, slow, signal) => slow + signal - 1,
  create: (fast, slow, signal) => new Macd(fast, slow, signal),
  from: (state) => Macd.from(state as MacdState),
};

const bollinger: IndicatorKind = {
  title: 'Bollinger bands',
  parameters: [lengthOf(20, 2), { name: 'width', default: 2, min: 0.1, max: 10, whole: false }],
  outputs: prices('middle', 'upper', 'lower'),
  perSession: false,
  firstValue: (length) => length,
  create: (length, width) => new Bollinger(length, width),
  from: (state) => Bollinger.from(state as BollingerState),
};

const atr: IndicatorKind = {
  title: 'Average true range',
  parameters: [lengthOf(14)],
  outputs: prices('atr'),
  perSession: false,
  firstValue: (length) => length,
  create: (length) => new Atr(length),
  from: (state) => Atr.from(state as AtrState),
};

const vwap: IndicatorKind = {
  title: 'Volume-weighted average price of the session',
  parameters: [],
  outputs: prices('vwap'),
  perSession: true,
  firstValue: () => 1,
  create: () => new Vwap(),
  from: (state) => Vwap.from(state as VwapState),
};

const secondsPerYear = 366 * 86_400;

const volatility: IndicatorKind = {
  title: 'Realised volatility',
  parameters: [
    lengthOf(20, 2),
    { name: 'periodsPerYear', default: 252, min: 1, max: secondsPerYear, whole: false },
  ],
  outputs: [
    { name: 'volatility', unit: 'ratio' },
    { name: 'annualised', unit: 'ratio' },
  ],
  perSession: false,
  firstValue: (length) => length + 1,
  create: (length, periodsPerYear) => new Volatility(length, periodsPerYear),
  from: (state) => Volatility.from(state as VolatilityState),
};

const change: IndicatorKind = {
  title: 'Price change',
  parameters: [lengthOf(1, 1, 'span')],
  outputs: [
    { name: 'change', unit: 'price' },
    { name: 'percent', unit: 'percent' },
  ],
  perSession: false,
  firstValue: (span) => span + 1,
  create: (span) => new Change(span),
  from: (state) => Change.from(state as ChangeState),
};

const kinds = { sma, ema, rsi, macd, bollinger, atr, vwap, volatility, change };

export type IndicatorName = keyof typeof kinds;
export const indicatorKinds: Readonly<Record<IndicatorName, IndicatorKind>> = kinds;
export const indicatorNames = Object.keys(kinds) as readonly IndicatorName[];

/** An indicator as somebody asked for it. */
export interface IndicatorSpec {
  readonly name: IndicatorName;
  /** All of them, in the kind's order. */
  readonly parameters: readonly number[];
  /** The one way to write it, with every parameter: equal texts are equal indicators. */
  readonly text: string;
}

/**
 * Reads `sma:20`, `macd:12,26,9` or `vwap`. Parameters left out at the end take their defaults.
 * Throws a Failure (bad-request) that says what is wrong and how to write it.
 */
export function parseIndicator(text: string): IndicatorSpec {
  const [name = '', rest] = text.split(/:(.*)/s, 2);
  if (!Object.hasOwn(kinds, name)) {
    throw refusal(text, 'there is no such name', `Write one of ${indicatorNames.join(', ')}.`);
  }
  const known = name as IndicatorName;
  const { parameters } = kinds[known];
  const cure = `Write ${formOf(known)}, for example ${canonical(known, defaultsOf(known))}.`;
  const given = rest === undefined ? [] : rest.split(',');
  if (given.length > parameters.length) {
    const takes = parameters.length === 0 ? 'no parameters' : `${parameters.length} at most`;
    throw refusal(text, `it has ${given.length} parameters, and ${name} takes ${takes}`, cure);
  }
  const values = parameters.map((parameter, index) => {
    const value = given[index];
    if (value === undefined) return parameter.default;
    const number = /^\d{1,9}(\.\d{1,9})?$/.test(value) ? Number(value) : Number.NaN;
    const { min, max, whole } = parameter;
    if (number >= min && number <= max && (!whole || Number.isInteger(number))) return number;
    const what = `${whole ? 'a whole' : 'a'} number from ${min} to ${max}`;
    throw refusal(text, `${parameter.name} has to be ${what}, not ${quoted(value)}`, cure);
  });
  const [fast, slow = 0] = values;
  if (known === 'macd' && fast >= slow) {
    throw refusal(text, `fast (${fast}) has to be less than slow (${slow})`, cure);
  }
  return { name: known, parameters: values, text: canonical(known, values) };
}

export function createIndicator({ name, parameters }: IndicatorSpec): Indicator {
  return kinds[name].create(...parameters);
}

/** Goes on from a snapshot of an indicator of that name; its parameters are in the snapshot. */
export function restoreIndicator(name: IndicatorName, state: unknown): Indicator {
  return kinds[name].from(state);
}

function defaultsOf(name: IndicatorName): readonly number[] {
  return kinds[name].parameters.map((parameter) => parameter.default);
}

function formOf(name: IndicatorName): string {
  return canonical(
    name,
    kinds[name].parameters.map((parameter) => parameter.name),
  );
}

function canonical(name: string, parameters: readonly (number | string)[]): string {
  return parameters.length === 0 ? name : `${name}:${parameters.join(',')}`;
}

function refusal(text: string, reason: string, cure: string): Failure {
  return new Failure('bad-request', `The indicator ${quoted(text)} cannot be: ${reason}.`, cure);
}

/** Cut short, since it is a stranger's text that goes into an answer. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

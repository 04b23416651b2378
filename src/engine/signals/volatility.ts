// volatility: a minute's high and low are more than 2 % of its open apart.

import { divide, formatBigDecimal } from '../../contracts/decimal.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { windowItself } from './evidence.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { type MinuteSpan, minute } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';

const steps: Steps = [
  [10, 'high'],
  [5, 'medium'],
  [2, 'low'],
];
const trends = { '1': 'up', '-1': 'down', '0': 'flat' } as const;

export const volatility: SignalDefinition = {
  text: 'The high and low of a minute are more than 2 % of its open apart.',
  parameters: parametersOf(steps, 'Percent'),
  interval: '1m',
  prices: ['trade'],
  evidence: windowItself('1m', 'the minute'),
};

export function askVolatility(state: SymbolState, span: MinuteSpan): void {
  const finding = span.isPriced ? volatilityOf(state, span) : null;
  state.settle({ kind: 'volatility', start: span.start }, finding);
}

function volatilityOf(state: SymbolState, span: MinuteSpan): Finding | null {
  const { high, low } = span;
  const severity = stepOf(steps, high - low, span.open);
  if (!severity) return null;
  const percent = percentOf(high - low, span.open);
  const trend = trends[String(Math.sign(span.close - span.open)) as keyof typeof trends];
  return {
    time: span.start + minute,
    severity,
    text: `swung ${percent} % in a minute, trend ${trend}`,
    values: {
      high: state.price(high),
      low: state.price(low),
      percent,
      trend,
      ...averageOf(state, span),
    },
  };
}

/** What was paid on average; nothing where that is not known. */
function averageOf(state: SymbolState, { volume, notional, close }: MinuteSpan) {
  if (volume === 0n) return { average: state.price(close) };
  if (notional === null) return {};
  return { average: formatBigDecimal(divide(notional, volume, 4), state.priceScale + 4) };
}

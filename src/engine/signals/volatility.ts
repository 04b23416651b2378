// volatility: a minute's high and low are more than 2 % of its open apart.

import { divide, formatBigDecimal } from '../../contracts/decimal.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { windowItself } from './evidence.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { minute } from './span.ts';
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

/** Asks the minute at `index`; `notional` is its price x size, null where bars do not tell it. */
export function askVolatility(
  state: SymbolState,
  index: number,
  notional: () => bigint | null,
): void {
  const { minutes } = state;
  const finding = minutes.isPriced(index) ? volatilityOf(state, index, notional) : null;
  state.settle({ kind: 'volatility', start: minutes.start(index) }, finding);
}

function volatilityOf(
  state: SymbolState,
  index: number,
  notional: () => bigint | null,
): Finding | null {
  const { minutes } = state;
  const [open, high, low] = [minutes.open(index), minutes.high(index), minutes.low(index)];
  const severity = stepOf(steps, high - low, open);
  if (!severity) return null;
  const percent = percentOf(high - low, open);
  const trend = trends[String(Math.sign(minutes.close(index) - open)) as keyof typeof trends];
  return {
    time: minutes.start(index) + minute,
    severity,
    text: `swung ${percent} % in a minute, trend ${trend}`,
    values: {
      high: state.price(high),
      low: state.price(low),
      percent,
      trend,
      ...averageOf(state, index, notional()),
    },
  };
}

/** What was paid on average; nothing where that is not known. */
function averageOf(state: SymbolState, index: number, notional: bigint | null) {
  const volume = state.minutes.volume(index);
  if (volume === 0n) return { average: state.price(state.minutes.close(index)) };
  if (notional === null) return {};
  return { average: formatBigDecimal(divide(notional, volume, 4), state.priceScale + 4) };
}

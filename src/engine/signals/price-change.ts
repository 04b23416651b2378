// price-change: an hour's close is more than 5 % away from its open.

import { parametersOf, type SignalDefinition } from './definition.ts';
import { windowItself } from './evidence.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { hour, type PriceSpan } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';

const steps: Steps = [
  [20, 'critical'],
  [10, 'high'],
  [5, 'medium'],
];

export const priceChange: SignalDefinition = {
  text: 'The close of an hour is more than 5 % away from its open.',
  parameters: parametersOf(steps, 'Percent'),
  interval: '1h',
  prices: ['trade'],
  evidence: windowItself('1h', 'the hour'),
};

type Hour = Pick<PriceSpan, 'start' | 'open' | 'close'>;

export function askPriceChange(state: SymbolState, span: Hour, isPriced: boolean): void {
  const finding = isPriced ? changeOf(state, span) : null;
  state.settle({ kind: 'price-change', start: span.start }, finding);
}

function changeOf(state: SymbolState, { start, open, close }: Hour): Finding | null {
  const severity = stepOf(steps, close - open, open);
  if (!severity) return null;
  const percent = percentOf(close - open, open);
  return {
    time: start + hour,
    severity,
    text: `changed by ${percent} % within an hour, to ${state.price(close)}`,
    values: { from: state.price(open), to: state.price(close), percent },
  };
}

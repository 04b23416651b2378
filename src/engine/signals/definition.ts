// What the definition of a signal is in words, and the candles that it rests on.

import type { PriceKind } from '../../contracts/candle.ts';
import type { Interval } from '../../contracts/interval.ts';
import type { Severity } from '../../contracts/signal.ts';
import type { Evidence, Told } from './evidence.ts';

export interface SignalDefinition {
  readonly text: string;
  readonly parameters: Readonly<Record<string, number>>;
  /** The candles that it is asked of. */
  readonly interval: Interval;
  readonly prices: readonly PriceKind[];
  readonly evidence: (told: Told) => Evidence;
}

/** `highPercent: 10` says that the severity is high beyond 10 %. */
export function parametersOf(
  steps: readonly (readonly [step: number | bigint, Severity])[],
  unit: string,
): Record<string, number> {
  return Object.fromEntries(steps.map(([step, name]) => [name + unit, Number(step)]));
}

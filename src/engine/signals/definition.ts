// What the definition of a signal is in words, and the candles that it rests on.

import type { PriceKind } from '../../contracts/candle.ts';
import type { Interval } from '../../contracts/interval.ts';
import type { Severity } from '../../contracts/signal.ts';

export interface SignalDefinition {
  readonly text: string;
  readonly parameters: Readonly<Record<string, number>>;
  readonly interval: Interval;
  readonly prices: readonly PriceKind[];
  /** Of each of these prices, the newest `candlesMax` candles that start within `lookback`. */
  readonly candlesMax: number;
  /** Microseconds before the signal's time. */
  readonly lookback: number;
  /** What the newest of these candles is taken for, and the others. */
  readonly newest: string;
  readonly others: string;
}

/** `highPercent: 10` says that the severity is high beyond 10 %. */
export function parametersOf(
  steps: readonly (readonly [step: number | bigint, Severity])[],
  unit: string,
): Record<string, number> {
  return Object.fromEntries(steps.map(([step, name]) => [name + unit, Number(step)]));
}

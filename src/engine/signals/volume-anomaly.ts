// volume-anomaly: a minute's volume is more than 3 standard deviations above the mean of the last
// 20 minutes that had trades, and at least twice that mean.

import { divide, formatBigDecimal } from '../../contracts/decimal.ts';
import type { Severity } from '../../contracts/signal.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { type MinuteSpan, minute, volumeWindows } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';

/** Standard deviations beyond which an anomaly is of each severity, from the worst on. */
const sigmaSteps: readonly (readonly [sigmas: bigint, Severity])[] = [
  [10n, 'critical'],
  [5n, 'high'],
  [3n, 'medium'],
];

export const volumeAnomaly: SignalDefinition = {
  text:
    'The volume of a minute is more than 3 standard deviations above the mean of the last ' +
    `${volumeWindows} minutes that had trades, and at least twice that mean.`,
  parameters: { minutes: volumeWindows, timesMeanMin: 2, ...parametersOf(sigmaSteps, 'Sigmas') },
  interval: '1m',
  candlesMax: volumeWindows + 1,
  lookback: Number.POSITIVE_INFINITY,
  newest: 'the minute',
  others: 'a minute that it is compared with',
};

/** Asks the minute at `index`, and those that are compared with it. */
export function askVolumesFrom(state: SymbolState, index: number): void {
  const { minutes } = state;
  for (let at = index; at <= index + volumeWindows && at < minutes.length; at++) {
    const { start } = minutes[at] as MinuteSpan;
    state.settle({ kind: 'volume-anomaly', start }, anomalyAt(state, at));
  }
}

function anomalyAt(state: SymbolState, index: number): Finding | null {
  if (index < volumeWindows) return null;
  const { start, volume } = state.minutes[index] as MinuteSpan;
  const before = state.minutes.slice(index - volumeWindows, index);
  const n = BigInt(before.length);
  const sum = before.reduce((total, other) => total + other.volume, 0n);
  const above = n * volume - sum;
  if (above <= 0n || n * volume < 2n * sum) return null;
  const squares = before.reduce((total, other) => total + other.volume ** 2n, 0n);
  const spread = n * squares - sum * sum;
  const step = sigmaSteps.find(([sigmas]) => above * above > sigmas * sigmas * spread);
  if (!step) return null;
  const mean = formatBigDecimal(divide(sum, n, 2), state.sizeScale + 2);
  return {
    time: start + minute,
    severity: step[1],
    text: `traded ${state.size(volume)} in a minute, where ${mean} is usual`,
    values: { volume: state.size(volume), mean, sigmas: `more than ${step[0]}` },
  };
}

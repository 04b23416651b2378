// Signals: what the tape did that a person may want to know of, for everybody alike. Each has a
// written definition (docs/SIGNALS.md) over closed candles, so that it does not depend on the order
// of arrival, and an id made of its cause, so that a replay gives the same.

import { createHash } from 'node:crypto';

export const signalKinds = [
  'price-spike',
  'volume-anomaly',
  'volatility',
  'price-change',
  'gap-at-open',
  'crossed-quotes',
  'stale-quotes',
  'bad-print',
] as const;
export type SignalKind = (typeof signalKinds)[number];

/** From the least on. */
export const severities = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof severities)[number];

export const signalStates = ['raised', 'retracted'] as const;

/** `start` is that of the window, microseconds; `part` is for what a window can have two of. */
export function signalId(kind: SignalKind, symbol: string, start: number, part = ''): string {
  const cause = [kind, symbol, start, part].join('\0');
  return createHash('sha256').update(cause).digest('hex').slice(0, 32);
}

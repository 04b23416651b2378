// How grave a signal is, as one to four bars and in words; and what its kinds are called.

import { severities } from '../addresses.ts';
import type { Severity, SignalKind } from '../api.ts';

export const kindNames: Readonly<Record<SignalKind, string>> = {
  'price-spike': 'Price spike',
  'volume-anomaly': 'Unusual volume',
  volatility: 'Wide swings',
  'price-change': 'Price change',
  'gap-at-open': 'Gap at the open',
  'crossed-quotes': 'Crossed quotes',
  'stale-quotes': 'Stale quotes',
  'bad-print': 'Bad print',
};

export const severityNames: Readonly<Record<Severity, string>> = {
  critical: 'Critical',
  high: 'High',
  medium: 'Medium',
  low: 'Low',
};

const heights = [5, 8, 11, 14];

export function SeverityMark({ severity }: { readonly severity: Severity }) {
  const count = severities.length - severities.indexOf(severity);
  return (
    <svg
      className="severity"
      data-severity={severity}
      width="17"
      height="14"
      role="img"
      aria-label={severityNames[severity]}
    >
      {heights.map((height, index) => (
        <rect
          key={height}
          x={index * 4.5}
          y={14 - height}
          width="3"
          height={height}
          className={index < count ? 'full' : 'empty'}
        />
      ))}
    </svg>
  );
}

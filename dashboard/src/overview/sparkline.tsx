// The last hour of a symbol as a line, ending in its last price. Only pixels are floating point.

import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { askSpark } from '../queries.ts';

const width = 112;
const height = 24;
const margin = 2;

interface SparklineProps {
  readonly symbol: string;
  readonly last: string | null;
  /** History is asked for once the list has come to rest. */
  readonly isWaiting: boolean;
}

export function Sparkline({ symbol, last, isWaiting }: SparklineProps) {
  const { data: closes } = useQuery({ ...askSpark(symbol), enabled: !isWaiting });
  const points = useMemo(() => line(closes, last), [closes, last]);
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {points === '' ? null : <polyline points={points} />}
    </svg>
  );
}

function line(closes: readonly string[] | undefined, last: string | null): string {
  if (!closes || closes.length === 0) return '';
  const values = [...closes, ...(last === null ? [] : [last])].map(Number);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const across = (width - 2 * margin) / Math.max(1, values.length - 1);
  const up = high > low ? (height - 2 * margin) / (high - low) : 0;
  return values
    .map((value, index) => {
      const x = margin + index * across;
      const y = up === 0 ? height / 2 : height - margin - (value - low) * up;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}

// The candle intervals, finest first, each a whole multiple of the one before. A bucket is
// [start, end), labelled by its start. Up to 4h buckets lie on the grid of UTC, from midnight on;
// a 1d bucket is a day of the instrument's calendar (calendars/days.ts), of 23 to 25 hours.

import { type Micros, micros, microsPerSecond } from '../base/clock.ts';

export const intervals = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'] as const;
export type Interval = (typeof intervals)[number];

const seconds: Record<Interval, number> = {
  '1s': 1,
  '1m': 60,
  '5m': 300,
  '15m': 900,
  '1h': 3_600,
  '4h': 14_400,
  '1d': 86_400,
};

export const intervalMicros: readonly number[] = intervals.map(
  (interval) => seconds[interval] * microsPerSecond,
);

export function intervalLength(interval: Interval): number {
  return seconds[interval] * microsPerSecond;
}

export function bucketStart(time: number, lengthMicros: number): Micros {
  return micros(Math.floor(time / lengthMicros) * lengthMicros);
}

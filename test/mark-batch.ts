// Marks as tests write them.

import { priceKinds } from '../src/contracts/candle.ts';
import { intervals } from '../src/contracts/interval.ts';
import { type MarkBatch, markStates } from '../src/contracts/mark.ts';
import { parseTime } from '../src/contracts/time.ts';
import type { Mark } from '../src/contracts/wire-objects.ts';

type SimpleMark = Pick<Mark, 'symbol' | 'start' | 'end' | 'state'> &
  Partial<Pick<Mark, 'interval' | 'price'>>;

export function markBatch(marks: readonly SimpleMark[]): MarkBatch {
  const symbols = [...new Set(marks.map(({ symbol }) => symbol))];
  return {
    count: marks.length,
    symbols,
    receiveTime: 0,
    start: Float64Array.from(marks, ({ start }) => parseTime(start) ?? Number.NaN),
    end: Float64Array.from(marks, ({ end }) => parseTime(end) ?? Number.NaN),
    symbol: Uint16Array.from(marks, ({ symbol }) => symbols.indexOf(symbol)),
    price: Uint8Array.from(marks, ({ price = 'trade' }) => priceKinds.indexOf(price)),
    interval: Uint8Array.from(marks, ({ interval = '1m' }) => intervals.indexOf(interval)),
    state: Uint8Array.from(marks, ({ state }) => markStates.indexOf(state)),
  };
}

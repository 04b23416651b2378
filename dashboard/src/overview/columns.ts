// The columns of the market grid, and by what each sorts.

import type { ColumnKey } from '../addresses.ts';
import type { Instrument } from '../api.ts';
import type { Day } from './market.ts';

interface Column {
  readonly key: ColumnKey | 'spark' | 'range';
  readonly label: string;
  readonly hint: string;
}

export const columns: readonly Column[] = [
  { key: 'symbol', label: 'Symbol', hint: 'Symbol and name' },
  { key: 'last', label: 'Last', hint: 'Last price' },
  { key: 'change', label: 'Change', hint: "Against the previous day's close" },
  { key: 'percent', label: 'Change %', hint: "Against the previous day's close" },
  { key: 'spark', label: 'Last hour', hint: 'Closes of the last sixty minutes that traded' },
  { key: 'range', label: 'Day range', hint: "The last price between the day's low and high" },
  { key: 'volume', label: 'Volume', hint: 'Traded today' },
];

/** A number to sort by; of a symbol without a price it is the least. */
export function rank(day: Day | undefined, key: ColumnKey): number {
  if (!day || day.last === null) return Number.NEGATIVE_INFINITY;
  switch (key) {
    case 'symbol':
      return 0;
    case 'last':
      return Number(day.last);
    case 'change':
      return Number(day.change);
    case 'percent':
      return Number(day.changePercent);
    case 'volume':
      return Number(day.dayVolume);
  }
}

export function sorted(
  instruments: readonly Instrument[],
  dayOf: (symbol: string) => Day | undefined,
  key: ColumnKey,
  isDescending: boolean,
): Instrument[] {
  const ranked = instruments.map((instrument) => ({
    instrument,
    rank: rank(dayOf(instrument.symbol), key),
  }));
  const turn = isDescending ? -1 : 1;
  const byRank = (a: number, b: number): number => (a === b ? 0 : a < b ? -turn : turn);
  return ranked
    .sort(
      (a, b) =>
        byRank(a.rank, b.rank) ||
        (a.instrument.symbol < b.instrument.symbol ? -1 : 1) * (key === 'symbol' ? turn : 1),
    )
    .map(({ instrument }) => instrument);
}

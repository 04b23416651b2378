// The numbers that stand for price kinds, intervals and states in `candle_rows`. They are part of
// the database (migrations/0001-market-data.sql has the same), so they never change.

import type { CandleState, PriceKind } from '../contracts/candle.ts';
import type { Interval } from '../contracts/interval.ts';

export const priceKindCodes: Record<PriceKind, number> = { trade: 0, bid: 1, ask: 2, mid: 3 };

export const intervalCodes: Record<Interval, number> = {
  '1s': 0,
  '1m': 1,
  '5m': 2,
  '15m': 3,
  '1h': 4,
  '4h': 5,
  '1d': 6,
};

export const stateCodes: Record<CandleState, number> = { open: 0, final: 1, revised: 2 };

export const priceKindNames: readonly PriceKind[] = byCode(priceKindCodes);
export const intervalNames: readonly Interval[] = byCode(intervalCodes);
export const stateNames: readonly CandleState[] = byCode(stateCodes);

function byCode<Name extends string>(codes: Readonly<Record<Name, number>>): Name[] {
  const names: Name[] = [];
  for (const [name, code] of Object.entries<number>(codes)) names[code] = name as Name;
  return names;
}

/** These have monthly partitions: candle_rows_fine. */
export function isFine(interval: number): boolean {
  return interval <= intervalCodes['1h'];
}

// What the address of a page can say beyond its path: read leniently, so that any link opens.

import type { Interval, Severity } from './api.ts';

export const intervals: readonly Interval[] = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'];
/** From the gravest on. */
export const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low'];
export const columnKeys = ['symbol', 'last', 'change', 'percent', 'volume'] as const;
export type ColumnKey = (typeof columnKeys)[number];
export const moves = ['all', 'up', 'down', 'flat'] as const;

export interface OverviewSearch {
  readonly view?: 'heat' | undefined;
  readonly sort?: ColumnKey | undefined;
  readonly descending?: boolean | undefined;
  readonly moved?: (typeof moves)[number] | undefined;
  readonly find?: string | undefined;
}

export interface SymbolSearch {
  readonly interval?: Interval | undefined;
}

export interface AlertSearch {
  readonly severity?: Severity | undefined;
  readonly symbol?: string | undefined;
}

type Given = Readonly<Record<string, unknown>>;

export const readOverviewSearch = (given: Given): OverviewSearch => ({
  view: given.view === 'heat' ? 'heat' : undefined,
  sort: oneOf(columnKeys, given.sort),
  descending: given.descending === true ? true : undefined,
  moved: oneOf(moves, given.moved),
  find: textOf(given.find),
});

export const readSymbolSearch = (given: Given): SymbolSearch => ({
  interval: oneOf(intervals, given.interval),
});

export const readAlertSearch = (given: Given): AlertSearch => ({
  severity: oneOf(severities, given.severity),
  symbol: textOf(given.symbol)?.toUpperCase(),
});

function oneOf<Value>(values: readonly Value[], given: unknown): Value | undefined {
  return values.find((value) => value === given);
}

/** The router reads `find=1` as a number. */
function textOf(given: unknown): string | undefined {
  const text = typeof given === 'number' ? String(given) : given;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

// What the name of a LEAN file says: `…/tick/bac/20131007_trade.zip`, and inside it
// `20131007_bac_Trade_Tick.csv`. The market, where its folder says it, gives the time zone.

import { basename, dirname, resolve } from 'node:path';
import { isSymbol } from '../../contracts/instrument.ts';
import type { Interval } from '../../contracts/interval.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { dateOf } from './local-time.ts';

export interface Place {
  /** Null when the names do not say. */
  readonly symbol: string | null;
  /** YYYY-MM-DD. */
  readonly date: string | null;
}

/** `entry` is the name inside a zip, where there is one. */
export function placeOf(path: string, entry: string | null): Place {
  const inside = entry === null ? null : basename(entry);
  const outside = basename(path);
  return {
    symbol: symbolIn(inside) ?? symbolIn(outside) ?? folderSymbol(path),
    date: dateIn(inside) ?? dateIn(outside),
  };
}

/**
 * The zones of LEAN's market hours database (Data/market-hours/market-hours-database.json,
 * `dataTimeZone`): US stocks New York, FXCM five hours behind UTC all year, Oanda and others UTC.
 */
export function timeZoneOf(path: string, assetClass: 'equity' | 'fx'): string {
  if (assetClass === 'equity') return 'America/New_York';
  return /(^|[/\\])fxcm[/\\]/i.test(path) ? '-05:00' : 'UTC';
}

/**
 * The symbol of a LEAN file that holds all days of one: `daily/bac.zip`, `daily/btcusd_trade.zip`,
 * and inside it `bac.csv`.
 */
export function symbolOfStem(path: string, entry: string | null): string | null {
  const stem = /^([^_]+?)(?:_trade|_quote)?(?:\.(?:zip|csv|gz))*$/i;
  return symbolOf(stem.exec(basename(entry ?? path))?.[1]);
}

/** What LEAN calls the intervals of bars, in the name inside a zip or in a folder's. */
const resolutions = new Map<string, Interval>([
  ['second', '1s'],
  ['minute', '1m'],
  ['hour', '1h'],
  ['daily', '1d'],
]);

/** Which of these intervals a file of bars is of; null when the names do not say. */
export function intervalOf(
  path: string,
  entry: string | null,
  possible: readonly Interval[],
): Interval | null {
  const words = [resolve(path), entry ?? '']
    .join('_')
    .toLowerCase()
    .split(/[/\\_]/);
  const named = words.flatMap((word) => resolutions.get(word) ?? []);
  return named.findLast((interval) => possible.includes(interval)) ?? null;
}

const assetFolders = new Map<string, Instrument['assetClass']>([
  ['equity', 'equity'],
  ['us-equity', 'equity'],
  ['crypto', 'crypto'],
  ['forex', 'fx'],
  ['fx', 'fx'],
]);

/** What is traded, as the nearest folder that says it does. */
export function assetClassOf(path: string): Instrument['assetClass'] {
  const folders = dirname(resolve(path)).toLowerCase().split(/[/\\]/);
  return folders.flatMap((folder) => assetFolders.get(folder) ?? []).at(-1) ?? 'unknown';
}

const dated = /^(\d{8})_/;
const named = /^\d{8}_([^_]+)_(?:.*_)?(?:trade|quote|tick)/i;
const unnamed = /^\d{8}_(?:trade|quote)\./i;

function dateIn(name: string | null): string | null {
  const digits = name === null ? undefined : dated.exec(name)?.[1];
  return digits === undefined ? null : dateOf(digits);
}

function symbolIn(name: string | null): string | null {
  return name === null ? null : symbolOf(named.exec(name)?.[1]);
}

function folderSymbol(path: string): string | null {
  return unnamed.test(basename(path)) ? symbolOf(basename(dirname(path))) : null;
}

function symbolOf(text: string | undefined): string | null {
  const symbol = text?.toUpperCase();
  return symbol !== undefined && isSymbol(symbol) ? symbol : null;
}

// What the name of a LEAN file says: `…/tick/bac/20131007_trade.zip`, and inside it
// `20131007_bac_Trade_Tick.csv`. The market, where its folder says it, gives the time zone.

import { basename, dirname } from 'node:path';
import { isSymbol } from '../../contracts/instrument.ts';
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

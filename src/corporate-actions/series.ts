// Whose candles are meant by a symbol, and which actions change them. An instrument is followed
// through its renames by name and date, for a name may be another's before and after.

import { type Micros, micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Adjustment, CorporateAction } from '../contracts/corporate-action.ts';
import type { Dividend, Rename, Split } from '../contracts/wire-objects.ts';
import { dateAt, startOfDate } from './exchange-dates.ts';

/** The candles of a symbol in [from, to). */
export interface NameSpan {
  readonly symbol: string;
  readonly from: Micros;
  readonly to: Micros;
}

/** An action that changes prices: from the moment `at` they are what it made of them. */
export type PriceAction = (Split | Dividend) & { readonly calendar: string; readonly at: Micros };

/** One instrument over time. */
export interface Series {
  /** Ascending, without a gap between them. */
  readonly names: readonly NameSpan[];
  /** The rename by which the symbol was given up before, if its later use is what is meant. */
  readonly givenUp: Rename | null;
  readonly adjustment: Adjustment;
  /** The date, at the exchange, whose names and actions are the ones that count. */
  readonly asof: string;
  /** Those that the adjustment is for, up to and with `asof`, ascending. */
  readonly actions: readonly PriceAction[];
}

export interface SeriesQuery {
  readonly symbol: string;
  readonly adjustment: Adjustment;
  /** A date, or a moment for the date that it is at the exchange then. */
  readonly asof: string | Micros;
}

type DatedRename = Rename & { readonly calendar: string };

/** `known` are the actions of the symbol and of all that renames connect it with. */
export function seriesOf(
  known: readonly CorporateAction[],
  { symbol, adjustment, asof: given }: SeriesQuery,
): Series {
  const asof = typeof given === 'string' ? given : dateAt(given, known[0]?.calendar ?? '24/7');
  const renames = known
    .filter((action) => action.kind === 'rename')
    .sort((a, b) => order(a.date, b.date));
  const tenures = tenuresOf(renames, symbol, asof);
  const isOurs = (name: string, date: string): boolean =>
    isSame(tenuresOf(renames, name, date)[0], tenures[0]);
  const actions = known
    .filter((action) => action.kind !== 'rename')
    .filter(({ kind, date }) => (adjustment === 'all' || adjustment === kind) && date <= asof)
    .filter((action) => isOurs(action.symbol, action.namedOn))
    .sort((a, b) => order(a.date, b.date) || order(a.source, b.source))
    .filter(isFirstToSay)
    .map((action) => ({ ...action, at: startOfDate(action.date, action.calendar) }));
  const [{ begun }] = tenures;
  return {
    names: tenures.map(spanOf),
    givenUp: tenures[0].symbol === symbol ? begun : null,
    adjustment,
    asof,
    actions,
  };
}

/**
 * Where a name that was given up has no candles, its former bearer was meant. Throws Failure
 * `not-found`, which says so.
 */
export function requireBearer({ givenUp }: Series): void {
  if (!givenUp) return;
  const { symbol, to, date } = givenUp;
  throw new Failure(
    'not-found',
    `There are no such candles of ${symbol}, which is ${to} since ${date}.`,
    `Ask for ${to}, or for ${symbol} as of ${date} (asof).`,
  );
}

/** Two sources that tell of one day and kind mean one action; a CSV, somebody's own, goes first. */
function isFirstToSay(
  { date, kind }: CorporateAction,
  index: number,
  sorted: readonly CorporateAction[],
): boolean {
  return index === sorted.findIndex((other) => other.date === date && other.kind === kind);
}

/** The time that an instrument had a name; null where no rename is known at that end. */
interface Tenure {
  readonly symbol: string;
  /** To this name; or from it, by its bearer before, when this tenure is that of the next. */
  readonly begun: DatedRename | null;
  readonly ended: DatedRename | null;
}

/**
 * All tenures of the instrument that a name meant on a date, ascending. On the day of a rename the
 * former name means it still; from the next day on it means whoever uses the name after it.
 */
function tenuresOf(renames: readonly DatedRename[], symbol: string, asof: string): Tenure[] {
  const begun = lastOf(
    renames.filter(
      ({ symbol: from, to, date }) =>
        (to === symbol && date <= asof) || (from === symbol && date < asof),
    ),
    symbol,
  );
  const tenures = [{ symbol, begun, ended: endOf(renames, symbol, begun) }];
  for (let { begun: start } = tenures[0]; start?.to === tenures[0].symbol; ) {
    const { symbol: former, date } = start;
    const earlier = renames.filter((one) => touches(one, former) && one.date < date);
    tenures.unshift({ symbol: former, begun: lastOf(earlier, former), ended: start });
    start = tenures[0].begun;
  }
  for (let { ended } = tenures[tenures.length - 1]; ended; ) {
    const { symbol: name } = tenures[tenures.length - 1];
    if (ended.symbol !== name) break;
    const { to } = ended;
    tenures.push({ symbol: to, begun: ended, ended: endOf(renames, to, ended) });
    ended = tenures[tenures.length - 1].ended;
  }
  return tenures;
}

function touches({ symbol, to }: Rename, name: string): boolean {
  return symbol === name || to === name;
}

/** Of several on the last day, one to the name. */
function lastOf(renames: readonly DatedRename[], name: string): DatedRename | null {
  const last = renames.at(-1);
  return renames.findLast(({ to, date }) => to === name && date === last?.date) ?? last ?? null;
}

/** What ends a tenure: the next rename from the name, or to it by another instrument. */
function endOf(
  renames: readonly DatedRename[],
  name: string,
  begun: DatedRename | null,
): DatedRename | null {
  const later = renames.filter((one) => touches(one, name) && one.date > (begun?.date ?? ''));
  const [first] = later;
  return later.find((one) => one.symbol === name && one.date === first.date) ?? first ?? null;
}

function isSame(a: Tenure, b: Tenure): boolean {
  return a.symbol === b.symbol && a.begun?.date === b.begun?.date;
}

function spanOf({ symbol, begun, ended }: Tenure): NameSpan {
  return {
    symbol,
    from: begun ? startOfDate(begun.date, begun.calendar) : micros(-Infinity),
    to: ended ? startOfDate(ended.date, ended.calendar) : micros(Infinity),
  };
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

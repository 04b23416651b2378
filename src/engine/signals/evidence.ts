// The candles that a signal rests on, read back from where closed candles are kept: each kind says
// beside its definition which these are. What is read next may depend on what was found, and the
// engine reads nothing itself, so a kind asks for candles by what it yields.

import type { PriceKind } from '../../contracts/candle.ts';
import type { MadeName } from '../../contracts/explanation.ts';
import type { Interval } from '../../contracts/interval.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Candle, Signal } from '../../contracts/wire-objects.ts';

/** The newest `limit` of the candles that start in [from, to), microseconds; ascending. */
export interface CandleRead {
  readonly price: PriceKind;
  readonly interval: Interval;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

/** A candle, and what the definition takes it for. */
export interface Exhibit {
  readonly role: string;
  readonly candle: Candle;
  /** Which price of it a single trade made that the signal is about. */
  readonly print?: MadeName;
}

/** Yields what it reads, is given what was found, and returns what the signal rests on. */
export type Evidence = Reading<readonly Exhibit[]>;
type Reading<Result> = Generator<CandleRead, Result, readonly Candle[]>;

/** A signal to find the evidence of. */
export interface Told {
  readonly signal: Signal;
  /** Microseconds: `start` and `time` of the signal. */
  readonly start: number;
  readonly time: number;
  readonly calendar: string;
}

/** How many candles are looked through at once for one of them. */
const readMax = 500;

/** The one candle of an interval that is the whole of a signal's window. */
export function windowItself(interval: Interval, role: string) {
  return function* ({ start }: Told): Evidence {
    return exhibits(role, yield { price: 'trade', interval, from: start, to: start + 1, limit: 1 });
  };
}

export function exhibits(role: string, candles: readonly Candle[]): Exhibit[] {
  return candles.map((candle) => ({ role, candle }));
}

/** The newest candle in [from, to) that is such a one. */
export function* newestThat(
  holds: (candle: Candle) => boolean,
  read: Omit<CandleRead, 'limit'>,
): Reading<Candle | undefined> {
  for (let { to } = read; ; ) {
    const candles = yield { ...read, to, limit: readMax };
    const found = candles.findLast(holds);
    if (found || candles.length < readMax) return found;
    to = startOf(candles[0] as Candle);
  }
}

/** Whether any of its trades may set a price. */
export function isPriced({ priced }: Candle): boolean {
  return priced > 0;
}

export function isClosed({ state }: Candle): boolean {
  return state !== 'open';
}

export function startOf({ start }: Pick<Candle, 'start'>): number {
  return parseTime(start) ?? Number.NaN;
}

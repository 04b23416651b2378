// Candles as the signals see them, and the windows that hold them: sorted by start, one to a start.

export interface Span {
  readonly start: number;
}

/** Prices are integer counts in the symbol's scale, times microseconds. */
export interface PriceSpan extends Span {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

export interface MinuteSpan extends PriceSpan {
  readonly volume: bigint;
  /** Null where bars do not tell it. */
  readonly notional: bigint | null;
  /** Whether any of its trades may set a price. */
  readonly isPriced: boolean;
}

export const second = 1_000_000;
export const minute = 60 * second;
export const hour = 60 * minute;

/** Candles of a second that come later than this are beyond the horizon: nothing asks again. */
export const secondsLateMax = 3 * minute;
/** What asking again about them looks back on: their minute, and one before it. */
export const secondsKept = secondsLateMax + 2 * minute;
/** How many minutes a volume is compared with. */
export const volumeWindows = 20;
/** The oldest of these are only compared with: a revision of one of them is beyond the horizon. */
export const minutesKept = 3 * volumeWindows;

/** Puts a candle in its place by start, over the version that was there; that place. */
export function place<S extends Span>(spans: S[], span: S): number {
  let at = spans.length;
  while (at > 0 && (spans[at - 1] as S).start > span.start) at--;
  const isThere = at > 0 && (spans[at - 1] as S).start === span.start;
  if (isThere) spans[--at] = span;
  else spans.splice(at, 0, span);
  return at;
}

export function floor(time: number, length: number): number {
  return time - (time % length);
}

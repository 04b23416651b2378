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

/** The lowest bid and the highest ask; 0 where there was none. */
export interface QuoteSpan extends Span {
  readonly bid: number;
  readonly ask: number;
}

/** A regular session; its start is the exchange's open. */
export interface SessionSpan extends Span {
  /** When the first and the last of its minutes that had a price began, and their prices. */
  readonly firstStart: number;
  readonly open: number;
  readonly lastStart: number;
  readonly close: number;
}

export const second = 1_000_000;
export const minute = 60 * second;
export const hour = 60 * minute;

/** Candles of a second that come later than this are beyond the horizon: nothing asks again. */
export const secondsLateMax = 3 * minute;
/** What asking again about them looks back on: from their minute on, two minutes. */
const secondsKept = secondsLateMax + 3 * minute;
/** How many minutes before it a minute is compared with. */
export const minutesCompared = 20;
/** The oldest of these are only compared with: a revision of one of them is beyond the horizon. */
const minutesKept = 3 * minutesCompared;

/** Nor is a minute, or an hour, that is this much older than the newest asked again: a week. */
export const minutesLateMax = 7 * 24 * hour;
/** Sessions with prices: the oldest is only compared with. */
export const sessionsKept = 5;

/** Puts a candle in its place by start, over the version that was there; that place. */
export function place<S extends Span>(spans: S[], span: S): number {
  let at = spans.length;
  while (at > 0 && (spans[at - 1] as S).start > span.start) at--;
  const isThere = at > 0 && (spans[at - 1] as S).start === span.start;
  if (isThere) spans[--at] = span;
  else spans.splice(at, 0, span);
  return at;
}

/** Takes a candle out; the place that it had, or -1. */
export function remove(spans: Span[], start: number): number {
  const at = spans.findLastIndex((span) => span.start <= start);
  if (spans[at]?.start !== start) return -1;
  spans.splice(at, 1);
  return at;
}

/** The candle with that start. */
export function spanAt<S extends Span>(spans: readonly S[], start: number): S | undefined {
  const span = spans.findLast((other) => other.start <= start);
  return span?.start === start ? span : undefined;
}

/** Drops what is too old, once that is much, so that the rest is copied rarely; whether it did. */
export function dropSeconds(spans: Span[]): boolean {
  const newest = spans.at(-1)?.start ?? Number.NEGATIVE_INFINITY;
  if ((spans[0]?.start ?? Number.POSITIVE_INFINITY) > newest - secondsKept - minute) return false;
  spans.splice(
    0,
    spans.findIndex(({ start }) => start > newest - secondsKept),
  );
  return true;
}

/** Whether a candle comes so late that what it could change is no longer known before `from`. */
export function isBeyondMinutes(spans: readonly Span[], from: number, start: number): boolean {
  const newest = spans.at(-1)?.start ?? Number.NEGATIVE_INFINITY;
  return start < from || start < newest - minutesLateMax;
}

/**
 * As `dropSeconds`. From which minute on all is known that a minute is compared with, however many
 * are taken away later; null when nothing was dropped.
 */
export function dropMinutes(spans: Span[]): number | null {
  if (spans.length <= 2 * minutesKept) return null;
  spans.splice(0, spans.length - minutesKept);
  return (spans[minutesCompared] as Span).start;
}

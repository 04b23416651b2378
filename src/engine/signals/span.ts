// A candle as the signals see it, and how long those are kept that may be asked again.

import type { CandleWindow } from './candle-window.ts';

/** Prices are integer counts in the symbol's scale, times microseconds. */
export interface PriceSpan {
  readonly start: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
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

/** Drops what is too old, once that is much, so that the rest is moved rarely; whether it did. */
export function dropSeconds(window: CandleWindow): boolean {
  const { newest } = window;
  if (!(window.start(0) <= newest - secondsKept - minute)) return false;
  window.drop(window.lastUntil(newest - secondsKept) + 1);
  return true;
}

/** Whether a candle comes so late that what it could change is no longer known before `from`. */
export function isBeyondMinutes({ newest }: CandleWindow, from: number, start: number): boolean {
  return start < from || start < newest - minutesLateMax;
}

/**
 * As `dropSeconds`. From which minute on all is known that a minute is compared with, however many
 * are taken away later; null when nothing was dropped.
 */
export function dropMinutes(window: CandleWindow): number | null {
  if (window.length <= 2 * minutesKept) return null;
  window.drop(window.length - minutesKept);
  return window.start(minutesCompared);
}

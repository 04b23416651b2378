// What the rows of a batch are like, by entry of its instruments: looked at once, so that of the
// batches in which all is well, which are nearly all, no row has to be judged by itself.

import type { EventColumns } from '../contracts/event-columns.ts';
import { isCancel } from '../contracts/verdict.ts';

/** The columns of a stream that hold prices and sizes. */
export interface AmountColumns {
  readonly prices: readonly Float64Array[];
  readonly sizes: readonly Float64Array[];
}

/** Counts are in the scales of the entry, and a price of 0 is none; times in microseconds. */
export interface Span {
  rows: number;
  /** How far event time is ahead of receive time at most. */
  ahead: number;
  oldest: number;
  newest: number;
  /** How far a row is behind the newest of those before it at most. */
  behind: number;
  priceMin: number;
  priceMax: number;
  priceLast: number;
  sizeMax: number;
  /** The greatest id that is not of a cancel, and the event time beside it; -1 where none is. */
  idMax: number;
  idMaxTime: number;
}

/** One span for each of the batch's instruments. */
export function surveyOf(columns: EventColumns, amounts: AmountColumns): readonly Span[] {
  const { count, instrument } = columns;
  const spans = columns.instruments.map(emptySpan);
  for (let from = 0, to = 0; from < count; from = to) {
    const index = instrument[from];
    while (to < count && instrument[to] === index) to++;
    const span = spans[index as number] as Span;
    span.rows += to - from;
    lookAtTimes(span, columns, from, to);
    lookAtIds(span, columns, from, to);
    for (const column of amounts.prices) lookAtPrices(span, column, from, to);
    for (const column of amounts.sizes) lookAtSizes(span, column, from, to);
  }
  return spans;
}

function emptySpan(): Span {
  return {
    rows: 0,
    ahead: Number.NEGATIVE_INFINITY,
    oldest: Number.POSITIVE_INFINITY,
    newest: Number.NEGATIVE_INFINITY,
    behind: 0,
    priceMin: Number.POSITIVE_INFINITY,
    priceMax: 0,
    priceLast: 0,
    sizeMax: 0,
    idMax: -1,
    idMaxTime: 0,
  };
}

// Local variables are what makes these fast.

function lookAtTimes(
  span: Span,
  { eventTime, receiveTime }: EventColumns,
  from: number,
  to: number,
): void {
  let { ahead, oldest, newest, behind } = span;
  for (let row = from; row < to; row++) {
    const time = eventTime[row] as number;
    const early = time - (receiveTime[row] as number);
    if (early > ahead) ahead = early;
    if (time < oldest) oldest = time;
    if (time >= newest) newest = time;
    else if (newest - time > behind) behind = newest - time;
  }
  span.ahead = ahead;
  span.oldest = oldest;
  span.newest = newest;
  span.behind = behind;
}

function lookAtIds(
  span: Span,
  { id, verdict, eventTime }: EventColumns,
  from: number,
  to: number,
): void {
  let { idMax } = span;
  let at = -1;
  for (let row = from; row < to; row++) {
    if (!((id[row] as number) > idMax) || isCancel(verdict[row] as number)) continue;
    idMax = id[row] as number;
    at = row;
  }
  if (at < 0) return;
  span.idMax = idMax;
  span.idMaxTime = eventTime[at] as number;
}

function lookAtPrices(span: Span, column: Float64Array, from: number, to: number): void {
  let { priceMin, priceMax, priceLast } = span;
  for (let row = from; row < to; row++) {
    const price = column[row] as number;
    if (price === 0) continue;
    if (price < priceMin) priceMin = price;
    if (price > priceMax) priceMax = price;
    priceLast = price;
  }
  span.priceMin = priceMin;
  span.priceMax = priceMax;
  span.priceLast = priceLast;
}

function lookAtSizes(span: Span, column: Float64Array, from: number, to: number): void {
  let { sizeMax } = span;
  for (let row = from; row < to; row++) {
    const size = column[row] as number;
    if (size > sizeMax) sizeMax = size;
  }
  span.sizeMax = sizeMax;
}

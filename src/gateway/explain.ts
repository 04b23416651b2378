// Why a stored candle is what it is: the trades that are stored of its time, folded again by the
// engine, beside the candle itself.

import { type Micros, micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { calendarOf } from '../calendars/calendar.ts';
import type { PriceKind } from '../contracts/candle.ts';
import {
  type CandleExplanation,
  comparedFields,
  type RecomputedCandle,
} from '../contracts/explanation.ts';
import { bucketStart, type Interval, intervalLength } from '../contracts/interval.ts';
import { formatTime, parseDate, parseTime } from '../contracts/time.ts';
import type { Candle } from '../contracts/wire-objects.ts';
import { CandleExplainer, type CandleParts } from '../engine/explain-candle.ts';
import type { History } from '../store/history.ts';
import { formatExplanationCursor, parseExplanationCursor } from './cursor.ts';

export interface CandleToExplain {
  readonly symbol: string;
  readonly price: PriceKind;
  readonly interval: Interval;
  /** The calendar of the symbol's days. */
  readonly calendar: string;
  /** Any time within it, as ISO 8601; a bare date is that day where it is a day's. */
  readonly start: string;
  /** Trades listed; all of them are folded. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Rejects with Failure 'bad-request', 'not-found' for an unknown symbol, 'limit-exceeded'. */
export async function explainCandle(
  history: Pick<History, 'candles' | 'placedTrades'>,
  { symbol, price, interval, limit, cursor, ...bucket }: CandleToExplain,
): Promise<CandleExplanation> {
  const after = cursor === undefined ? null : parseExplanationCursor(cursor);
  const { start: from, end: to } = bucketOf(interval, bucket);
  const explainer = new CandleExplainer(interval, limit, after);
  if (price === 'trade') {
    for await (const trades of history.placedTrades(symbol, { from, to })) explainer.add(trades);
  }
  const [stored = null] = await history.candles(symbol, { interval, price, from, to, limit: 1 });
  const { next, epochs, ...parts } = explainer.end();
  const differences = differencesOf(stored, parts.recomputed);
  // Bars that were folded into it are not in the database: trades alone do not give it.
  const isComparable = price === 'trade' && parts.counts.trades > 0 && stored?.notional !== null;
  return {
    symbol,
    price,
    interval,
    start: formatTime(from),
    end: formatTime(to),
    stored,
    ...parts,
    matches: isComparable ? differences.length === 0 : null,
    differences: isComparable ? differences : [],
    next: next && formatExplanationCursor(next),
    notes: [...notesOn(price, stored, parts, differences.length > 0, epochs)],
  };
}

function bucketOf(
  interval: Interval,
  { start, calendar }: Pick<CandleToExplain, 'start' | 'calendar'>,
): { start: Micros; end: Micros } {
  const time = parseTime(start);
  if (time === null) {
    const detail = `The start "${start}" is no time.`;
    throw new Failure('bad-request', detail, 'Give ISO 8601, such as 2013-10-07T13:30:00Z.');
  }
  if (interval === '1d') {
    const { days } = calendarOf(calendar);
    const date = parseDate(start);
    return date === null ? days.of(time) : days.numbered(date);
  }
  const length = intervalLength(interval);
  const from = bucketStart(time, length);
  return { start: from, end: micros(from + length) };
}

type Difference = CandleExplanation['differences'][number];

/** Field by field; all fields where only one of the two is there. */
function differencesOf(
  stored: RecomputedCandle | null,
  recomputed: RecomputedCandle | null,
): Difference[] {
  return comparedFields
    .map((field) => ({
      field,
      stored: stored && String(stored[field]),
      recomputed: recomputed && String(recomputed[field]),
    }))
    .filter((pair) => pair.stored !== pair.recomputed);
}

function* notesOn(
  price: PriceKind,
  stored: Candle | null,
  { recomputed, counts }: Pick<CandleParts, 'recomputed' | 'counts'>,
  isDifferent: boolean,
  epochs: number,
): Generator<string> {
  if (price !== 'trade') {
    yield 'Candles of bid, ask and mid prices are made of quotes. Quotes are kept in the log and ' +
      'not in the database, so they cannot be listed, nor the candle computed again.';
    if (stored) yield `${stored.trades} quotes had this price; quotes have no volume.`;
    else yield 'No such candle is stored.';
    return;
  }
  if (counts.trades === 0) {
    yield stored
      ? 'No stored trade is behind this candle: it was made of bars, or its trades were dropped.'
      : 'No trade of this time is stored, and so there is no candle.';
    return;
  }
  if (stored?.notional === null) {
    yield 'Bars were folded into this candle as well as trades. They are kept in the log and not ' +
      'in the database, so that the candle cannot be computed again.';
    return;
  }
  if (!recomputed) yield 'None of these trades may move anything, so there is no candle.';
  if (recomputed?.priced === 0) {
    yield 'None of these trades may set open and close, so the prices are those of trades that ' +
      'count to the volume only.';
  }
  if (counts.repeats > 0) {
    yield `${counts.repeats} of these trades stand in two epochs of the log, and count once.`;
  } else if (epochs > 1) {
    yield `These trades are of ${epochs} epochs of the log, which was lost and begun anew.`;
  }
  if (stored?.state === 'open') {
    yield 'The candle is open: what is stored of it may lack the trades of the last moments.';
  } else if (isDifferent) {
    yield 'Trades and candles are stored apart: if a trade has just come, ask again. What stays ' +
      'different is mended by `tapeline rebuild --replace`.';
  }
}

// bad-print: a candle's high (low) is more than 10 % above (below) every price beside it: the
// candles before and after, its own open or close, and the quotes of its time. Where the day has no
// candle before, one sees a single step, which may be real, and it takes 25 %. Asked of seconds,
// where the first of a minute counts, and of minutes whose seconds have not said it already.

import { bucketStart } from '../../contracts/interval.ts';
import { signalId } from '../../contracts/signal.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, isPriced, newestThat, startOf, type Told } from './evidence.ts';
import { isAbove, percentOf, type Steps, stepOf } from './figures.ts';
import { isSameDay } from './sessions.ts';
import { minute, type PriceSpan, second } from './span.ts';
import type { Cause, Finding, SymbolState } from './symbol-state.ts';
import type { MinuteWindow, PriceWindow, QuoteWindow } from './windows.ts';

type Side = 'high' | 'low';

/** A candle and what is beside it. */
interface Print {
  readonly span: PriceSpan;
  readonly length: number;
  readonly before: PriceSpan | undefined;
  readonly after: PriceSpan | undefined;
  readonly quotes: QuoteWindow;
}

const sides = ['high', 'low'] as const;
const farPercent = 10;
const farAlonePercent = 25;
const steps: Steps = [
  [50, 'critical'],
  [25, 'high'],
  [farPercent, 'medium'],
];
/** Seconds farther apart than this are no neighbours. */
const besideMax = minute;

export const badPrint: SignalDefinition = {
  text:
    `The high (low) of a second or minute is more than ${farPercent} % above (below) every price ` +
    'beside it: the candles before and after, its own open or close, and the quotes of its time. ' +
    `Where the day has no candle before it, ${farAlonePercent} %.`,
  parameters: { farPercent, farAlonePercent, ...parametersOf(steps, 'Percent') },
  interval: '1m',
  prices: ['trade', 'bid', 'ask'],
  evidence: printEvidence,
};

/** The signal does not name its interval and side, but its id is made of them. */
function partOf({ id, kind, symbol }: Signal, start: number) {
  for (const interval of ['1s', '1m'] as const) {
    for (const side of sides) {
      const { part } = causeOf(interval, start, side);
      if (signalId(kind, symbol, start, part) === id) return { interval, side };
    }
  }
  return null;
}

function* printEvidence({ signal, start, time, calendar }: Told): Evidence {
  const part = partOf(signal, start);
  if (!part) return [];
  const { interval, side } = part;
  const unit = interval === '1s' ? second : minute;
  const read = { price: 'trade', interval } as const;
  const after = yield { ...read, from: time - unit, to: time, limit: 1 };
  const printed = yield* newestThat(isPriced, { ...read, from: start, to: time - unit });
  if (!printed) return exhibits('the candle after it', after);
  const at = startOf(printed);
  const from = interval === '1s' ? at - besideMax : Number.NEGATIVE_INFINITY;
  const before = yield* newestThat(isPriced, { ...read, from, to: at });
  const isBeside = before !== undefined && isSameDay(calendar, startOf(before), at);
  const price = side === 'high' ? 'ask' : 'bid';
  const quotes = yield { price, interval, from: at, to: at + unit, limit: 1 };
  return [
    ...exhibits('the candle before it', isBeside ? [before] : []),
    { role: `the candle whose ${side} it is`, candle: printed, print: side },
    ...exhibits(`the ${price}s of its time`, quotes),
    ...exhibits('the candle after it', after),
  ];
}

/** Asks the second that the newest one is the candle after of. */
export function askNewestPrints(state: SymbolState): void {
  const index = state.seconds.length - 2;
  // Nearly never.
  if (secondAt(state, index, 'high') || secondAt(state, index, 'low')) {
    askSeconds(state, state.seconds.start(index));
  }
}

/** Asks all that a late second may change: its neighbours may be of other minutes. */
export function askPrintsAround(state: SymbolState, time: number): void {
  const from = bucketStart(time, minute);
  for (const start of [from - minute, from, from + minute]) askSeconds(state, start);
}

/** Asks the second that quotes are of. */
export function askQuotedSecond(state: SymbolState, time: number): void {
  const index = state.seconds.indexOf(time);
  if (index < 0) return;
  const start = bucketStart(time, minute);
  for (const side of sides) {
    const isAsked = secondAt(state, index, side) || state.isRaised(causeOf('1s', start, side));
    if (!isAsked) continue;
    askSeconds(state, time);
    return;
  }
}

/** Asks the minute that quotes are of. */
export function askQuotedMinute(state: SymbolState, start: number): void {
  for (const side of sides) askMinute(state, start, side);
}

/** Asks a minute, and those beside it. */
export function askPrintMinutes(state: SymbolState, time: number): void {
  const { minutes } = state;
  // What is at that time may be gone.
  const after = minutes.lastUntil(time) + 1;
  const before = minutes.start(after - 1) === time ? after - 1 : after;
  askMinuteAt(state, pricedBeside(minutes, before, -1));
  for (const side of sides) askMinute(state, time, side);
  askMinuteAt(state, pricedBeside(minutes, after - 1, 1));
}

function askSeconds(state: SymbolState, time: number): void {
  const start = bucketStart(time, minute);
  for (const side of sides) {
    state.settle(causeOf('1s', start, side), firstSecondOf(state, start, side));
    askMinute(state, start, side);
  }
}

function firstSecondOf(state: SymbolState, start: number, side: Side): Finding | null {
  const { seconds } = state;
  for (let at = seconds.lastBefore(start) + 1; seconds.start(at) < start + minute; at++) {
    const finding = secondAt(state, at, side);
    if (finding) return finding;
  }
  return null;
}

function askMinuteAt(state: SymbolState, index: number): void {
  if (index < 0) return;
  for (const side of sides) askMinute(state, state.minutes.start(index), side);
}

function askMinute(state: SymbolState, start: number, side: Side): void {
  const cause = causeOf('1m', start, side);
  const isSaid = state.isRaised(causeOf('1s', start, side));
  state.settle(cause, isSaid ? null : minuteAt(state, start, side));
}

function causeOf(interval: '1s' | '1m', start: number, side: Side): Cause {
  return { kind: 'bad-print', start, part: `${interval} ${side}` };
}

function secondAt(state: SymbolState, index: number, side: Side): Finding | null {
  const { seconds, quoteSeconds: quotes } = state;
  const next = index + 1;
  // Before anything that takes time: nearly always.
  if (!isFarFromNext(seconds, index, next, side)) return null;
  const span = seconds.span(index) as PriceSpan;
  const isSeen = span.start - seconds.start(index - 1) <= besideMax;
  const before = isSeen ? seconds.span(index - 1) : undefined;
  const after = seconds.start(next) - span.start <= besideMax ? seconds.span(next) : undefined;
  return findingOf(state, { span, length: second, before, after, quotes }, side);
}

function minuteAt(state: SymbolState, time: number, side: Side): Finding | null {
  const { minutes, quoteMinutes: quotes } = state;
  const index = minutes.indexOf(time);
  if (index < 0 || !minutes.isPriced(index)) return null;
  const next = pricedBeside(minutes, index, 1);
  // Before anything that takes time: nearly always.
  if (!isFarFromNext(minutes, index, next, side)) return null;
  const before = minutes.span(pricedBeside(minutes, index, -1));
  const after = minutes.span(next);
  const span = minutes.span(index) as PriceSpan;
  return findingOf(state, { span, length: minute, before, after, quotes }, side);
}

/** The index of the nearest minute with a price before (-1) or after (1) one; -1 for none. */
function pricedBeside(minutes: MinuteWindow, index: number, step: 1 | -1): number {
  let at = index + step;
  while (at >= 0 && at < minutes.length && !minutes.isPriced(at)) at += step;
  return at < minutes.length ? at : -1;
}

/** Both must be there. */
function isFarFromNext(window: PriceWindow, index: number, next: number, side: Side): boolean {
  if (index < 0 || next < 0 || next >= window.length) return false;
  return side === 'high'
    ? isFar(side, window.high(index), window.high(next), farPercent)
    : isFar(side, window.low(index), window.low(next), farPercent);
}

function findingOf(state: SymbolState, print: Print, side: Side): Finding | null {
  const { span, after } = print;
  const price = span[side];
  if (!after) return null;
  const beside = [after[side], ...ownPrices(span, side)];
  if (!isFar(side, price, nearestOf(side, beside), farPercent)) return null;
  if (!isSameDay(state.calendar, span.start, after.start)) return null;
  const { start } = span;
  const isSeen = print.before !== undefined && isSameDay(state.calendar, print.before.start, start);
  const quoted = print.quotes.indexOf(start);
  if (isSeen) beside.push((print.before as PriceSpan)[side]);
  const quote = side === 'high' ? print.quotes.ask(quoted) : print.quotes.bid(quoted);
  if (quote) beside.push(quote);
  const nearest = nearestOf(side, beside);
  if (!isFar(side, price, nearest, isSeen ? farPercent : farAlonePercent)) return null;
  const percent = percentOf(price - nearest, nearest);
  const way = side === 'high' ? 'above' : 'below';
  return {
    time: after.start + print.length,
    severity: stepOf(steps, price - nearest, nearest) ?? 'medium',
    text: `printed ${state.price(price)}, ${percent.replace('-', '')} % ${way} all beside it`,
    values: { price: state.price(price), nearest: state.price(nearest), percent },
  };
}

/** Open or close, whichever is farther from the extreme; a single price has nothing beside it. */
function ownPrices({ open, high, low, close }: PriceSpan, side: Side): number[] {
  if (high === low) return [];
  return [side === 'high' ? Math.min(open, close) : Math.max(open, close)];
}

/** Of prices on the inside of an extreme, the one that is nearest to it. */
function nearestOf(side: Side, prices: readonly number[]): number {
  return side === 'high' ? Math.max(...prices) : Math.min(...prices);
}

function isFar(side: Side, price: number, nearest: number, percent: number): boolean {
  return isAbove(side === 'high' ? price - nearest : nearest - price, 100, nearest, percent);
}

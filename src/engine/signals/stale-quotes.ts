// stale-quotes: a minute had trades while there had been no quote for five minutes, on a day on
// which there had been quotes. Once a hole in the quotes, and only while there is regular trading.
//
// That a quote has not come is not that there is none: they are derived apart from trades. So a
// minute counts once the marks of both bids and asks say that it is over. They follow the candles
// of the quotes of that minute, so a hole is told while it lasts, and no quote that is merely on
// its way undoes it.

import { formatTime } from '../../contracts/time.ts';
import type { Candle } from '../../contracts/wire-objects.ts';
import type { SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, isClosed, startOf, type Told } from './evidence.ts';
import { isOpenAt, isSameDay } from './sessions.ts';
import { hour, minute } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';

const staleAfter = 5 * minute;
/** Of a hole, which ends with its day; of exchanges that have none, this much is looked through. */
const longest = 25 * hour;

export const staleQuotes: SignalDefinition = {
  text:
    'A minute of regular trading had trades while there had been no quote for five minutes, on a ' +
    'day on which there had been quotes, and by the marks of bids and asks the minute is over.',
  parameters: { minutes: staleAfter / minute },
  interval: '1m',
  prices: ['bid', 'ask', 'trade'],
  evidence: staleEvidence,
};

function* staleEvidence({ start, calendar }: Told): Evidence {
  const read = { interval: '1m', limit: longest / minute } as const;
  const last: Candle[] = [];
  const later: Candle[] = [];
  for (const price of ['bid', 'ask'] as const) {
    last.push(...(yield { ...read, price, from: start, to: start + minute }));
    const from = start + minute;
    later.push(...(yield { ...read, price, from, to: from + longest }));
  }
  const next = Math.min(...later.filter(isClosed).map(startOf));
  const from = start + staleAfter;
  const trades = yield { ...read, price: 'trade', from, to: Math.min(next, from + longest) };
  const first = trades.filter(isClosed).find((candle) => {
    const time = startOf(candle);
    return isOpenAt(calendar, time) && isSameDay(calendar, start, time);
  });
  const quotedNext = later.filter((candle) => startOf(candle) === next);
  return [
    ...exhibits('the last minute with quotes', last),
    ...exhibits('the first minute that had trades five minutes later', first ? [first] : []),
    ...exhibits('the next minute with quotes', quotedNext),
  ];
}

/** Asks what hole in the quotes a minute with trades lies in. */
export function askStaleAt(state: SymbolState, time: number): void {
  askStaleAfter(state, state.quoteMinutes.lastUntil(time));
}

/** Asks the holes in which minutes are over by now, before `end`, of one side of the quotes. */
export function askStaleUntil(
  state: SymbolState,
  side: 'bidsOver' | 'asksOver',
  end: number,
): void {
  const before = overOf(state);
  state[side] = Math.max(state[side], end);
  const now = overOf(state);
  if (now === before) return;
  const { quoteMinutes } = state;
  const first = Math.max(0, quoteMinutes.lastBefore(before));
  for (let index = first; quoteMinutes.start(index) < now; index++) askStaleAfter(state, index);
}

/** Asks the hole behind the minute of quotes at `index`, if there is one. */
export function askStaleAfter(state: SymbolState, index: number): void {
  const { quoteMinutes, minutesFrom } = state;
  if (index < 0) return;
  const start = quoteMinutes.start(index);
  const from = start + staleAfter;
  const isLast = index === quoteMinutes.length - 1;
  const to = isLast ? overOf(state) : Math.min(quoteMinutes.start(index + 1), overOf(state));
  const cause = { kind: 'stale-quotes', start } as const;
  // Nearly always.
  if (to <= from && !state.isRaised(cause)) return;
  if (isStale(state, from, to)) state.settle(cause, findingOf(start));
  // Of the minutes that are forgotten, one may have had the trades.
  else if (Math.min(to, minutesFrom) <= from) state.settle(cause, null);
}

function overOf({ bidsOver, asksOver }: SymbolState): number {
  return Math.min(bidsOver, asksOver);
}

function isStale({ calendar, minutes }: SymbolState, from: number, to: number): boolean {
  for (let index = minutes.lastBefore(to); minutes.start(index) >= from; index--) {
    const start = minutes.start(index);
    if (isOpenAt(calendar, start) && isSameDay(calendar, from - staleAfter, start)) return true;
  }
  return false;
}

/** Of the last minute with quotes before a hole. */
function findingOf(start: number): Finding {
  return {
    time: start + staleAfter,
    severity: 'medium',
    text: `trades, but nobody has quoted it since ${formatTime(start + minute)}`,
    values: { quoted: formatTime(start + minute) },
  };
}

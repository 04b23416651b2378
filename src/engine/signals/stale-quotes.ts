// stale-quotes: a minute had trades while there had been no quote for five minutes, on a day on
// which there had been quotes. Once a hole in the quotes, and only while there is regular trading.
//
// A hole is between two minutes with quotes of the symbol. Until it has ended nothing is said, for
// nothing else tells it from quotes that are on their way: they are derived apart from trades, and
// other symbols may be replayed hours ahead.

import { formatTime } from '../../contracts/time.ts';
import type { SignalDefinition } from './definition.ts';
import { isOpenAt, isSameDay } from './sessions.ts';
import { minute, type QuoteSpan } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';

const staleAfter = 5 * minute;

export const staleQuotes: SignalDefinition = {
  text:
    'A minute of regular trading had trades while there had been no quote for five minutes, on a ' +
    'day on which there had been quotes; told once there are quotes again.',
  parameters: { minutes: staleAfter / minute },
  interval: '1m',
  prices: ['bid', 'ask', 'trade'],
  candlesMax: 1,
  lookback: Number.POSITIVE_INFINITY,
  newest: 'the last minute before the hole was as long, or with trades in it',
  others: '',
};

/** Asks what hole in the quotes a minute with trades lies in. */
export function askStaleAt(state: SymbolState, time: number): void {
  askStaleAfter(
    state,
    state.quoteMinutes.findLastIndex(({ start }) => start <= time),
  );
}

/** Asks the hole behind the minute of quotes at `index`. */
export function askStaleAfter(state: SymbolState, index: number): void {
  const quoted = state.quoteMinutes[index];
  const next = state.quoteMinutes[index + 1]?.start;
  if (!quoted || next === undefined) return;
  const cause = { kind: 'stale-quotes', start: quoted.start } as const;
  // Nearly always.
  if (next <= quoted.start + staleAfter && !state.isRaised(cause)) return;
  state.settle(cause, isStale(state, quoted, next) ? findingOf(quoted) : null);
}

function isStale({ calendar, minutes }: SymbolState, quoted: QuoteSpan, next: number): boolean {
  return minutes.some(
    ({ start }) =>
      start >= quoted.start + staleAfter &&
      start < next &&
      isOpenAt(calendar, start) &&
      isSameDay(calendar, quoted.start, start),
  );
}

function findingOf({ start }: QuoteSpan): Finding {
  return {
    time: start + staleAfter,
    severity: 'medium',
    text: `trades, but nobody has quoted it since ${formatTime(start + minute)}`,
    values: { quoted: formatTime(start + minute) },
  };
}

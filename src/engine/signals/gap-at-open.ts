// gap-at-open: the first price of a regular session is more than 2 % away from the last price of
// the last session before it that had any. Once a session.

import { parametersOf, type SignalDefinition } from './definition.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { sessionAt } from './sessions.ts';
import { type MinuteSpan, minute, place, type SessionSpan, sessionsKept } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';

const steps: Steps = [
  [20, 'critical'],
  [10, 'high'],
  [5, 'medium'],
  [2, 'low'],
];

export const gapAtOpen: SignalDefinition = {
  text:
    'The open of the first minute of a session is more than 2 % away from the close of the last ' +
    'minute of the last session before it that had any.',
  parameters: parametersOf(steps, 'Percent'),
  interval: '1m',
  prices: ['trade'],
  candlesMax: 1,
  lookback: minute,
  newest: 'the first minute of the session',
  others: '',
};

/** Takes a minute into its session, and asks that one and the next. */
export function askGaps(state: SymbolState, span: MinuteSpan): void {
  const { sessions } = state;
  const start = span.isPriced ? sessionAt(state.calendar, span.start)?.open : undefined;
  if (start === undefined) return;
  const isFull = sessions.length === sessionsKept;
  // The oldest is only compared with.
  if (isFull && start < (sessions[1] as SessionSpan).start) return;
  const known = sessions.find((session) => session.start === start);
  const index = place(sessions, withMinute(known, start, span));
  for (let at = index; at <= index + 1 && at < sessions.length; at++) {
    const session = sessions[at] as SessionSpan;
    state.settle({ kind: 'gap-at-open', start: session.start }, gapOf(state, at));
  }
  if (sessions.length <= sessionsKept) return;
  sessions.shift();
  state.forget(['gap-at-open'], (sessions[0] as SessionSpan).start);
}

function withMinute(known: SessionSpan | undefined, start: number, span: MinuteSpan): SessionSpan {
  const session = known ?? {
    start,
    firstStart: Number.POSITIVE_INFINITY,
    open: 0,
    lastStart: Number.NEGATIVE_INFINITY,
    close: 0,
  };
  const isFirst = span.start <= session.firstStart;
  const isLast = span.start >= session.lastStart;
  return {
    ...session,
    ...(isFirst ? { firstStart: span.start, open: span.open } : {}),
    ...(isLast ? { lastStart: span.start, close: span.close } : {}),
  };
}

function gapOf(state: SymbolState, index: number): Finding | null {
  const before = state.sessions[index - 1];
  if (!before) return null;
  const { open, firstStart } = state.sessions[index] as SessionSpan;
  const gap = open - before.close;
  const severity = stepOf(steps, gap, before.close);
  if (!severity) return null;
  const percent = percentOf(gap, before.close);
  const side = gap > 0 ? 'above' : 'below';
  return {
    time: firstStart + minute,
    severity,
    text: `opened ${percent.replace('-', '')} % ${side} its last close, at ${state.price(open)}`,
    values: { from: state.price(before.close), to: state.price(open), percent },
  };
}

// gap-at-open: the first price of a regular session is more than 2 % away from the last price of
// the last session before it that had any. Once a session.

import { parametersOf, type SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, isPriced, newestThat, startOf, type Told } from './evidence.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { sessionAt } from './sessions.ts';
import {
  type MinuteSpan,
  minute,
  place,
  remove,
  type SessionSpan,
  sessionsKept,
  spanAt,
} from './span.ts';
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
  evidence: gapEvidence,
};

function* gapEvidence({ start, time, calendar }: Told): Evidence {
  const read = { price: 'trade', interval: '1m' } as const;
  const last = yield* newestThat(
    (candle) => isPriced(candle) && sessionAt(calendar, startOf(candle)) !== null,
    { ...read, from: Number.NEGATIVE_INFINITY, to: start },
  );
  const first = yield { ...read, from: time - minute, to: time, limit: 1 };
  return [
    ...exhibits('the last minute of the session before', last ? [last] : []),
    ...exhibits('the first minute of the session', first),
  ];
}

/** Takes a minute with a price into its session, and asks that one and the next. */
export function askGaps(state: SymbolState, span: MinuteSpan): void {
  const { sessions } = state;
  const start = askedSessionAt(state, span.start);
  if (start === null) return;
  const known = spanAt(sessions, start);
  askGapsFrom(state, place(sessions, withMinute(known, start, span)));
  if (sessions.length <= sessionsKept) return;
  sessions.shift();
  state.forget(['gap-at-open'], (sessions[0] as SessionSpan).start);
}

/** Takes a minute that has no price any more out of its session, and asks as `askGaps` does. */
export function askGapsWithout(state: SymbolState, time: number): void {
  const { sessions, minutes, calendar } = state;
  const start = askedSessionAt(state, time);
  const known = start === null ? undefined : spanAt(sessions, start);
  if (!known || (time !== known.firstStart && time !== known.lastStart)) return;
  // All from it on are in the window, and twenty before it.
  const left = minutes.filter(
    (span) => span.isPriced && sessionAt(calendar, span.start)?.open === known.start,
  );
  const first = left[0];
  const last = left.at(-1);
  if (first && last) {
    const opened = time === known.firstStart ? openedWith(first) : {};
    const closed = time === known.lastStart ? closedWith(last) : {};
    askGapsFrom(state, place(sessions, { ...known, ...opened, ...closed }));
  } else {
    const index = remove(sessions, known.start);
    state.settle({ kind: 'gap-at-open', start: known.start }, null);
    askGapsFrom(state, index);
  }
}

/** The open of a minute's session; null where there is none that may be asked. */
function askedSessionAt({ calendar, sessions }: SymbolState, time: number): number | null {
  const start = sessionAt(calendar, time)?.open ?? null;
  // The oldest is only compared with.
  const isOldest = sessions.length === sessionsKept && (start ?? 0) < (sessions[1]?.start ?? 0);
  return isOldest ? null : start;
}

function askGapsFrom(state: SymbolState, index: number): void {
  for (let at = index; at <= index + 1 && at < state.sessions.length; at++) {
    const { start } = state.sessions[at] as SessionSpan;
    state.settle({ kind: 'gap-at-open', start }, gapOf(state, at));
  }
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
    ...(isFirst ? openedWith(span) : {}),
    ...(isLast ? closedWith(span) : {}),
  };
}

function openedWith({ start, open }: MinuteSpan) {
  return { firstStart: start, open };
}

function closedWith({ start, close }: MinuteSpan) {
  return { lastStart: start, close };
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

// gap-at-open: the first price of a regular session is more than 2 % away from the last price of
// the last session before it that had any. Once a session.

import { parametersOf, type SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, isPriced, newestThat, startOf, type Told } from './evidence.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { sessionAt } from './sessions.ts';
import { minute, sessionsKept } from './span.ts';
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

/** Takes the minute at `index`, which has a price, into its session, and asks that and the next. */
export function askGaps(state: SymbolState, index: number): void {
  const { sessions, minutes } = state;
  const time = minutes.start(index);
  const start = askedSessionAt(state, time);
  if (start === null) return;
  const session = sessions.include(start, time, minutes.open(index), minutes.close(index));
  askGapsFrom(state, session);
  if (sessions.length <= sessionsKept) return;
  sessions.drop(1);
  state.forget(['gap-at-open'], sessions.start(0));
}

/** Takes a minute that has no price any more out of its session, and asks as `askGaps` does. */
export function askGapsWithout(state: SymbolState, time: number): void {
  const { sessions, minutes } = state;
  const start = askedSessionAt(state, time);
  const session = start === null ? -1 : sessions.indexOf(start);
  const [firstStart, lastStart] = [sessions.firstStart(session), sessions.lastStart(session)];
  if (start === null || (time !== firstStart && time !== lastStart)) return;
  // All from it on are in the window, and twenty before it.
  const left = pricedOf(state, start);
  const [first, last] = [left[0], left.at(-1)];
  if (first === undefined || last === undefined) {
    sessions.remove(start);
    state.settle({ kind: 'gap-at-open', start }, null);
  } else {
    if (time === firstStart) sessions.setFirst(session, minutes.start(first), minutes.open(first));
    if (time === lastStart) sessions.setLast(session, minutes.start(last), minutes.close(last));
  }
  askGapsFrom(state, session);
}

/** The indexes of the minutes of a session that have a price. */
function pricedOf({ minutes, calendar }: SymbolState, session: number): number[] {
  const priced: number[] = [];
  for (let index = minutes.lastBefore(session) + 1; index < minutes.length; index++) {
    const isIn = sessionAt(calendar, minutes.start(index))?.open === session;
    if (isIn && minutes.isPriced(index)) priced.push(index);
  }
  return priced;
}

/** The open of a minute's session; null where there is none that may be asked. */
function askedSessionAt({ calendar, sessions }: SymbolState, time: number): number | null {
  const start = sessionAt(calendar, time)?.open ?? null;
  // The oldest is only compared with.
  const isOldest = sessions.length === sessionsKept && (start ?? 0) < sessions.start(1);
  return isOldest ? null : start;
}

function askGapsFrom(state: SymbolState, index: number): void {
  for (let at = index; at <= index + 1 && at < state.sessions.length; at++) {
    state.settle({ kind: 'gap-at-open', start: state.sessions.start(at) }, gapOf(state, at));
  }
}

function gapOf(state: SymbolState, index: number): Finding | null {
  const { sessions } = state;
  if (index === 0) return null;
  const [before, open] = [sessions.close(index - 1), sessions.open(index)];
  const gap = open - before;
  const severity = stepOf(steps, gap, before);
  if (!severity) return null;
  const percent = percentOf(gap, before);
  const side = gap > 0 ? 'above' : 'below';
  return {
    time: sessions.firstStart(index) + minute,
    severity,
    text: `opened ${percent.replace('-', '')} % ${side} its last close, at ${state.price(open)}`,
    values: { from: state.price(before), to: state.price(open), percent },
  };
}

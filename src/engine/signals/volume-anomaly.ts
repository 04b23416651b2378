// volume-anomaly: a minute's volume is more than 3 standard deviations above the mean of what it is
// compared with, and at least twice that mean. That is the same minute of at least five sessions of
// the last four weeks, so that the open is none; where there are fewer, and outside of sessions, it
// is the last 20 minutes that had trades.

import { divide, formatBigDecimal } from '../../contracts/decimal.ts';
import type { Severity } from '../../contracts/signal.ts';
import type { Candle } from '../../contracts/wire-objects.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, type Told } from './evidence.ts';
import { isBeyondMinutes, minute, minutesCompared } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';
import { sameMinutesBefore, sessionMinuteAt, type VolumeHistory } from './volume-history.ts';
import type { MinuteWindow } from './windows.ts';

const sessionsMin = 5;
/** Standard deviations beyond which an anomaly is of each severity, from the worst on. */
const sigmaSteps: readonly (readonly [sigmas: bigint, Severity])[] = [
  [10n, 'critical'],
  [5n, 'high'],
  [3n, 'medium'],
];

export const volumeAnomaly: SignalDefinition = {
  text:
    'The volume of a minute is more than 3 standard deviations above the mean of those it is ' +
    'compared with, and at least twice that mean: those of the same minute of past sessions ' +
    `where there are ${sessionsMin} or more, else of the last ${minutesCompared} with trades.`,
  parameters: {
    minutes: minutesCompared,
    sessionsMin,
    timesMeanMin: 2,
    ...parametersOf(sigmaSteps, 'Sigmas'),
  },
  interval: '1m',
  prices: ['trade'],
  evidence: volumeEvidence,
};

function* volumeEvidence({ start, calendar }: Told): Evidence {
  const read = { price: 'trade', interval: '1m' } as const;
  const own = yield { ...read, from: start, to: start + minute, limit: 1 };
  const sameMinute: Candle[] = [];
  for (const from of sameMinutesBefore(calendar, start)) {
    const candles = yield { ...read, from, to: from + minute, limit: 1 };
    sameMinute.push(...candles.filter(({ volume }) => Number(volume) > 0));
  }
  const isKnown = sameMinute.length >= sessionsMin;
  const last = { ...read, from: Number.NEGATIVE_INFINITY, to: start, limit: minutesCompared };
  return [
    ...exhibits(
      `the same minute of a session before${isKnown ? '' : ': too few to compare with'}`,
      sameMinute,
    ),
    ...exhibits('a minute before it', isKnown ? [] : yield last),
    ...exhibits('the minute', own),
  ];
}

/** Asks the minute at `index`, and those that are compared with it as with one of the last. */
export function askVolumesFrom(state: SymbolState, history: VolumeHistory, index: number): void {
  for (let at = index; at <= index + minutesCompared && at < state.minutes.length; at++) {
    askVolume(state, history, at);
  }
}

/** Asks the same minute of later sessions. */
export function askLaterVolumes(state: SymbolState, history: VolumeHistory, start: number): void {
  const { minutes, minutesFrom, calendar } = state;
  const at = sessionMinuteAt(calendar, start);
  if (!at) return;
  for (const open of history.after(state, at)) {
    const later = open + at.index * minute;
    const index = minutes.indexOf(later);
    if (index < 0 || isBeyondMinutes(minutes, minutesFrom, later)) continue;
    askVolume(state, history, index);
  }
}

function askVolume(state: SymbolState, history: VolumeHistory, index: number): void {
  const start = state.minutes.start(index);
  state.settle({ kind: 'volume-anomaly', start }, anomalyAt(state, history, index));
}

function anomalyAt(state: SymbolState, history: VolumeHistory, index: number): Finding | null {
  const { minutes } = state;
  const start = minutes.start(index);
  const at = sessionMinuteAt(state.calendar, start);
  const sameMinute = at ? history.before(state, at) : [];
  const isKnown = sameMinute.length >= sessionsMin;
  // Before anything that takes time: nearly always.
  if (!isKnown && (index < minutesCompared || !mayBeMuch(minutes, index))) return null;
  const before = isKnown ? sameMinute : volumesBefore(minutes, index);
  const volume = minutes.volume(index);
  const n = BigInt(before.length);
  const sum = before.reduce((total, other) => total + other, 0n);
  const above = n * volume - sum;
  if (above <= 0n || n * volume < 2n * sum) return null;
  const squares = before.reduce((total, other) => total + other ** 2n, 0n);
  const spread = n * squares - sum * sum;
  const step = sigmaSteps.find(([sigmas]) => above * above > sigmas * sigmas * spread);
  if (!step) return null;
  const mean = formatBigDecimal(divide(sum, n, 2), state.sizeScale + 2);
  return {
    time: start + minute,
    severity: step[1],
    text: `traded ${state.size(volume)} in a minute, where ${mean} is usual`,
    values: {
      volume: state.size(volume),
      mean,
      sigmas: `more than ${step[0]}`,
      comparedWith: `${n} ${isKnown ? 'sessions' : 'minutes'}`,
    },
  };
}

/** Whether a volume may be twice the mean of those before it: doubles are surer than to 5 %. */
function mayBeMuch(minutes: MinuteWindow, index: number): boolean {
  let sum = 0;
  for (let at = index - minutesCompared; at < index; at++) sum += minutes.roughVolume(at);
  return minutesCompared * minutes.roughVolume(index) > 1.9 * sum;
}

function volumesBefore(minutes: MinuteWindow, index: number): bigint[] {
  return Array.from({ length: minutesCompared }, (_, n) =>
    minutes.volume(index - minutesCompared + n),
  );
}

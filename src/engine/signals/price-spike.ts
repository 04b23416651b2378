// price-spike: within the minute that ends with this second the price rose (fell) by more than 5 %
// to this second's high (low), and at the last second before it in that minute it had not. Once a
// minute of the clock and direction: the first such second.

import { bucketStart } from '../../contracts/interval.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, isPriced, startOf, type Told } from './evidence.ts';
import { isAbove, percentOf, type Steps, stepOf } from './figures.ts';
import { minute, second } from './span.ts';
import type { Cause, Finding, SymbolState } from './symbol-state.ts';
import type { PriceWindow } from './windows.ts';

type Direction = 'up' | 'down';

const spikePercent = 5;
const steps: Steps = [
  [20, 'critical'],
  [10, 'high'],
  [spikePercent, 'medium'],
];
const directions = ['up', 'down'] as const;

export const priceSpike: SignalDefinition = {
  text:
    `The high of a second is more than ${spikePercent} % above the lowest low of the 60 seconds ` +
    'that end with it (up), or its low as far below their highest high (down), and it was not so ' +
    'at the last second before it in those 60.',
  parameters: { windowSeconds: 60, ...parametersOf(steps, 'Percent') },
  interval: '1s',
  prices: ['trade'],
  evidence: spikeEvidence,
};

/** Its window, and that of the second before it, at which it was not so. */
function* spikeEvidence({ time }: Told): Evidence {
  const read = { price: 'trade', interval: '1s', limit: minute / second } as const;
  const window = (yield { ...read, from: time - minute, to: time }).filter(isPriced);
  const others = window.slice(0, -1);
  const before = others.pop();
  const from = before ? startOf(before) + second - minute : time;
  const older = before ? yield { ...read, from, to: time - minute } : [];
  return [
    ...exhibits('a second of the window of the second before it alone', older.filter(isPriced)),
    ...exhibits('a second of the window', others),
    ...exhibits('the second before it', before ? [before] : []),
    ...exhibits('the second that completed it', window.slice(-1)),
  ];
}

/** Asks the newest second. What is raised in a minute is not raised in it again. */
export function askNewestSpike(state: SymbolState): void {
  // Nearly always.
  if (!isFar(state.range.high, state.range.low)) return;
  const index = state.seconds.length - 1;
  const start = bucketStart(state.seconds.newest, minute);
  for (const direction of directions) {
    if (!isSpike(state, index, direction)) continue;
    const cause = causeOf(start, direction);
    if (!state.isRaised(cause)) state.settle(cause, spikeAt(state, index, direction));
  }
}

/** Asks all that a late second may change: whom it is beside, and who is beside those. */
export function askSpikesAround(state: SymbolState, time: number): void {
  const from = bucketStart(time, minute);
  for (const start of [from, from + minute, from + 2 * minute]) {
    for (const direction of directions) {
      state.settle(causeOf(start, direction), firstSpikeOf(state, start, direction));
    }
  }
}

function firstSpikeOf(state: SymbolState, start: number, direction: Direction): Finding | null {
  const { seconds } = state;
  for (let at = seconds.lastBefore(start) + 1; seconds.start(at) < start + minute; at++) {
    if (isSpike(state, at, direction)) return spikeAt(state, at, direction);
  }
  return null;
}

function causeOf(start: number, direction: Direction): Cause {
  return { kind: 'price-spike', start, part: direction };
}

function isSpike({ seconds }: SymbolState, index: number, direction: Direction): boolean {
  if (extremeBefore(seconds, index, direction) === null) return false;
  const isInMinute = seconds.start(index - 1) > seconds.start(index) - minute;
  return !isInMinute || extremeBefore(seconds, index - 1, direction) === null;
}

function spikeAt(state: SymbolState, index: number, direction: Direction): Finding {
  const { seconds } = state;
  const from = extremeBefore(seconds, index, direction) as number;
  const to = direction === 'up' ? seconds.high(index) : seconds.low(index);
  const percent = percentOf(to - from, from);
  const verb = direction === 'up' ? 'rose' : 'fell';
  return {
    time: seconds.start(index) + second,
    severity: stepOf(steps, to - from, from) ?? 'medium',
    text: `${verb} ${percent.replace('-', '')} % within a minute, to ${state.price(to)}`,
    values: { direction, from: state.price(from), to: state.price(to), percent },
  };
}

/** Whether a price is so far from a lower one that a spike lies between, up or down. */
function isFar(high: number, low: number): boolean {
  return isAbove(high, 100, low, 100 + spikePercent) || isAbove(high, 100 - spikePercent, low, 100);
}

/** The price that the second at `index` is too far away from; null when there is none. */
function extremeBefore(seconds: PriceWindow, index: number, direction: Direction): number | null {
  const from = seconds.start(index) - minute;
  let low = seconds.low(index);
  let high = seconds.high(index);
  for (let at = index - 1; seconds.start(at) > from; at--) {
    low = Math.min(low, seconds.low(at));
    high = Math.max(high, seconds.high(at));
  }
  if (direction === 'up') {
    return isAbove(seconds.high(index), 100, low, 100 + spikePercent) ? low : null;
  }
  return isAbove(high, 100 - spikePercent, seconds.low(index), 100) ? high : null;
}

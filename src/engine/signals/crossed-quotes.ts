// crossed-quotes: in five seconds of a minute all bids were at or above all asks. Once a minute:
// the fifth such second. Only in regular trading: before an auction, crossed is usual.

import { parseDecimal } from '../../contracts/decimal.ts';
import { bucketStart } from '../../contracts/interval.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, type Told } from './evidence.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { isOpenAt } from './sessions.ts';
import { minute, second } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';
import type { QuoteWindow } from './windows.ts';

const secondsCrossed = 5;
const steps: Steps = [
  [1, 'high'],
  [0, 'medium'],
];

export const crossedQuotes: SignalDefinition = {
  text:
    `In ${secondsCrossed} seconds of a minute of regular trading, each with quotes of both ` +
    'sides, the lowest bid was at or above the highest ask.',
  parameters: { secondsCrossed, ...parametersOf(steps, 'Percent') },
  interval: '1s',
  prices: ['bid', 'ask'],
  evidence: crossedEvidence,
};

function* crossedEvidence({ start }: Told): Evidence {
  const read = { interval: '1s', from: start, to: start + minute, limit: minute / second } as const;
  const bids = yield { ...read, price: 'bid' };
  const asks = yield { ...read, price: 'ask' };
  return bids
    .flatMap((bid) => {
      const ask = asks.find((other) => other.start === bid.start);
      return ask && isAtLeast(bid.low, ask.high) ? [[bid, ask]] : [];
    })
    .slice(0, secondsCrossed)
    .flatMap((pair, at) =>
      exhibits(at < secondsCrossed - 1 ? 'a crossed second' : 'the second that completed it', pair),
    );
}

/** Of two prices as exact decimals. */
function isAtLeast(price: string, other: string): boolean {
  const [a, b] = [parseDecimal(price), parseDecimal(other)];
  if (!a || !b) return false;
  return BigInt(a.value) * 10n ** BigInt(b.scale) >= BigInt(b.value) * 10n ** BigInt(a.scale);
}

/** Asks the minute of the second of quotes at `index`. */
export function askCrossed(state: SymbolState, index: number): void {
  const { quoteSeconds, calendar } = state;
  const time = quoteSeconds.start(index);
  const cause = { kind: 'crossed-quotes', start: bucketStart(time, minute) } as const;
  // Nearly always.
  if (!isCrossed(quoteSeconds, index) && !state.isRaised(cause)) return;
  const fifth = isOpenAt(calendar, time) ? fifthCrossed(quoteSeconds, cause.start) : -1;
  state.settle(cause, fifth < 0 ? null : findingOf(state, fifth));
}

/** The index of the fifth crossed second of a minute, or -1. */
function fifthCrossed(quoteSeconds: QuoteWindow, start: number): number {
  let crossed = 0;
  for (let at = quoteSeconds.lastBefore(start) + 1; quoteSeconds.start(at) < start + minute; at++) {
    if (isCrossed(quoteSeconds, at) && ++crossed === secondsCrossed) return at;
  }
  return -1;
}

function isCrossed(quoteSeconds: QuoteWindow, index: number): boolean {
  const ask = quoteSeconds.ask(index);
  return ask > 0 && quoteSeconds.bid(index) >= ask;
}

function findingOf(state: SymbolState, index: number): Finding {
  const { quoteSeconds } = state;
  const [bid, ask] = [quoteSeconds.bid(index), quoteSeconds.ask(index)];
  const how = bid === ask ? 'locked' : 'crossed';
  return {
    time: quoteSeconds.start(index) + second,
    severity: stepOf(steps, bid - ask, ask) ?? 'low',
    text: `quotes were ${how} for ${secondsCrossed} seconds of a minute, bid ${state.price(bid)}`,
    values: { bid: state.price(bid), ask: state.price(ask), percent: percentOf(bid - ask, ask) },
  };
}

// crossed-quotes: in five seconds of a minute all bids were at or above all asks. Once a minute:
// the fifth such second. Only in regular trading: before an auction, crossed is usual.

import { parseDecimal } from '../../contracts/decimal.ts';
import { bucketStart } from '../../contracts/interval.ts';
import { parametersOf, type SignalDefinition } from './definition.ts';
import { type Evidence, exhibits, type Told } from './evidence.ts';
import { percentOf, type Steps, stepOf } from './figures.ts';
import { isOpenAt } from './sessions.ts';
import { minute, type QuoteSpan, second } from './span.ts';
import type { Finding, SymbolState } from './symbol-state.ts';

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

/** Asks the minute of a second of quotes. */
export function askCrossed(state: SymbolState, span: QuoteSpan): void {
  const cause = { kind: 'crossed-quotes', start: bucketStart(span.start, minute) } as const;
  // Nearly always.
  if (!isCrossed(span) && !state.isRaised(cause)) return;
  const crossed = isOpenAt(state.calendar, span.start)
    ? state.quoteSeconds.filter(
        (other) => bucketStart(other.start, minute) === cause.start && isCrossed(other),
      )
    : [];
  const fifth = crossed[secondsCrossed - 1];
  state.settle(cause, fifth ? findingOf(state, fifth) : null);
}

function isCrossed({ bid, ask }: QuoteSpan): boolean {
  return ask > 0 && bid >= ask;
}

function findingOf(state: SymbolState, { start, bid, ask }: QuoteSpan): Finding {
  const how = bid === ask ? 'locked' : 'crossed';
  return {
    time: start + second,
    severity: stepOf(steps, bid - ask, ask) ?? 'low',
    text: `quotes were ${how} for ${secondsCrossed} seconds of a minute, bid ${state.price(bid)}`,
    values: { bid: state.price(bid), ask: state.price(ask), percent: percentOf(bid - ask, ask) },
  };
}

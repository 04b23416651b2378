// The definition of every kind of signal.

import type { SignalKind } from '../../contracts/signal.ts';
import { badPrint } from './bad-print.ts';
import { crossedQuotes } from './crossed-quotes.ts';
import type { SignalDefinition } from './definition.ts';
import { gapAtOpen } from './gap-at-open.ts';
import { priceChange } from './price-change.ts';
import { priceSpike } from './price-spike.ts';
import { staleQuotes } from './stale-quotes.ts';
import { volatility } from './volatility.ts';
import { volumeAnomaly } from './volume-anomaly.ts';

export const signalDefinitions: Readonly<Record<SignalKind, SignalDefinition>> = {
  'price-spike': priceSpike,
  'volume-anomaly': volumeAnomaly,
  volatility,
  'price-change': priceChange,
  'gap-at-open': gapAtOpen,
  'crossed-quotes': crossedQuotes,
  'stale-quotes': staleQuotes,
  'bad-print': badPrint,
};

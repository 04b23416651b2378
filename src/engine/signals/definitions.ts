// The definition of every kind of signal.

import type { SignalKind } from '../../contracts/signal.ts';
import type { SignalDefinition } from './definition.ts';
import { priceChange } from './price-change.ts';
import { priceSpike } from './price-spike.ts';
import { volatility } from './volatility.ts';
import { volumeAnomaly } from './volume-anomaly.ts';

export const signalDefinitions: Readonly<Record<SignalKind, SignalDefinition>> = {
  'price-spike': priceSpike,
  'volume-anomaly': volumeAnomaly,
  volatility,
  'price-change': priceChange,
};

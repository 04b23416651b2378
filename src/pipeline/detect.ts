// Detect: joins the signal operator to the log: candles in, signals out.

import type { Clock } from '../base/clock.ts';
import { decodeCandles } from '../contracts/candle.ts';
import { encodeJson, frameKind } from '../contracts/frame.ts';
import { SignalOperator, type SignalSnapshot } from '../engine/signals/signals.ts';
import type { Append, Log, StoredBatch } from '../log/log.ts';
import { Follower, type Operated } from './follower.ts';
import type { Meters } from './meters.ts';

export function detectSignals(log: Log, clock: Clock, meters: Meters): Follower {
  return new Follower(log, 'market.candles', 'signals', new Signals(meters), clock, meters);
}

class Signals implements Operated {
  readonly isFull = false;
  readonly #meters: Meters;
  #operator = new SignalOperator();

  constructor(meters: Meters) {
    this.#meters = meters;
  }

  async apply({ bytes }: StoredBatch): Promise<Append | null> {
    if (frameKind(bytes) !== 'candles') return null;
    const signals = this.#operator.apply(decodeCandles(bytes));
    if (signals.length === 0) return null;
    for (const { kind, state } of signals) this.#meters.signals.inc({ kind, state });
    const count = signals.length;
    return { topic: 'market.signals', partition: 0, count, bytes: encodeJson(signals) };
  }

  async checkpoint() {
    return { snapshot: this.#operator.snapshot(), kept: [] };
  }

  saved(): void {}

  async restore(snapshot: unknown): Promise<void> {
    this.#operator = SignalOperator.fromSnapshot(snapshot as SignalSnapshot);
  }
}

// Detect: joins the signal operator to the log: candles and marks in, signals out. What the
// operator knows is many small values of the log's state, each written with a checkpoint when it
// has changed. Those of the symbols are all in memory, those of past volumes only while they are
// asked for.

import { type Clock, microsPerSecond } from '../base/clock.ts';
import { decodeCandles } from '../contracts/candle.ts';
import { encodeJson, frameKind } from '../contracts/frame.ts';
import { decodeMarks } from '../contracts/mark.ts';
import type { Signal } from '../contracts/wire-objects.ts';
import { SignalOperator, symbolPrefix } from '../engine/signals/signals.ts';
import type { Append, Log, StateWrite, StoredBatch } from '../log/log.ts';
import { Follower, type Operated } from './follower.ts';
import type { Meters } from './meters.ts';

const prefix = 'signals ';
/** A checkpoint does not wait for its time beyond this many pages of volumes in memory. */
const heldMax = 16_384;

export function detectSignals(log: Log, clock: Clock, meters: Meters): Follower {
  return new Follower(log, 'market.candles', 'signals', new Signals(log, meters), clock, meters);
}

class Signals implements Operated {
  /** Every busy symbol changes all the time, and to bring candles forward is cheap. */
  readonly checkpointEvery = 30 * microsPerSecond;
  readonly #log: Log;
  readonly #meters: Meters;
  readonly #operator = new SignalOperator();

  constructor(log: Log, meters: Meters) {
    this.#log = log;
    this.#meters = meters;
  }

  get isFull(): boolean {
    return this.#operator.held > heldMax;
  }

  async apply({ bytes }: StoredBatch): Promise<readonly Append[]> {
    const signals = await this.#signalsOf(bytes);
    if (signals.length === 0) return [];
    for (const { kind, state } of signals) this.#meters.signals.inc({ kind, state });
    const count = signals.length;
    return [{ topic: 'market.signals', count, bytes: encodeJson(signals) }];
  }

  async #signalsOf(bytes: Uint8Array): Promise<readonly Signal[]> {
    const kind = frameKind(bytes);
    if (kind === 'marks') return this.#operator.applyMarks(decodeMarks(bytes));
    if (kind !== 'candles') return [];
    const candles = decodeCandles(bytes);
    for (const key of this.#operator.missing(candles)) {
      const value = await this.#log.state(prefix + key);
      if (value) this.#operator.restore({ key, value });
    }
    return this.#operator.apply(candles);
  }

  async checkpoint() {
    const kept = this.#operator.unsaved().map(({ key, value }): StateWrite => {
      return { key: prefix + key, value };
    });
    // Nothing is known of no symbol alone.
    return { snapshot: null, kept };
  }

  saved(): void {
    this.#operator.saved();
  }

  async restore(): Promise<void> {
    for await (const [key, value] of this.#log.states(prefix + symbolPrefix)) {
      this.#operator.restore({ key: key.slice(prefix.length), value });
    }
  }
}

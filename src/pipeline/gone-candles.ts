// What derive keeps of candles that nothing changes any more leaves the log's state: some of it at
// each checkpoint, so that none takes long.
//
// Of what times nothing comes any more the batches of the stream have said (floors.ts). A record
// above the floor touches the candles that it falls in, and a cancel merges its day anew from its
// minutes. Days have 23 to 25 hours, a few more where an instrument moves to another calendar: so
// what starts two days below the floor is not needed. It is the same at the other end, where
// records from before a symbol's first one come.
//
// What is still to be looked for is not kept: after a crash it goes when the floor rises again.
// No output shows when.

import { microsPerDay } from '../base/clock.ts';
import type { PriceKind } from '../contracts/candle.ts';
import type { BatchInstrument, Gone } from '../contracts/instrument.ts';
import type { Log, StateWrite } from '../log/log.ts';
import { cancelledKeys } from './cancelled-trades.ts';
import { closedKeys, type KeyRange } from './closed-candles.ts';

const margin = 2 * microsPerDay;
/** Keys and ranges of keys that one checkpoint looks at. */
const looksMax = 2_048;

export class GoneCandles {
  readonly #log: Log;
  readonly #prices: readonly PriceKind[];
  /** By symbol, what has not been looked for yet, to its end. */
  readonly #due = new Map<string, Gone>();

  constructor(log: Log, prices: readonly PriceKind[]) {
    this.#log = log;
    this.#prices = prices;
  }

  /** A batch was applied. */
  note(instruments: readonly BatchInstrument[]): void {
    for (const { symbol, gone } of instruments) {
      if (gone) this.#due.set(symbol, gone);
    }
  }

  /** What a checkpoint has to delete. */
  async deletions(): Promise<StateWrite[]> {
    const deletions: StateWrite[] = [];
    let looks = 0;
    for (const [symbol, gone] of this.#due) {
      for (const { from, to } of this.#rangesOf(symbol, gone)) {
        const keys = await this.#log.stateKeys(from, to, looksMax - looks);
        for (const key of keys) deletions.push({ key, value: null });
        looks += 1 + keys.length;
        if (looks >= looksMax) return deletions;
      }
      this.#due.delete(symbol);
    }
    return deletions;
  }

  #rangesOf(symbol: string, gone: Gone): readonly KeyRange[] {
    const [from, to] = [gone.from + margin, gone.to - margin];
    if (from >= to) return [];
    const closed = this.#prices.flatMap((price) => closedKeys(symbol, price, from, to));
    // Only trades are cancelled.
    return this.#prices.includes('trade') ? [...closed, cancelledKeys(symbol, from, to)] : closed;
  }
}

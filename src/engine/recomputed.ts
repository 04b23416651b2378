// Candles computed anew from stored trades, by the operator that runs live. All the trades of a
// candle must be given before it is asked for; till then nothing closes, so that the order of the
// trades does not matter.

import type { CandleBatch } from '../contracts/candle.ts';
import { idSpace } from '../contracts/identity.ts';
import { batchesOf, type PlacedTrades, tagAt } from '../contracts/placed-trades.ts';
import { CandleOperator } from './candles.ts';

/** Beyond every time, and yet exact. */
const forever = 2 ** 52;

export class Recomputed {
  readonly #operator = new CandleOperator({
    allowedLateness: forever,
    openEvery: Number.POSITIVE_INFINITY,
  });
  readonly #symbols = new Set<string>();
  readonly #repeats = new Repeats();

  /** Folds what follows the trades given before; says by row which counted: not the repeats. */
  add(trades: PlacedTrades): Uint8Array {
    const isNew = this.#repeats.without(trades);
    for (const batch of batchesOf(trades, isNew)) {
      for (const { symbol } of batch.instruments) this.#symbols.add(symbol);
      this.#operator.applyTrades(batch, 0);
    }
    return isNew;
  }

  /** The candles of all intervals that end by then, and were not returned before; null for none. */
  candles(end = forever): CandleBatch | null {
    const symbols = [...this.#symbols];
    const beat = { source: '', symbols, eventTime: end, complete: true, receiveTime: 0 };
    this.#operator.applyHeartbeat(beat);
    const candles = this.#operator.publish(0);
    // Nobody asks for its marks.
    this.#operator.publishMarks(0);
    this.#operator.evict();
    return candles;
  }
}

/**
 * A log that was lost and filled again from the same source gives trades a second place, in another
 * epoch. They come at the same event time, so no more than those of one time need be remembered.
 */
class Repeats {
  #time = Number.NaN;
  readonly #epochs = new Map<string, string>();

  /** By row, 1 unless the same trade stands before it in another epoch. */
  without(trades: PlacedTrades): Uint8Array {
    const { count, eventTime, id, instrumentId, instruments } = trades;
    const isNew = new Uint8Array(count).fill(1);
    for (let row = 0; row < count; row++) {
      if (eventTime[row] !== this.#time) {
        this.#time = eventTime[row];
        this.#epochs.clear();
      }
      if (Number.isNaN(id[row])) continue;
      const { epoch, scope } = tagAt(trades, row);
      const symbol = instruments.get(instrumentId[row])?.symbol ?? '';
      const key = `${id[row]} ${idSpace(scope, symbol)}`;
      const first = this.#epochs.getOrInsert(key, epoch);
      if (first !== epoch) isNew[row] = 0;
    }
    return isNew;
  }
}

// Which trades of a candle were cancelled, in the log's state. A cancel may come hours after its
// trade, and the next one must not have to read the log up to there.

import { microsPerSecond } from '../base/clock.ts';
import type { Refold } from '../engine/candle-refolds.ts';
import type { Log, StateWrite } from '../log/log.ts';
import type { KeyRange } from './closed-candles.ts';
import { ordered } from './ordered.ts';

export class CancelledTrades {
  readonly #log: Log;
  /** By key, the names of a candle's cancelled trades, where that changed since a checkpoint. */
  readonly #unsaved = new Map<string, Set<string>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Notes what was cancelled of a candle just now; all that ever was. */
  async add(candle: Refold, names: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const key = keyOf(candle);
    const all = (this.#unsaved.get(key) ?? (await this.#stored(key))).union(names);
    this.#unsaved.set(key, all);
    return all;
  }

  /** What a checkpoint has to write. */
  unsaved(): StateWrite[] {
    return Array.from(this.#unsaved, ([key, names]) => {
      return { key, value: Buffer.from(JSON.stringify([...names])) };
    });
  }

  /** That checkpoint is durable. */
  saved(): void {
    this.#unsaved.clear();
  }

  async #stored(key: string): Promise<Set<string>> {
    const value = await this.#log.state(key);
    return new Set(value ? (JSON.parse(Buffer.from(value).toString()) as string[]) : []);
  }
}

/** The keys of the candles that start between two times, microseconds. */
export function cancelledKeys(symbol: string, from: number, to: number): KeyRange {
  return { from: keyFrom(symbol, from), to: keyFrom(symbol, to) };
}

function keyOf({ symbol, interval, start }: Refold): string {
  return `${keyFrom(symbol, start)} ${interval}`;
}

/** What the keys of candles begin with that start then. */
function keyFrom(symbol: string, start: number): string {
  return `cancelled ${symbol} ${ordered(Math.ceil(start / microsPerSecond))}`;
}

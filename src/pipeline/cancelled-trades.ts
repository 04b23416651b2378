// Which trades of a candle were cancelled, in the log's state. A cancel may come hours after its
// trade, and the next one must not have to read the log up to there.

import type { Refold } from '../engine/candle-refolds.ts';
import type { Log, StateWrite } from '../log/log.ts';

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

function keyOf({ symbol, interval, start }: Refold): string {
  return `cancelled ${symbol} ${interval} ${start}`;
}

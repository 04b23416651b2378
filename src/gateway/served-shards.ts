// The shards that a gateway serves, as one market: what is of a symbol is its shard's to say, and
// lists hold what all of them know. A gateway over one log has one.

import { partitionOf } from '../contracts/partition.ts';
import type { Instrument } from '../contracts/wire-objects.ts';
import type { Topic } from '../log/log.ts';
import type { Live } from './live.ts';
import type { SharedMemory } from './recent/shared-memory.ts';
import type { SeamSources } from './seam/unstored.ts';

/** One partition of the log, and what is held of it in memory. */
export interface ServedShard {
  readonly live: Live;
  readonly sources: SeamSources;
}

export class ServedShards {
  /** By partition. */
  readonly all: readonly ServedShard[];
  readonly memory: SharedMemory;

  constructor(all: readonly ServedShard[], memory: SharedMemory) {
    this.all = all;
    this.memory = memory;
  }

  /** The one that has a symbol, or would have it. */
  of(symbol: string): ServedShard {
    return this.all[this.partitionOf(symbol)];
  }

  partitionOf(symbol: string): number {
    return partitionOf(symbol, this.all.length);
  }

  has(symbol: string): boolean {
    return this.of(symbol).live.has(symbol);
  }

  instrument(symbol: string): Instrument {
    return this.of(symbol).live.instrument(symbol);
  }

  /** By symbol. */
  instruments(): Instrument[] {
    const known = this.all.flatMap(({ live }) => live.instruments());
    return known.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  }

  /** Why they cannot answer yet; null once they can. */
  get waitsFor(): string | null {
    return this.all.find(({ live }) => live.waitsFor !== null)?.live.waitsFor ?? null;
  }

  /** Another one whenever anything in memory may have changed. */
  get version(): number {
    return this.all.reduce((sum, { live }) => sum + live.version, 0);
  }

  /** By topic, the records of all logs that are not in memory yet. */
  lags(): ReadonlyMap<Topic, number> {
    const lags = new Map<Topic, number>();
    for (const { live } of this.all) {
      for (const [topic, records] of live.tail.lags()) {
        lags.set(topic, records + (lags.get(topic) ?? 0));
      }
    }
    return lags;
  }

  /** Fills the memory, and follows the logs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.all.map(({ live }) => live.run(signal)));
  }
}

// What of a feed is a partition's: all that concerns its symbols, whichever source or process
// brings it.

import type { EventColumns } from '../contracts/event-columns.ts';
import { partitionOf } from '../contracts/partition.ts';
import type { Observations } from '../feeds/feed.ts';

/** One partition of so many. */
export interface Shard {
  readonly partition: number;
  readonly of: number;
}

export function isOf({ partition, of }: Shard, symbol: string): boolean {
  return partitionOf(symbol, of) === partition;
}

/** Leaves what is the shard's: what is of no symbol is the first one's. */
export function keepShard(seen: Observations, shard: Shard): void {
  const isOurs = ({ symbol }: { readonly symbol: string }): boolean => isOf(shard, symbol);
  for (const columns of [...seen.allTrades, seen.quotes, seen.bars]) keepRows(columns, isOurs);
  keep(seen.instruments, isOurs);
  keep(seen.givenUp, isOurs);
  keep(seen.deadLetters, () => shard.partition === 0);
  for (const [index, heartbeat] of seen.heartbeats.entries()) {
    const symbols = heartbeat.symbols.filter((symbol) => isOf(shard, symbol));
    seen.heartbeats[index] = { ...heartbeat, symbols };
  }
  keep(seen.heartbeats, ({ symbols }) => symbols.length > 0);
}

function keepRows(
  columns: EventColumns,
  isOurs: (instrument: { readonly symbol: string }) => boolean,
): void {
  const ours = columns.instruments.map(isOurs);
  if (ours.every(Boolean)) return;
  const rows = new Uint8Array(columns.count);
  for (let row = 0; row < columns.count; row++) {
    rows[row] = Number(ours[columns.instrument[row] as number]);
  }
  columns.compact(rows);
}

function keep<T>(list: T[], isKept: (item: T) => boolean): void {
  list.splice(0, list.length, ...list.filter(isKept));
}

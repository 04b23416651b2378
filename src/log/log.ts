// The log: the one source of truth. Contract, for every implementation:
//
// Shard       A log is one shard: the same partition of every topic, with all that concerns its
//             instruments. A partition is a plant of its own.
// Order       A topic is one sequence of batches; offsets are dense and count records.
// Atomicity   All appends and state writes of one `commit` become visible together or not at all.
// Durability  A commit that resolved survives kill -9 and power loss. Nothing is readable earlier.
// Delivery    `read` returns every batch from an offset on, or says in `lost` what is missing.
// Ownership   One process writes at a time; any thread may read. Nobody changes bytes returned.

import type { Failure } from '../base/failure.ts';

export const topics = [
  'market.trades',
  'market.quotes',
  'market.candles',
  'market.signals',
  'news.articles',
  'instruments',
  'dead-letter',
] as const;
export type Topic = (typeof topics)[number];

export interface Append {
  readonly topic: Topic;
  /** How many records the batch holds, at least 1; its offsets are end to end + count. */
  readonly count: number;
  /** An encoded frame (contracts/frame.ts); opaque to the log. */
  readonly bytes: Uint8Array;
}

/** Durable key-value state of a role, committed together with what it appends. */
export interface StateWrite {
  readonly key: string;
  /** null deletes the key. */
  readonly value: Uint8Array | null;
}

export interface Transaction {
  readonly appends?: readonly Append[];
  readonly state?: readonly StateWrite[];
  /** Milliseconds that it may wait for another commit, so as to share its fsync; 0 when absent. */
  readonly patienceMs?: number;
}

export interface StoredBatch {
  /** Offset of the batch's first record. */
  readonly offset: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Offsets from `from` to before `to` cannot be read: trimmed by retention, or damaged. */
export interface LostRange {
  readonly from: number;
  readonly to: number;
  readonly reason: 'retention' | 'damaged';
}

export interface ReadResult {
  /** In order; the first may begin before the offset asked for when that lies inside it. */
  readonly batches: readonly StoredBatch[];
  readonly lost: readonly LostRange[];
  /** Where to read on. */
  readonly next: number;
}

export interface Retention {
  /** Batches appended before this time (microseconds) may go. */
  readonly before?: number;
  /** Oldest batches go until a topic holds at most this. */
  readonly bytesMax?: number;
  /** Nothing at or after these offsets goes, however old: consumers still need it. */
  readonly keepFrom: (topic: Topic) => number;
}

/** What an offset is one of, for those who keep it elsewhere. */
export interface LogName {
  /** Names this log's life: positions of another epoch mean nothing here. */
  readonly epoch: string;
  /** Which shard this is; 0 where there is one alone. */
  readonly partition: number;
}

export interface Log extends LogName {
  /** What opening found and mended; empty when all was well. */
  readonly warnings: readonly string[];
  /**
   * Makes a transaction durable; concurrent calls share one fsync, in call order.
   * Resolves to the offset of each append. Rejects with Failure `disk-full` or `log-unavailable`,
   * and then nothing of the transaction is in the log.
   */
  commit(transaction: Transaction): Promise<readonly number[]>;
  /**
   * Batches from `offset` on, at most about `bytesMax` of them but at least one if there is one.
   */
  read(topic: Topic, offset: number, bytesMax: number): Promise<ReadResult>;
  /** The offsets held now: first readable, and one past the last durable. */
  range(topic: Topic): { readonly start: number; readonly end: number };
  /** Resolves when any topic may have grown past `generation`, with the new generation. */
  grown(generation: number, signal?: AbortSignal): Promise<number>;
  /** State by key; null when absent. */
  state(key: string): Promise<Uint8Array | null>;
  /** All state whose key begins with `prefix`, in key order. */
  states(prefix: string): AsyncIterable<readonly [string, Uint8Array]>;
  /** Keys of the state from `from` to before `to`, in order: the first `max` of them at most. */
  stateKeys(from: string, to: string, max: number): Promise<readonly string[]>;
  /** Drops whole batches that retention allows; returns how many records went. */
  trim(retention: Retention): Promise<number>;
  /** Figures for metrics. */
  stats(): LogStats;
  close(): Promise<void>;
}

export interface LogStats {
  readonly commits: number;
  /** Milliseconds of the commits since the last call of `stats`, fsync included. */
  readonly commitMs: readonly number[];
  readonly bytesOnDisk: number;
  readonly damagedBatches: number;
  /** What keeps it from following or writing now; null when all is well. */
  readonly trouble: Failure | null;
}

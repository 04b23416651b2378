// The port through which a topic's records leave the log for good. Contract, for every sink:
//
// Atomicity   One `write` commits its rows and its position together, or neither.
// Delivery    Records before the position are passed over, so that a repeat changes nothing:
//             whoever was interrupted asks for the position and goes on from there.
// Order       Writes of one sink follow one another; the next begins when the last has settled.
// Failures    Failure 'database-unavailable' or 'disk-full' is worth another try: the next call
//             connects again. After one, the position may be an earlier one than it was: the
//             database may be back with older data.

import { crc32 } from 'node:zlib';

/** A batch as the log holds it. */
export interface SinkBatch {
  /** Offset of the batch's first record. */
  readonly offset: number;
  readonly count: number;
  /** An encoded frame (contracts/frame.ts). */
  readonly bytes: Uint8Array;
}

export function checksumOf({ bytes }: SinkBatch): number {
  return crc32(bytes);
}

export interface Sink {
  readonly topic: string;
  /** The offset from which it wants to be written, as last committed; 0 in a new epoch. */
  position(): Promise<number>;
  /**
   * The `checksumOf` the batch that ends at the position, by which a log is known again; null when
   * it is not known.
   */
  newestChecksum(): Promise<number | null>;
  /**
   * Stores the records of the batches, which are in log order, that lie between the position and
   * `next`, and moves the position to `next`.
   */
  write(batches: readonly SinkBatch[], next: number): Promise<void>;
  close(): Promise<void>;
}

// What lies between memory and store: records that memory has let go and the store has not yet
// taken in are read from the log, so that a page over the seam has no hole however far the store
// is behind. Bounded; beyond the bound a request fails with a reason instead of a wrong answer.

import { Failure } from '../../base/failure.ts';
import type { Log, StoredBatch, Topic } from '../../log/log.ts';
import type { History } from '../../store/history.ts';

/** One past the last offset of a topic that the store surely holds. */
export type StoredThrough = (topic: Topic) => number;

/** The three places that an answer is put together from, beside memory. */
export interface SeamSources {
  readonly log: Log;
  readonly history: History;
  readonly stored: StoredThrough;
  /** Where the newest range ends that the log had lost before the store read it; 0 for none. */
  readonly storeLost: StoredThrough;
  readonly unstoredRecordsMax: number;
}

const readBytesMax = 4 << 20;

/**
 * The batches of a topic from offset `from` to before `to`, the first and last perhaps wider.
 * Throws Failure `not-ready` when there are more than `recordsMax` records.
 */
export async function* unstored(
  log: Log,
  topic: Topic,
  from: number,
  to: number,
  recordsMax: number,
): AsyncGenerator<StoredBatch> {
  const start = Math.max(from, log.range(topic).start);
  if (to - start > recordsMax) {
    throw new Failure(
      'not-ready',
      `The store is ${to - start} records of ${topic} behind, so older history has a hole for now.`,
      'Ask again in a moment, or for fewer and newer records.',
    );
  }
  let position = start;
  while (position < to) {
    const { batches, next } = await log.read(topic, position, readBytesMax);
    yield* batches.filter(({ offset }) => offset < to);
    if (next <= position) return;
    position = next;
  }
}

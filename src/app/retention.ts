// Retention of a partition of the cluster's log. What is stored goes once it is old, unless a role
// that is away has yet to read it; then it goes only for its bytes, so that disks do not fill.

import type { Topic } from '../log/log.ts';
import type { ShardLog } from '../log/shard-log.ts';

export interface RetentionLimits {
  /** Batches appended before this time (microseconds) are old. */
  readonly before: number;
  readonly bytesMax: number;
}

/** The roles that may be away; one that never ran is not waited for. */
const readers = ['engine', 'publish'] as const;

export async function trimStored(
  log: Pick<ShardLog, 'trim' | 'neededBy'>,
  stored: (topic: Topic) => number,
  { before, bytesMax }: RetentionLimits,
): Promise<void> {
  await log.trim({ bytesMax, keepFrom: stored });
  const told = await Promise.all(readers.map((role) => log.neededBy(role)));
  const needed = (topic: Topic): number => {
    return Math.min(...told.map((needs) => needs?.[topic] ?? Number.POSITIVE_INFINITY));
  };
  await log.trim({ before, keepFrom: (topic) => Math.min(stored(topic), needed(topic)) });
}

/** The least that followers may yet have to read, by topic. */
export function needsOf(
  followers: readonly { readonly topic: Topic; readonly checkpointed: number }[],
): Partial<Record<Topic, number>> {
  const needs: Partial<Record<Topic, number>> = {};
  for (const { topic, checkpointed } of followers) {
    needs[topic] = Math.min(checkpointed, needs[topic] ?? checkpointed);
  }
  return needs;
}

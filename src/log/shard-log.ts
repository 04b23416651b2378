// A log that several processes share, a role each: what they tell each other about it, and what of
// theirs goes with its commits. Beyond that it is a log as any other.

import type { Log, Topic } from './log.ts';

/** A message to a topic that is not the log's. */
export interface Enclosed {
  readonly topic: string;
  readonly partition: number;
  readonly key?: Buffer;
  readonly value?: Buffer;
}

/** Of topics that a role reads, the first offset that it may yet have to read. */
export type Needs = Readonly<Partial<Record<Topic, number>>>;

export interface ShardLog extends Log {
  /**
   * Has the next commit of state send these too: all of it becomes visible together, or nothing.
   */
  enclose(messages: readonly Enclosed[]): void;
  /** Tells others from where on the role still reads. */
  need(needs: Needs): Promise<void>;
  /** What a role has told so last; null when it never ran on this partition. */
  neededBy(role: 'engine' | 'publish'): Promise<Needs | null>;
}

// A consumer group divides the partitions among the processes of a role. Nothing is read through
// it: it says which partitions are ours. Cooperative: those that stay go on while others move. With
// an instance id a process that comes back within the session is given its partitions again, and
// nobody else moves. For a moment one may be ours by the group and no longer by the log, or the
// other way round: who writes is for the log to say.

import { Admin, Consumer } from '@platformatic/kafka';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/failure.ts';
import { type ClusterOptions, clusterFailure, connection, isSaid, topicName } from './cluster.ts';

export interface GroupOptions extends ClusterOptions {
  readonly role: string;
  readonly instance: string | null;
  readonly clock: Clock;
  readonly logger: { warn(fields: object, message: string): void };
  /** Told all that are ours, whenever that changes. */
  readonly onAssigned: (partitions: ReadonlySet<number>) => void;
}

/** A process that is not heard of for so long has lost its partitions. */
const sessionMs = 10_000;
const heartbeatMs = 1_000;
const retryMs = 2_000;
const assignor = { name: 'cooperative-sticky', version: 1 };

export class Group {
  readonly #options: GroupOptions;
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;
  readonly #left = new AbortController();
  #waitsFor: string | null = 'the group is being joined';

  constructor(options: GroupOptions) {
    this.#options = options;
    const { role, instance } = options;
    this.#consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
      ...connection(options),
      groupId: groupName(options, role),
      ...(instance === null ? {} : { groupInstanceId: `${role}-${instance}` }),
      sessionTimeout: sessionMs,
      rebalanceTimeout: 3 * sessionMs,
      heartbeatInterval: heartbeatMs,
      protocols: [assignor],
    });
    // Of all topics: their partitions of one number belong together.
    this.#consumer.topics.track(topicName(options, 'market.trades'));
    this.#consumer.on('consumer:group:join', () => this.#tell());
    // Of those that move to others we have let go already.
    this.#consumer.on('consumer:group:rebalance', () => this.#tell());
    this.#consumer.on('consumer:heartbeat:error', ({ error }: { error: unknown }) => {
      this.#waitsFor = `the servers do not hear us: ${messageOf(error)}`;
    });
    this.#consumer.on('consumer:heartbeat:end', () => {
      this.#waitsFor = null;
    });
    this.#consumer.on('error', (error: unknown) => {
      this.#waitsFor = `the group has lost us: ${messageOf(error)}`;
      options.logger.warn({ role }, `the group has lost us: ${messageOf(error)}`);
      void this.join();
    });
  }

  /** Resolves once partitions were given out, however long the servers are away. */
  async join(): Promise<void> {
    const { clock, logger, role } = this.#options;
    const { signal } = this.#left;
    while (!signal.aborted) {
      try {
        await this.#consumer.joinGroup();
        this.#waitsFor = null;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#waitsFor = `the group cannot be joined: ${messageOf(error)}`;
        logger.warn({ role }, this.#waitsFor);
        await clock.wait(retryMs, signal);
      }
    }
  }

  /** What it waits for before its partitions are surely ours; null while they are. */
  get waitsFor(): string | null {
    return this.#waitsFor;
  }

  async leave(): Promise<void> {
    this.#left.abort();
    try {
      await this.#consumer.close(true);
    } catch (error) {
      // The servers will find out by themselves.
      const { logger, role } = this.#options;
      logger.warn({ role }, `the group could not be left: ${messageOf(error)}`);
    }
  }

  #tell(): void {
    const { assignments } = this.#consumer;
    if (this.#left.signal.aborted || assignments === null) return;
    this.#options.onAssigned(new Set(assignments.flatMap(({ partitions }) => partitions)));
  }
}

/** How many processes a role's group has now. */
export async function membersOf(options: ClusterOptions, role: string): Promise<number> {
  const admin = new Admin(connection(options));
  try {
    const name = groupName(options, role);
    const groups = await admin.describeGroups({ groups: [name] });
    return groups.get(name)?.members.size ?? 0;
  } catch (error) {
    if (isSaid(error, 'GROUP_ID_NOT_FOUND')) return 0;
    throw clusterFailure(options, 'its groups cannot be read', error);
  } finally {
    await admin.close();
  }
}

function groupName({ prefix }: ClusterOptions, role: string): string {
  return `${prefix}.${role}`;
}

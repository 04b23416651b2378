// What all roles that turn the log into more log share: a topic is read in order, an operator is
// applied, and what it publishes commits together with the position consumed, in one transaction.
//
// Now and then the operator's state commits too, as a checkpoint. After a crash the state of the
// last checkpoint is brought forward by the batches up to the committed position, whose outputs are
// already in the log and are not published again: exactly once, because operators are pure.

import type { Clock } from '../base/clock.ts';
import type { Append, Log, ReadResult, StateWrite, StoredBatch, Topic } from '../log/log.ts';
import { commitUntilDurable } from './commit.ts';
import type { Meters } from './meters.ts';

/** An operator, and how it is joined to the log. */
export interface Operated {
  /** What applying a batch publishes, in order. */
  apply(batch: StoredBatch): Promise<readonly Append[]>;
  /** Whether so much waits for a checkpoint that it should not wait for its time. */
  readonly isFull: boolean;
  /** A checkpoint is due after this long, microseconds; no output shows which. */
  readonly checkpointEvery: number;
  /** The state as JSON, and what changed of that which is kept beside it under keys of its own. */
  checkpoint(): Promise<{ readonly snapshot: unknown; readonly kept: readonly StateWrite[] }>;
  /** The last checkpoint is durable. */
  saved(): void;
  restore(snapshot: unknown): Promise<void>;
}

export interface FollowOptions {
  /** How long to collect between two commits, milliseconds. */
  readonly lingerMs: number;
  /** A plant that serves waits out a full disk; a command fails instead. */
  readonly keepTrying: boolean;
  /** After an abort it leaves what the log still holds to whoever goes on. */
  readonly leavesRest?: boolean;
  /** About how many bytes of the log one commit consumes at most. */
  readonly readBytes?: number;
}

const defaultReadBytes = 4 * 2 ** 20;

interface Checkpoint {
  readonly offset: number;
  readonly snapshot: unknown;
}

export class Follower {
  readonly topic: Topic;
  readonly #name: string;
  readonly #operated: Operated;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #meters: Meters;
  #position = 0;
  /** When the last checkpoint was, and its offset. */
  #checkpointTime = 0;
  #checkpointOffset = 0;

  /** `name` tells its state in the log from that of others. */
  constructor(
    log: Log,
    topic: Topic,
    name: string,
    operated: Operated,
    clock: Clock,
    meters: Meters,
  ) {
    this.topic = topic;
    this.#name = name;
    this.#operated = operated;
    this.#log = log;
    this.#clock = clock;
    this.#meters = meters;
  }

  /** The offset up to which the topic is consumed, durably. */
  get position(): number {
    return this.#position;
  }

  /** Where reading begins after a crash: nothing from here on may leave the log. */
  get checkpointed(): number {
    return this.#checkpointOffset;
  }

  /**
   * Follows for ever. Commits wait for company as long as they collect: every fsync of ours is one
   * that ingest would wait for. After an abort, what the log holds by then is consumed, and a
   * checkpoint leaves the next start nothing to redo.
   */
  async run(options: FollowOptions, signal: AbortSignal): Promise<void> {
    const { lingerMs } = options;
    await this.recover();
    let generation = -1;
    for (;;) {
      if (signal.aborted && options.leavesRest) break;
      if (await this.step(options, signal)) {
        if (lingerMs > 0 && !signal.aborted) await this.#clock.wait(lingerMs, signal);
        continue;
      }
      if (signal.aborted) break;
      generation = await this.#log.grown(generation, signal);
    }
    await this.#commit(this.#position, [], true, options, signal);
  }

  /** Tells how far it is behind. */
  measure(): void {
    const { end } = this.#log.range(this.topic);
    this.#meters.lag.set(this.#labels, end - this.#position);
  }

  /** What it was behind is for others to tell now. */
  forget(): void {
    this.#meters.lag.remove(this.#labels);
  }

  get #labels() {
    return { consumer: this.#name, topic: this.topic, partition: this.#log.partition };
  }

  /** Restores the last checkpoint and brings it forward to the committed position. */
  async recover(): Promise<void> {
    const checkpoint = await this.#read<Checkpoint>('checkpoint');
    const position = (await this.#read<number>('position')) ?? 0;
    this.#position = checkpoint?.offset ?? 0;
    if (checkpoint) await this.#operated.restore(checkpoint.snapshot);
    while (this.#position < position) {
      const read = await this.#readOn();
      for (const batch of read.batches) {
        if (batch.offset < position) await this.#operated.apply(batch);
      }
      this.#position = Math.min(read.next, position);
    }
    this.#checkpointTime = this.#clock.now();
    this.#checkpointOffset = checkpoint?.offset ?? 0;
  }

  /** Consumes what can be read at once; false when there was nothing. */
  async step(options: FollowOptions, signal: AbortSignal): Promise<boolean> {
    const read = await this.#readOn(options.readBytes);
    for (const { from, to, reason } of read.lost) {
      this.#meters.lost.inc({ consumer: this.#name, reason }, to - from);
    }
    if (read.next === this.#position) return false;
    const appends: Append[] = [];
    for (const batch of read.batches) {
      appends.push(...(await this.#operated.apply(batch)));
    }
    const isDue = this.#clock.now() >= this.#checkpointTime + this.#operated.checkpointEvery;
    const isCheckpoint = isDue || this.#operated.isFull;
    await this.#commit(read.next, appends, isCheckpoint, options, signal);
    this.measure();
    return true;
  }

  async #readOn(bytesMax = defaultReadBytes): Promise<ReadResult> {
    return await this.#log.read(this.topic, this.#position, bytesMax);
  }

  async #commit(
    position: number,
    appends: readonly Append[],
    isCheckpoint: boolean,
    { lingerMs, keepTrying }: FollowOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const state: StateWrite[] = [this.#write('position', position)];
    if (isCheckpoint) {
      const { snapshot, kept } = await this.#operated.checkpoint();
      state.push(this.#write('checkpoint', { offset: position, snapshot } satisfies Checkpoint));
      state.push(...kept);
    }
    const patienceMs = signal.aborted ? 0 : lingerMs;
    const transaction = { appends, state, patienceMs };
    await commitUntilDurable(this.#log, transaction, this.#clock, keepTrying, signal);
    this.#position = position;
    if (!isCheckpoint) return;
    this.#operated.saved();
    this.#checkpointTime = this.#clock.now();
    this.#checkpointOffset = position;
  }

  #write(what: string, value: unknown): StateWrite {
    return { key: this.#key(what), value: Buffer.from(JSON.stringify(value)) };
  }

  async #read<T>(what: string): Promise<T | undefined> {
    const value = await this.#log.state(this.#key(what));
    return value ? (JSON.parse(Buffer.from(value).toString()) as T) : undefined;
  }

  #key(what: string): string {
    return `${this.#name} ${this.topic} ${what}`;
  }
}

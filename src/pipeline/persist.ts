// Persist: joins the log to a sink of the store. The sink keeps the consumed position in the same
// transaction as the rows, so this loop may be killed, repeated or left behind at any point.

import { Backoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { Failure, messageOf } from '../base/failure.ts';
import type { Prng } from '../base/prng.ts';
import type { Log, Topic } from '../log/log.ts';
import { checksumOf, type Sink } from '../store/sink.ts';
import type { Meters } from './meters.ts';

export interface PersistOptions {
  /** How long to collect before writing again, so that a trickle is not a transaction a trade. */
  readonly lingerMs: number;
  /** A plant waits for a database that is away; a command fails. */
  readonly keepTrying: boolean;
  /** After an abort it leaves what the log still holds to whoever goes on. */
  readonly leavesRest?: boolean;
}

export interface PersistParts {
  readonly log: Log;
  readonly sink: Sink;
  readonly clock: Clock;
  readonly random: Prng;
  readonly meters: Meters;
  readonly logger: { warn(fields: object, message: string): void };
  /** Told of every offset up to which the topic is stored, durably. */
  readonly onStored: (topic: Topic, offset: number) => void;
  /** Told before that of where a range ends that the log has lost. */
  readonly onLost: (topic: Topic, offset: number) => void;
}

const readBytes = 16 * 2 ** 20;
/** What another process has stored of a log that all share is seen here in milliseconds. */
const behindMsMax = 3_000;
const behindMs = 50;

export class Persist {
  readonly topic: Topic;
  readonly #parts: PersistParts;
  readonly #options: PersistOptions;
  readonly #backoff: Backoff;
  #position = 0;
  #failure: Failure | null = null;

  constructor(parts: PersistParts, options: PersistOptions) {
    this.topic = parts.sink.topic as Topic;
    this.#parts = parts;
    this.#options = options;
    this.#backoff = new Backoff({ msMin: 100, msMax: 10_000 }, parts.random);
  }

  /** The offset up to which the topic is stored, as far as it is known here. */
  get position(): number {
    return this.#position;
  }

  /** What keeps it from storing now, if anything. */
  get failure(): Failure | null {
    return this.#failure;
  }

  /** Stores for ever. After an abort, what the log holds by then is stored before it returns. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#parts;
    let generation = -1;
    let known = false;
    for (;;) {
      try {
        if (!known) await this.#begin();
        known = true;
        if (signal.aborted && this.#options.leavesRest) return;
        if (await this.step()) {
          if (!signal.aborted) await clock.wait(this.#options.lingerMs, signal);
          continue;
        }
        if (signal.aborted) return;
        generation = await log.grown(generation, signal);
      } catch (error) {
        if (!(await this.#survive(error, signal))) throw error;
        known = false;
      }
    }
  }

  /** Where the sink stands. Throws a Failure when that is no place in this log. */
  async #begin(): Promise<void> {
    const { log, sink, clock } = this.#parts;
    const position = await sink.position();
    const end = (): number => log.range(this.topic).end;
    for (let ms = 0; position > end() && ms < behindMsMax; ms += behindMs) {
      await clock.wait(behindMs);
    }
    if (position > end()) throw this.#mismatch(position, `ends at ${end()}`);
    const checksum = await sink.newestChecksum();
    if (checksum !== null && position > log.range(this.topic).start) {
      const [newest] = (await log.read(this.topic, position - 1, 1)).batches;
      const isOther = newest && newest.offset < position && checksumOf(newest) !== checksum;
      if (isOther) throw this.#mismatch(position, 'has other records there');
    }
    this.#reach(position);
  }

  #mismatch(position: number, what: string): Failure {
    const { log } = this.#parts;
    return new Failure(
      'database-mismatch',
      `the database has ${this.topic} of partition ${log.partition} up to ${position}, ` +
        `and the log ${what}: the log was put back to older data`,
      'Restore the newest copy of the log; or a copy of the database that is older than the log ' +
        'is, or an empty one: what the log still holds is stored anew.',
    );
  }

  /** Stores what can be read at once; false when there was nothing. */
  async step(): Promise<boolean> {
    const { log, sink, meters, onLost } = this.#parts;
    const read = await log.read(this.topic, this.#position, readBytes);
    if (read.next === this.#position) return false;
    for (const { from, to, reason } of read.lost) {
      meters.lost.inc({ consumer: 'store', reason }, to - from);
      onLost(this.topic, to);
    }
    await sink.write(read.batches, read.next);
    this.#reach(read.next);
    this.#backoff.reset();
    this.measure();
    return true;
  }

  /** Tells how far it is behind. */
  measure(): void {
    const { log, meters } = this.#parts;
    meters.lag.set(this.#labels, log.range(this.topic).end - this.#position);
  }

  /** What it was behind is for others to tell now. */
  forget(): void {
    this.#parts.meters.lag.remove(this.#labels);
  }

  get #labels() {
    return { consumer: 'store', topic: this.topic, partition: this.#parts.log.partition };
  }

  #reach(offset: number): void {
    this.#position = offset;
    this.#failure = null;
    this.#parts.onStored(this.topic, offset);
  }

  async #survive(error: unknown, signal: AbortSignal): Promise<boolean> {
    const retryable = error instanceof Failure && error.kind.retryable;
    if (!retryable || !this.#options.keepTrying || signal.aborted) return false;
    this.#failure = error;
    const waitMs = this.#backoff.next();
    const { clock, logger } = this.#parts;
    logger.warn(
      { topic: this.topic, waitMs, cure: error.cure },
      `storing ${this.topic} waits: ${messageOf(error)}`,
    );
    await clock.wait(waitMs, signal);
    return true;
  }
}

// The writing half of a process: ingest and the engine on both streams, joined by nothing but the
// log, and retention. `tapeline start` runs it in a thread beside the gateway; `tapeline replay`
// runs it until a file is through. The store's writers are readers of the log, in another thread.

import { type Clock, microsPerSecond } from '../base/clock.ts';
import { Failure, messageOf } from '../base/failure.ts';
import type { Feed } from '../feeds/feed.ts';
import { rowTopics } from '../flink/names.ts';
import type { Log, Retention, Topic } from '../log/log.ts';
import type { Rows } from '../log/rows.ts';
import type { Follower } from '../pipeline/follower.ts';
import { Ingest } from '../pipeline/ingest.ts';
import type { Meters } from '../pipeline/meters.ts';
import { publishTrades } from '../pipeline/publish.ts';
import { allowedLateness, Engine } from './engine.ts';

export interface PlantLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface PlantOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly meters: Meters;
  readonly logger: PlantLogger;
  /** A plant that serves waits out a full disk; a command fails instead. */
  readonly keepTrying: boolean;
  /** How long the engine collects between two commits, milliseconds. */
  readonly lingerMs: number;
  /** The offset up to which the store surely holds a topic: the log keeps what comes after. */
  readonly stored: (topic: Topic) => number;
  /** Records this far behind their instrument, in event time, change no candle; microseconds. */
  readonly correctionHorizon: number;
  /** Records older than this may leave the log once they are derived and stored. */
  readonly retentionHours: number;
  readonly retentionGigabytes: number;
  /** Where trades are published as rows, if anywhere. */
  readonly rows?: Rows | null;
}

const housekeepingMs = 60_000;
const metersMs = 1_000;

export class Plant {
  readonly #options: PlantOptions;
  readonly #ingest: Ingest;
  readonly #engine: Engine;
  readonly #publish: Follower | null;
  readonly #noPublish = new AbortController();
  readonly #publishing: Promise<void> | null;
  readonly #noFeeds = new AbortController();
  /** What runs. The feeds' may reject; the others end in `failed` instead. */
  readonly #feeding: Promise<void>[] = [];
  readonly #engineRuns: Promise<void>;
  readonly #housekeeping: Promise<void>;
  readonly #failed = Promise.withResolvers<never>();

  constructor(options: PlantOptions) {
    const { log, clock, meters, correctionHorizon } = options;
    this.#options = options;
    this.#ingest = new Ingest(log, clock, { allowedLateness, correctionHorizon }, meters);
    this.#engine = new Engine(log, clock, meters);
    this.#failed.promise.catch(() => undefined);
    this.#engineRuns = this.#watch(this.#engine.run(options));
    this.#publish = this.#publishTo(options.rows);
    this.#publishing =
      this.#publish && this.#watch(this.#publish.run(options, this.#noPublish.signal));
    this.#housekeeping = this.#watch(this.#keepHouse());
  }

  #publishTo(rows: Rows | null = null): Follower | null {
    if (rows === null) return null;
    const { log, clock, meters, logger, keepTrying } = this.#options;
    const { signal } = this.#noPublish;
    const to = { rows, topic: rowTopics.trades, keepTrying, signal, logger };
    return publishTrades(log, to, clock, meters);
  }

  /** The parts of the engine. */
  get followers(): readonly Follower[] {
    return this.#engine.followers;
  }

  /** Rejects when a part of the plant fails for good; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Resolves when the feed has ended, or was stopped, and all it gave is durable in the log. */
  async feed(feed: Feed): Promise<void> {
    const { keepTrying } = this.#options;
    const running = this.#ingest.run(feed, this.#noFeeds.signal, keepTrying);
    this.#feeding.push(running);
    await Promise.race([running, this.failed]);
  }

  /** Stops the feeds, as if they had ended. */
  stopFeeds(): void {
    this.#noFeeds.abort();
  }

  /**
   * Stops the feeds; then everything that they gave is derived before it resolves. The log may be
   * closed after that: nothing uses it any more.
   */
  async stop(): Promise<void> {
    await Promise.race([this.#wind(), this.failed]);
  }

  async #wind(): Promise<void> {
    this.#noFeeds.abort();
    await Promise.allSettled(this.#feeding);
    this.#noPublish.abort();
    await this.#engine.stop();
    await Promise.all([this.#engineRuns, this.#publishing, this.#housekeeping]);
  }

  async #watch(part: Promise<void>): Promise<void> {
    try {
      await part;
    } catch (error) {
      this.#options.logger.error({ err: error }, `a part of the plant failed: ${messageOf(error)}`);
      this.#failed.reject(error);
    }
  }

  /** Moves the log's figures to the meters, and lets retention work. */
  async #keepHouse(): Promise<void> {
    const { clock, log, meters } = this.#options;
    const { signal } = this.#noFeeds;
    for (let next = 0; !signal.aborted; ) {
      await clock.wait(metersMs, signal);
      for (const ms of log.stats().commitMs) meters.commit.observe(ms / 1000);
      if (clock.now() < next) continue;
      next = clock.now() + housekeepingMs * 1000;
      await this.#trim();
    }
  }

  /** What keeps retention from its work now need not keep it from it the next time. */
  async #trim(): Promise<void> {
    const { log, logger } = this.#options;
    try {
      await log.trim(this.#retention());
    } catch (error) {
      if (!(error instanceof Failure && error.kind.retryable)) throw error;
      // After a part has failed the log may be closed under us.
      if (this.#noFeeds.signal.aborted) return;
      logger.warn({ cure: error.cure }, `retention waits: ${error.message}`);
    }
  }

  #retention(): Retention {
    const { clock, retentionHours, retentionGigabytes } = this.#options;
    return {
      before: clock.now() - retentionHours * 3_600 * microsPerSecond,
      bytesMax: retentionGigabytes * 2 ** 30,
      keepFrom: (topic) => this.#neededFrom(topic),
    };
  }

  /** The first offset that a part of the plant still has to read. */
  #neededFrom(topic: Topic): number {
    const all = this.#publish ? [...this.followers, this.#publish] : this.followers;
    const followers = all.filter((one) => one.topic === topic);
    return Math.min(this.#options.stored(topic), ...followers.map((one) => one.checkpointed));
  }
}

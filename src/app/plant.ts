// The pipeline of one process: ingest, the engine on both streams and a writer for each stored
// topic, joined by nothing but the log. `tapeline start` runs it in a thread beside the gateway;
// `tapeline replay` runs it until a file is through.

import { type Clock, microsPerSecond } from '../base/clock.ts';
import { messageOf } from '../base/failure.ts';
import type { Prng } from '../base/prng.ts';
import type { Feed } from '../feeds/feed.ts';
import type { Log, Retention, Topic } from '../log/log.ts';
import { Derive } from '../pipeline/derive.ts';
import { Ingest } from '../pipeline/ingest.ts';
import type { Meters } from '../pipeline/meters.ts';
import { Persist } from '../pipeline/persist.ts';
import type { Sink } from '../store/sink.ts';

export interface PlantLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface PlantOptions {
  readonly log: Log;
  readonly sinks: readonly Sink[];
  readonly clock: Clock;
  readonly random: Prng;
  readonly meters: Meters;
  readonly logger: PlantLogger;
  /** A plant that serves waits out a full disk or a lost database; a command fails instead. */
  readonly keepTrying: boolean;
  /** How long to collect between two transactions of the store, milliseconds. */
  readonly lingerMs: number;
  /** Records older than this may leave the log once they are derived and stored. */
  readonly retentionHours: number;
  readonly retentionGigabytes: number;
}

/** Microseconds that a record may be behind its instrument's newest and still be on time. */
const allowedLateness = 2 * microsPerSecond;
/** Open candles are published at most this often, microseconds. */
const openEvery = 250_000;

/** Candles may come this much later than their trades; nobody sees it. */
const deriveLingerMsMax = 20;

const partition = 0;
const housekeepingMs = 60_000;
const metersMs = 1_000;

export class Plant {
  readonly #options: PlantOptions;
  readonly #ingest: Ingest;
  readonly #derives: readonly Derive[];
  readonly #persists: readonly Persist[];
  readonly #noFeeds = new AbortController();
  readonly #noDerive = new AbortController();
  readonly #noPersist = new AbortController();
  readonly #running: { derive: Promise<void>[]; persist: Promise<void>[] };
  readonly #failed = Promise.withResolvers<never>();

  constructor(options: PlantOptions) {
    const { log, sinks, clock, random, meters, logger, keepTrying, lingerMs } = options;
    this.#options = options;
    this.#ingest = new Ingest(log, clock, { allowedLateness }, meters);
    this.#derives = (['market.trades', 'market.quotes'] as const).map(
      (topic) => new Derive(log, topic, { allowedLateness, openEvery }, clock, meters),
    );
    this.#persists = sinks.map(
      (sink) => new Persist(log, sink, clock, random, { lingerMs, keepTrying }, meters, logger),
    );
    this.#failed.promise.catch(() => undefined);
    const deriveLingerMs = Math.min(lingerMs, deriveLingerMsMax);
    this.#running = {
      derive: this.#derives.map((derive) =>
        this.#watch(derive.run(deriveLingerMs, this.#noDerive.signal)),
      ),
      persist: this.#persists.map((persist) => this.#watch(persist.run(this.#noPersist.signal))),
    };
    void this.#watch(this.#keepHouse());
  }

  /** Rejects when a part of the plant fails for good; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** What keeps the plant from storing now, if anything. */
  get troubles(): readonly string[] {
    return this.#persists.flatMap(({ topic, failure }) =>
      failure ? [`storing ${topic} waits: ${failure.message} ${failure.cure}`] : [],
    );
  }

  /** By topic, the offset up to which the store surely holds it. */
  get stored(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#persists.map(({ topic, position }) => [topic, position]));
  }

  /** Resolves when the feed has ended, or was stopped, and all it gave is durable in the log. */
  async feed(feed: Feed): Promise<void> {
    const { keepTrying } = this.#options;
    const running = this.#ingest.run(feed, this.#noFeeds.signal, keepTrying);
    await Promise.race([running, this.failed]);
  }

  /** Stops the feeds, as if they had ended. */
  stopFeeds(): void {
    this.#noFeeds.abort();
  }

  /** Stops the feeds; then everything that they gave is derived and stored before it resolves. */
  async stop(): Promise<void> {
    this.#noFeeds.abort();
    this.#noDerive.abort();
    await Promise.race([Promise.all(this.#running.derive), this.failed]);
    this.#noPersist.abort();
    await Promise.race([Promise.all(this.#running.persist), this.failed]);
    await Promise.all(this.#options.sinks.map((sink) => sink.close()));
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
      await log.trim(this.#retention());
    }
  }

  #retention(): Retention {
    const { clock, retentionHours, retentionGigabytes } = this.#options;
    return {
      before: clock.now() - retentionHours * 3_600 * microsPerSecond,
      bytesMax: retentionGigabytes * 2 ** 30,
      keepFrom: (topic, at) => (at === partition ? this.#neededFrom(topic) : 0),
    };
  }

  /** The first offset that a part of the plant still has to read. */
  #neededFrom(topic: Topic): number {
    const derives = this.#derives.filter((derive) => derive.topic === topic);
    const persists = this.#persists.filter((persist) => persist.topic === topic);
    return Math.min(
      ...derives.map((derive) => derive.checkpointed),
      ...persists.map((persist) => persist.position),
    );
  }
}

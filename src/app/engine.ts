// The engine of one log: candles of trades and of quotes, and signals of candles.

import type { Clock } from '../base/clock.ts';
import { microsPerSecond } from '../base/clock.ts';
import type { Log } from '../log/log.ts';
import { deriveCandles } from '../pipeline/derive.ts';
import { detectSignals } from '../pipeline/detect.ts';
import type { Follower, FollowOptions } from '../pipeline/follower.ts';
import type { Meters } from '../pipeline/meters.ts';

/** Microseconds that a record may be behind its instrument's newest and still be on time. */
export const allowedLateness = 2 * microsPerSecond;
/** Open candles are published at most this often, microseconds. */
const openEvery = 250_000;

export class Engine {
  readonly #derives: readonly Follower[];
  readonly #detect: Follower;
  readonly #noDerive = new AbortController();
  readonly #noDetect = new AbortController();
  #deriving: readonly Promise<void>[] = [];
  #detecting: Promise<void> = Promise.resolve();

  constructor(log: Log, clock: Clock, meters: Meters) {
    this.#derives = (['market.trades', 'market.quotes'] as const).map((topic) =>
      deriveCandles(log, topic, { allowedLateness, openEvery }, clock, meters),
    );
    this.#detect = detectSignals(log, clock, meters);
  }

  get followers(): readonly Follower[] {
    return [...this.#derives, this.#detect];
  }

  /** Follows the log until stopped; rejects when a part fails for good. */
  async run(options: FollowOptions): Promise<void> {
    this.#deriving = this.#derives.map((derive) => derive.run(options, this.#noDerive.signal));
    this.#detecting = this.#detect.run(options, this.#noDetect.signal);
    await Promise.all([...this.#deriving, this.#detecting]);
  }

  /** Each part ends after those whose records it follows. Never rejects: `run` does. */
  async stop(): Promise<void> {
    this.#noDerive.abort();
    await Promise.allSettled(this.#deriving);
    this.#noDetect.abort();
    await Promise.allSettled([this.#detecting]);
  }
}

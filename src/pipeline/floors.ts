// How far back records still count, by stream and symbol: to the floor. The closed candles below it
// leave the log's state (gone-candles.ts), so what comes for them is too late, whatever brings it:
// the filling of a gap, a replay, a start with a larger horizon. A floor never falls.
//
// It follows the symbol's clock a horizon behind it, and a day late by our own clock: when a feed
// comes back after an outage the clock jumps, and what fills the gap has that day to come. Without
// a horizon it stands still, so a log that is only ever replayed into keeps all of its candles.
//
// Records from before a symbol's first one count: no candle of theirs can be gone.

import { type Clock, microsPerDay } from '../base/clock.ts';
import type { Gone } from '../contracts/instrument.ts';
import type { Log, StateWrite, Topic } from '../log/log.ts';

/** Of a symbol in one stream; times in microseconds. */
export interface Floor {
  readonly key: string;
  /** Event time of the oldest record that counts. */
  oldest: number;
  gone: Gone;
  /** The symbol's clock as it was at `at`, by our own clock. */
  past: { readonly clock: number; readonly at: number };
}

/** How long what fills a gap has, at least. */
const fillTime = microsPerDay;

export class Floors {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #horizon: number;
  readonly #floors = new Map<string, Floor>();
  readonly #changed = new Set<Floor>();

  /** `horizon`: microseconds of event time, or Infinity. */
  constructor(log: Log, clock: Clock, horizon: number) {
    this.#log = log;
    this.#clock = clock;
    this.#horizon = horizon;
  }

  async of(topic: Topic, symbol: string): Promise<Floor> {
    const key = `ingest floor ${topic} ${symbol}`;
    let floor = this.#floors.get(key);
    if (!floor) {
      const stored = await this.#log.state(key);
      floor = stored ? (JSON.parse(Buffer.from(stored).toString()) as Floor) : newFloor(key);
      this.#floors.set(key, floor);
    }
    return floor;
  }

  /** Raises a floor when that is due, given the symbol's clock; whether more is gone now. */
  raise(floor: Floor, clock: number): boolean {
    const { oldest, gone, past } = floor;
    const now = this.#clock.now();
    if (this.#horizon === Number.POSITIVE_INFINITY || now < past.at + fillTime) return false;
    floor.past = { clock, at: now };
    this.#changed.add(floor);
    const to = past.clock - this.#horizon;
    if (to <= gone.to || to <= oldest) return false;
    floor.gone = { from: oldest, to };
    return true;
  }

  /** Records count, the oldest of them at `time`. */
  note(floor: Floor, time: number): void {
    if (time >= floor.oldest) return;
    floor.oldest = time;
    this.#changed.add(floor);
  }

  /** What changed since the last call, to be committed with the records. */
  changes(): StateWrite[] {
    const writes = Array.from(this.#changed, (floor) => {
      return { key: floor.key, value: Buffer.from(JSON.stringify(floor)) };
    });
    this.#changed.clear();
    return writes;
  }

  /** What was decided is not in the log after all: everything is read again from there. */
  forget(): void {
    this.#floors.clear();
    this.#changed.clear();
  }
}

export function isGone({ gone }: Floor, time: number): boolean {
  return time >= gone.from && time < gone.to;
}

function newFloor(key: string): Floor {
  const [oldest, never] = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  return { key, oldest, gone: { from: never, to: never }, past: { clock: never, at: 0 } };
}

// How far those who follow the log are behind what it holds, and whether one stands still.

import type { Clock } from '../base/clock.ts';
import type { PartHealth } from '../gateway/health.ts';
import type { Log, Topic } from '../log/log.ts';

/** What takes a topic, record by record. */
interface Following {
  readonly topic: Topic;
  /** The offset up to which it has come. */
  readonly position: number;
}

/** A part that takes nothing for so long, with records before it, is stuck. */
const stuckSeconds = 10;

export class FollowHealth {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #parts: { readonly follower: Following; position: number; movedAt: number }[];

  constructor(followers: readonly Following[], log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#parts = followers.map((follower) => ({ follower, position: -1, movedAt: 0 }));
  }

  /** To be asked now and then: it goes by what has moved in between. */
  report(): PartHealth {
    const now = this.#clock.now();
    const stuck: string[] = [];
    let behind = 0;
    for (const part of this.#parts) {
      const { topic, position } = part.follower;
      const lag = this.#log.range(topic).end - position;
      behind += lag;
      if (lag === 0 || position !== part.position) {
        part.position = position;
        part.movedAt = now;
      }
      const seconds = Math.floor((now - part.movedAt) / 1e6);
      if (seconds < stuckSeconds) continue;
      stuck.push(`${topic} stands for ${seconds} s, ${lag} records behind`);
    }
    if (stuck.length > 0) return { state: 'down', detail: stuck.join('; ') };
    return { state: 'ok', detail: behind === 0 ? 'up to date' : `${behind} records behind` };
  }
}

// The days of a calendar, one after the other without a gap: weekends and holidays are days too, so
// that every moment, of whatever year, belongs to exactly one. A day begins where its exchange's
// does: at local midnight, or on the evening before where sessions open then. When a clock changes
// it has 23 or 25 hours.

import { type Micros, microsPerDay, microsPerSecond } from '../base/clock.ts';
import type { Exchange } from './exchange.ts';
import type { Span } from './session.ts';
import { ZoneOffsets } from './zone-offsets.ts';

export interface Day extends Span {
  /** Its date, as the days since 1970-01-01. */
  readonly number: number;
}

/** The number of the day that starts then, in any calendar: that of the nearest midnight of UTC. */
export function dayNumber(start: number): number {
  return Math.round(start / microsPerDay);
}

export class Days {
  readonly #zone: string;
  /** Where a day begins, in microseconds after the local midnight of its date. */
  readonly #opening: number;
  readonly #offsets = new Map<number, ZoneOffsets>();
  /** The day that was asked for last. */
  #day: Day;

  constructor({ zone, hours }: Exchange) {
    this.#zone = zone;
    this.#opening = Math.min(0, hours[0].hours.open) * 60 * microsPerSecond;
    this.#day = this.numbered(0);
  }

  /** The day that a moment belongs to. */
  of(time: number): Day {
    if (time >= this.#day.start && time < this.#day.end) return this.#day;
    let number = Math.floor(time / microsPerDay);
    while (time < this.#startOf(number)) number--;
    while (time >= this.#startOf(number + 1)) number++;
    this.#day = this.numbered(number);
    return this.#day;
  }

  numbered(number: number): Day {
    return { number, start: this.#startOf(number), end: this.#startOf(number + 1) };
  }

  #startOf(number: number): Micros {
    const midnight = number * microsPerDay;
    const year = new Date(midnight / 1000).getUTCFullYear();
    let offsets = this.#offsets.get(year);
    if (!offsets) {
      offsets = new ZoneOffsets(this.#zone, year);
      this.#offsets.set(year, offsets);
    }
    return offsets.toUtc(midnight + this.#opening);
  }
}

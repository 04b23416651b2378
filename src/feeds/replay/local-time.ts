// Local time to UTC. Vendors write times of day in the zone of the market; what the offset of a
// zone is at a reading of its clock is Temporal's to say, once per quarter of an hour, since no
// zone changes its clock between quarters.

import { type Micros, micros, microsPerDay } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { parseTime } from '../../contracts/time.ts';

const quarter = 900_000_000;

export class LocalTime {
  readonly timeZone: string;
  readonly #offsets = new Map<number, number>();
  /** The quarter asked for last, and its offset: readings come in order, nearly always. */
  #from = Number.NEGATIVE_INFINITY;
  #offset = 0;

  /** An IANA name, or an offset such as `-05:00`. */
  constructor(timeZone: string) {
    this.timeZone = checked(timeZone);
  }

  /**
   * The instant at which the local clock reads `wall` (microseconds since 1970-01-01T00:00 on that
   * clock). A reading that comes twice is the earlier one; one that is skipped counts on from
   * before the gap (the rule of RFC 5545).
   */
  toUtc(wall: number): Micros {
    if (wall < this.#from || wall - this.#from >= quarter) this.#lookUp(wall);
    return micros(wall - this.#offset);
  }

  #lookUp(wall: number): void {
    const number = Math.floor(wall / quarter);
    this.#from = number * quarter;
    this.#offset = this.#offsets.getOrInsertComputed(number, () => this.#offsetAt(this.#from));
  }

  #offsetAt(wall: number): number {
    const reading = Temporal.Instant.fromEpochMilliseconds(wall / 1000).toZonedDateTimeISO('UTC');
    const instant = reading.toPlainDateTime().toZonedDateTime(this.timeZone);
    return wall - instant.epochMilliseconds * 1000;
  }
}

/** One day of a zone. */
export interface LocalDay {
  readonly time: LocalTime;
  /** Midnight, as the local clock reads it: microseconds for `LocalTime.toUtc`. */
  readonly midnight: number;
  /** The midnight that ends the day, in UTC. */
  readonly end: Micros;
}

/** `date` as YYYY-MM-DD. */
export function localDay(date: string, time: LocalTime): LocalDay {
  const midnight = Date.parse(date) * 1000;
  return { time, midnight, end: time.toUtc(midnight + microsPerDay) };
}

/** YYYY-MM-DD from that or from YYYYMMDD; null when there is no such day. */
export function dateOf(text: string): string | null {
  const parts = /^(\d{4})-?(\d{2})-?(\d{2})$/.exec(text);
  if (!parts) return null;
  const date = parts.slice(1).join('-');
  return parseTime(date) === null ? null : date;
}

function checked(timeZone: string): string {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone);
    return timeZone;
  } catch {
    throw new Failure(
      'bad-configuration',
      `"${timeZone}" is not a time zone`,
      'Give --time-zone an IANA name such as America/New_York, or an offset such as -05:00.',
    );
  }
}

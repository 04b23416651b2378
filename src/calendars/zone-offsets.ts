// Local time to UTC for a whole year of sessions. Temporal knows the zones; asking it for a year's
// two clock changes instead of for every session makes a year of sessions a hundred times cheaper.

import { type Micros, micros } from '../base/clock.ts';

interface Period {
  /** The local time at which the offset begins to hold, as microseconds as if it were UTC. */
  readonly localStart: number;
  readonly offset: number;
}

/** The UTC offsets that a zone has around a year, for times from the eve of the year to its end. */
export class ZoneOffsets {
  readonly #periods: Period[];

  constructor(zone: string, year: number) {
    const end = Temporal.PlainDate.from({ year: year + 1, month: 1, day: 3 });
    let time: Temporal.ZonedDateTime | null = Temporal.PlainDate.from({
      year: year - 1,
      month: 12,
      day: 29,
    }).toZonedDateTime(zone);
    this.#periods = [];
    while (time && Temporal.PlainDate.compare(time.toPlainDate(), end) < 0) {
      const offset = time.offsetNanoseconds / 1000;
      this.#periods.push({ localStart: time.epochMilliseconds * 1000 + offset, offset });
      time = time.getTimeZoneTransition('next');
    }
  }

  /**
   * The moment when the zone's clocks show `local` (microseconds as if it were UTC). No exchange
   * opens or closes in an hour that a clock change skips or repeats, so neither is decided here.
   */
  toUtc(local: number): Micros {
    let offset = this.#periods[0].offset;
    for (const period of this.#periods) {
      if (period.localStart <= local) offset = period.offset;
    }
    return micros(local - offset);
  }
}

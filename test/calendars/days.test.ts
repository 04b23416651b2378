// The days of calendars against Temporal, which is asked anew for each, and against the recorded
// sessions.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { calendarNames, calendarOf } from '../../src/calendars/calendar.ts';
import { dayNumber } from '../../src/calendars/days.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { microsOf, recordingOf, recordings } from './recorded-sessions.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const from = microsOf('1990-01-01T00:00Z');
const until = microsOf('2031-01-01T00:00Z');
const hour = 3_600_000_000;

/** The local time of the evening before at which the days of a calendar begin; else midnight. */
const evenings: Readonly<Record<string, string>> = { CMES: '17:00', FX: '17:00' };

function startOf(date: Temporal.PlainDate, calendar: string): number {
  const { zone } = calendarOf(calendar);
  const evening = evenings[calendar];
  const local = evening
    ? date.subtract({ days: 1 }).toZonedDateTime({ timeZone: zone, plainTime: evening })
    : date.toZonedDateTime(zone);
  return local.epochMilliseconds * 1000;
}

for (const name of calendarNames) {
  suite(`the days of ${name}`, () => {
    const { days } = calendarOf(name);

    test('follow one another from 1990 to 2030, each beginning as its exchange does', () => {
      let date = Temporal.PlainDate.from('1990-01-01');
      let { number } = days.of(startOf(date, name));
      for (; date.year < 2031; date = date.add({ days: 1 }), number++) {
        const start = startOf(date, name);
        const day = days.numbered(number);
        assert.equal(day.start, start, date.toString());
        assert.equal(days.numbered(number - 1).end, start);
        assert.deepEqual(days.of(start), day);
        assert.equal(days.of(start - 1).number, number - 1);
        assert.equal(dayNumber(start), number);
        assert.equal(Temporal.PlainDate.from('1970-01-01').until(date).days, number);
        assert.ok([23, 24, 25].includes((day.end - start) / hour), date.toString());
      }
    });

    test('every moment belongs to exactly one, in whatever order one asks', () => {
      fc.assert(
        fc.property(fc.integer({ min: from, max: until - 1 }), (time) => {
          const { start, end, number } = days.of(time);
          assert.ok(start <= time && time < end);
          assert.deepEqual(
            [days.of(end).number, days.of(start - 1).number],
            [number + 1, number - 1],
          );
        }),
        { seed, numRuns: 2_000 },
      );
    });
  });
}

for (const [name] of recordings) {
  test(`every recorded session of ${name} lies within the day of its date`, (t) => {
    const recording = recordingOf(name, t);
    if (!recording) return;
    const { days } = calendarOf(name);
    for (const { date, open, close } of recording.sessions) {
      const { number, start, end } = days.of(open);
      assert.equal(number * 24 * hour, microsOf(date), date);
      assert.ok(start <= open && close <= end, date);
    }
  });
}

test('a day of New York begins at 05:00Z in winter and at 04:00Z in summer', () => {
  const { days } = calendarOf('XNYS');
  const shown = (time: string) => {
    const { start, end } = days.of(microsOf(time));
    return [formatTime(start), (end - start) / hour];
  };
  assert.deepEqual(shown('2024-01-10T01:00Z'), ['2024-01-09T05:00:00Z', 24]);
  assert.deepEqual(shown('2024-03-10T12:00Z'), ['2024-03-10T05:00:00Z', 23]);
  assert.deepEqual(shown('2024-07-04T12:00Z'), ['2024-07-04T04:00:00Z', 24]);
  assert.deepEqual(shown('2024-11-03T12:00Z'), ['2024-11-03T04:00:00Z', 25]);
});

test('days reach beyond the years whose sessions are known', () => {
  const { days } = calendarOf('XTKS');
  for (const year of [1955, 1975, 1999, 2150]) {
    const { start, end } = days.of(Date.UTC(year, 5, 1, 12) * 1000);
    assert.deepEqual([start, end - start], [Date.UTC(year, 4, 31, 15) * 1000, 24 * hour]);
  }
});

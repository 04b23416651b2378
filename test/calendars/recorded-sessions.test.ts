// Every session that was recorded, and no other, comes out of the rules. What to expect is read
// from the recordings alone.

import { strict as assert } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import { calendarNames, calendarOf } from '../../src/calendars/calendar.ts';
import { recordedData } from '../recorded-data.ts';
import {
  datesBetween,
  isoDate,
  isWeekday,
  type RecordedSession,
  recordingOf,
  recordings,
} from './recorded-sessions.ts';

test('there is a recording of every calendar but FX, which is no exchange', () => {
  assert.deepEqual(
    recordings.map(([name]) => name),
    calendarNames.filter((name) => name !== 'FX'),
  );
});

for (const [name] of recordings) {
  suite(`${name} against what was recorded`, () => {
    const calendar = calendarOf(name);

    test('each date has the recorded session, or none where none is recorded', (t) => {
      const recording = recordingOf(name, t);
      if (!recording) return;
      const expected = new Map(recording.sessions.map((session) => [session.date, session]));
      let seen = 0;
      for (const date of datesBetween(recording.first, recording.last)) {
        const session = calendar.session(date);
        const { open, close, break: pause } = session ?? {};
        const actual = session && { date: session.date, open, close, break: pause };
        assert.deepEqual(actual, expected.get(date) ?? null, date);
        if (session) seen++;
      }
      assert.equal(seen, expected.size);
    });

    test('a weekday without a session has the name of its holiday, a session has none', (t) => {
      const recording = recordingOf(name, t);
      if (!recording) return;
      const expected = new Set(recording.sessions.map(({ date }) => date));
      for (const date of datesBetween(recording.first, recording.last)) {
        if (expected.has(date)) assert.equal(calendar.holiday(date), null, date);
        else if (isWeekday(date)) assert.match(calendar.holiday(date) ?? '', /./, date);
      }
    });

    test('an early close is a session that ends sooner than the longest of its year', (t) => {
      const recording = recordingOf(name, t);
      if (!recording) return;
      const yearOf = ({ date }: { date: string }): string => date.slice(0, 4);
      for (const year of Object.values(Object.groupBy(recording.sessions, yearOf))) {
        // Tokyo's regular day grew longer within the year 2024.
        const grew = ({ date }: { date: string }): string =>
          `${name === 'XTKS' && date > '2024-11-04'}`;
        for (const sessions of Object.values(Object.groupBy(year ?? [], grew))) {
          const lengths = (sessions ?? []).map(({ open, close }) => close - open);
          const longest = Math.max(...lengths);
          for (const [index, { date }] of (sessions ?? []).entries()) {
            const kind = lengths[index] < longest ? 'early close' : 'regular';
            assert.equal(calendar.session(date)?.kind, kind, date);
          }
        }
      }
    });

    test('each moment finds its session: at its edges, in its break, and from either side', (t) => {
      const recording = recordingOf(name, t);
      if (!recording) return;
      const dateAt = (time: number): string | undefined => calendar.sessionOf(micros(time))?.date;
      for (const [index, recorded] of recording.sessions.entries()) {
        const { date, open, close } = recorded;
        const before: RecordedSession | undefined = recording.sessions[index - 1];
        for (const time of [open, recorded.break?.start, recorded.break?.end, close - 1]) {
          if (time !== undefined) assert.equal(dateAt(time), date);
        }
        const { break: pause } = recorded;
        if (pause) {
          const phases = [pause.start - 1, pause.start, pause.end - 1, pause.end].map((time) =>
            calendar.phaseOf(micros(time)),
          );
          assert.deepEqual(phases, ['open', 'break', 'break', 'open'], date);
        }
        assert.equal(calendar.previousSession(micros(close)).date, date);
        assert.equal(calendar.nextSession(micros(open - 1)).date, date);
        if (!before) continue;
        assert.equal(calendar.nextSession(micros(before.open)).date, date);
        assert.equal(calendar.previousSession(micros(close - 1)).date, before.date);
        assert.equal(dateAt(open - 1), before.close === open ? before.date : undefined);
        if (before.close < open) assert.equal(dateAt(before.close), undefined);
      }
    });
  });
}

test('New York keeps exactly the holidays of the list since 1928, from 1990 on', (t) => {
  const path = recordedData('calendars/nyse_all_full_day_holidays_since_1928.csv', t);
  if (path === null) return;
  const calendar = calendarOf('XNYS');
  const dates = readFileSync(path, 'utf8').trim().split(/\s+/).map(isoDate);
  const expected = dates.filter((date) => date >= `${calendar.firstYear}-01-01`);
  const last = expected[expected.length - 1];
  assert.deepEqual([expected.length, last], [283, '2021-07-05']);
  const actual = [...datesBetween(`${calendar.firstYear}-01-01`, last)].filter(
    (date) => calendar.holiday(date) !== null,
  );
  // The list knows of no holidays on weekends, and neither do we: each is kept on a weekday.
  assert.deepEqual(
    actual.filter((date) => isWeekday(date)),
    expected,
  );
});

// Reads what was recorded of the exchanges' calendars: one row per session, times in UTC.

import { strict as assert } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { recordedData } from '../recorded-data.ts';

export interface RecordedSession {
  readonly date: string;
  readonly open: number;
  readonly close: number;
  readonly break: { readonly start: number; readonly end: number } | null;
}

export interface Recording {
  readonly first: string;
  readonly last: string;
  readonly sessions: readonly RecordedSession[];
}

/** The file of each calendar, and how many sessions it has, so that none can go missing unseen. */
export const recordings: readonly (readonly [calendar: string, file: string, count: number])[] = [
  ['XNYS', 'xnys.csv', 8324],
  ['XLON', 'xlon.csv', 8515],
  ['XTKS', 'xtks.csv', 6613],
  ['CMES', 'cmes.csv', 9682],
  ['XTSE', 'xtse.csv', 7484],
  ['24/7', '24-7.csv', 366],
];

/** Null, with the test skipped, where there is no recorded data. */
export function recordingOf(calendar: string, t: TestContext): Recording | null {
  const [, file, count] = recordings.find(([name]) => name === calendar) ?? [];
  const path = recordedData(`calendars/${file}`, t);
  if (path === null) return null;
  const [header, ...rows] = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.equal(header, ',open,close,break_start,break_end');
  assert.equal(rows.length, count);
  const sessions = rows.map((row) => {
    const [date, open, close, breakStart, breakEnd] = row.split(',');
    const pause = breakStart ? { start: microsOf(breakStart), end: microsOf(breakEnd) } : null;
    return {
      date: date.slice(0, 10),
      open: microsOf(open),
      close: microsOf(close),
      break: pause,
    };
  });
  return { first: sessions[0].date, last: sessions[sessions.length - 1].date, sessions };
}

export function microsOf(text: string): number {
  const time = Date.parse(text) * 1000;
  assert.ok(Number.isSafeInteger(time), text);
  return time;
}

/** Every date from the first to the last, both included. */
export function* datesBetween(first: string, last: string): Generator<string> {
  for (let time = Date.parse(first); time <= Date.parse(last); time += 86_400_000) {
    yield new Date(time).toISOString().slice(0, 10);
  }
}

/** `12/5/2018`, as both sources write dates, as `2018-12-05`. */
export function isoDate(american: string): string {
  const [, month, day, year] = /^(\d+)\/(\d+)\/(\d{4})$/.exec(american) ?? assert.fail(american);
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}

export function isWeekday(date: string): boolean {
  return new Date(date).getUTCDay() % 6 !== 0;
}

// Times as people write them: what the calendar does not have is refused, not shifted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTime, parseSpanEnd, parseTime } from '../../src/contracts/time.ts';
import { seeded } from '../gateway/seed.ts';

test('a day that the calendar does not have is no time', () => {
  for (const text of [
    '2013-02-29',
    '2013-02-30',
    '2013-02-30T14:30:00Z',
    '2013-04-31',
    '2100-02-29',
    '2013-00-10',
    '2013-13-01',
    '2013-10-00',
    '2013-10-32',
  ]) {
    assert.equal(parseTime(text), null, text);
    assert.equal(parseSpanEnd(text), null, text);
  }
});

test('a day that the calendar has is that day, also where an offset moves it', () => {
  for (const [text, utc] of [
    ['2012-02-29', '2012-02-29T00:00:00Z'],
    ['2000-02-29T23:59:59.999999Z', '2000-02-29T23:59:59.999999Z'],
    ['2013-10-31T23:30-05:00', '2013-11-01T04:30:00Z'],
    ['2013-01-31 00:15+0100', '2013-01-30T23:15:00Z'],
  ] as const) {
    const time = parseTime(text);
    assert(time !== null, text);
    assert.equal(formatTime(time), utc);
  }
});

test('a moment that the clock does not have is no time; midnight may end a day', () => {
  for (const clock of ['24:00:01', '24:01', '12:60', '12:00:60', '25:00', '12:00+24:00']) {
    assert.equal(parseTime(`2013-10-07T${clock}`), null, clock);
  }
  assert.equal(parseTime('2013-10-07T24:00Z'), parseTime('2013-10-08'));
});

test('any moment from the year 0 on is what Date takes it for', () => {
  const max = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
  const moments = fc.integer({ min: Date.parse('0000-01-01T00:00:00Z'), max });
  const moment = fc.property(moments, fc.integer({ min: -1_439, max: 1_439 }), (ms, east) => {
    const local = new Date(ms).toISOString().slice(0, -1);
    const size = Math.abs(east);
    const two = (part: number): string => String(Math.floor(part)).padStart(2, '0');
    const text = `${local}${east < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
    assert.equal(parseTime(text), Date.parse(text) * 1000, text);
  });
  fc.assert(moment, seeded(2_000));
});

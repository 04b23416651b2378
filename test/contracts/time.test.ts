// Times as people write them: what the calendar does not have is refused, not shifted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime, parseSpanEnd, parseTime } from '../../src/contracts/time.ts';

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

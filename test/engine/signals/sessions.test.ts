// Days of exchanges, as the signals compare them.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isSameDay } from '../../../src/engine/signals/sessions.ts';

const utc = (text: string): number => Date.parse(text) * 1000;

suite('the same day', () => {
  test('ends at midnight in New York, and at 17:00 in Chicago for futures', () => {
    const newYork = ['2024-05-07T03:59Z', '2024-05-07T04:00Z'].map(utc) as [number, number];
    const chicago = ['2024-05-06T21:59Z', '2024-05-06T22:00Z'].map(utc) as [number, number];
    assert.deepEqual(
      ['XNYS', 'CMES', '24/7'].map((calendar) => isSameDay(calendar, ...newYork)),
      [false, true, true],
    );
    assert.deepEqual(
      ['XNYS', 'CMES', '24/7'].map((calendar) => isSameDay(calendar, ...chicago)),
      [true, false, true],
    );
    assert.equal(isSameDay('CMES', utc('2024-05-07T04:59Z'), utc('2024-05-07T05:00Z')), true);
  });
});

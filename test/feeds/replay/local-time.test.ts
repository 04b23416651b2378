import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Failure } from '../../../src/base/failure.ts';
import { formatTime } from '../../../src/contracts/time.ts';
import { dateOf, LocalTime, localDay } from '../../../src/feeds/replay/local-time.ts';

const at = (timeZone: string, wall: string): string =>
  formatTime(new LocalTime(timeZone).toUtc(Date.parse(`${wall}Z`) * 1000));

suite('local time', () => {
  // By hand: New York is 5 hours behind UTC in winter and 4 in summer; in 2013 its clocks went from
  // 02:00 to 03:00 on 10 March, and from 02:00 back to 01:00 on 3 November.
  test('follows the clocks of New York through their changes', () => {
    const newYork = (wall: string): string => at('America/New_York', wall);
    assert.equal(newYork('2013-01-02T09:30:00'), '2013-01-02T14:30:00Z');
    assert.equal(newYork('2013-07-01T09:30:00'), '2013-07-01T13:30:00Z');
    assert.equal(newYork('2013-03-10T01:59:59'), '2013-03-10T06:59:59Z');
    assert.equal(newYork('2013-03-10T03:00:00'), '2013-03-10T07:00:00Z');
    assert.equal(newYork('2013-11-03T00:59:59'), '2013-11-03T04:59:59Z');
    assert.equal(newYork('2013-11-03T02:00:00'), '2013-11-03T07:00:00Z');
  });

  test('a reading that comes twice is the earlier, a skipped one counts on', () => {
    assert.equal(at('America/New_York', '2013-11-03T01:30:00'), '2013-11-03T05:30:00Z');
    assert.equal(at('America/New_York', '2013-03-10T02:30:00'), '2013-03-10T07:30:00Z');
  });

  test('knows zones off the hour, and offsets', () => {
    assert.equal(at('Asia/Kolkata', '2013-10-07T09:15:00'), '2013-10-07T03:45:00Z');
    assert.equal(at('-05:00', '2013-07-01T09:30:00'), '2013-07-01T14:30:00Z');
    assert.equal(at('UTC', '2013-07-01T09:30:00'), '2013-07-01T09:30:00Z');
    // Half an hour forward at 02:00 on 6 October 2013, from UTC+10:30 to UTC+11.
    assert.equal(at('Australia/Lord_Howe', '2013-10-06T01:59:00'), '2013-10-05T15:29:00Z');
    assert.equal(at('Australia/Lord_Howe', '2013-10-06T02:30:00'), '2013-10-05T15:30:00Z');
  });

  test('keeps microseconds, in any order', () => {
    const time = new LocalTime('America/New_York');
    const wall = Date.parse('2013-10-07T09:30:00Z') * 1000;
    assert.equal(time.toUtc(wall + 1) - time.toUtc(wall - 1), 2);
    assert.equal(time.toUtc(wall - 3_600_000_000), time.toUtc(wall) - 3_600_000_000);
  });

  test('a day ends at the midnight after it, 23, 24 or 25 hours on', () => {
    const newYork = new LocalTime('America/New_York');
    const hours = (date: string): number => {
      const { midnight, end } = localDay(date, newYork);
      return (end - newYork.toUtc(midnight)) / 3_600_000_000;
    };
    assert.equal(hours('2013-03-10'), 23);
    assert.equal(hours('2013-10-07'), 24);
    assert.equal(hours('2013-11-03'), 25);
  });

  test('a zone that does not exist is a failure that says the cure', () => {
    assert.throws(
      () => new LocalTime('Mars/Olympus'),
      (error) =>
        error instanceof Failure &&
        error.code === 'bad-configuration' &&
        error.cure.includes('--time-zone'),
    );
  });
});

suite('dates', () => {
  test('are read with and without dashes, if there is such a day', () => {
    assert.equal(dateOf('20131007'), '2013-10-07');
    assert.equal(dateOf('2012-02-29'), '2012-02-29');
    for (const text of ['2013-02-29', '20130230', '2013-13-01', '131007', 'today', '']) {
      assert.equal(dateOf(text), null, text);
    }
  });
});

// Volumes compared with the same minute of other sessions. What is kept of them is kept here as
// detect does, outside the operator, which has it only while it is asked for.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { micros } from '../../../src/base/clock.ts';
import { calendarOf } from '../../../src/calendars/calendar.ts';
import type { Signal } from '../../../src/contracts/wire-objects.ts';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
import type { KeptState } from '../../../src/engine/signals/volume-history.ts';
import {
  batchOf,
  flat,
  minute,
  restarted,
  type SimpleCandle,
  seed,
  standing,
  type Terms,
} from './candles.ts';

/** The opens of sessions in New York from a date on; clocks change on 2024-03-10. */
function opensFrom(date: string, count: number): number[] {
  const opens: number[] = [];
  for (let time = Date.parse(date) * 1000; opens.length < count; ) {
    time = calendarOf('XNYS').nextSession(micros(time)).open;
    opens.push(time);
  }
  return opens;
}

/** Applies candles one by one, with a checkpoint behind each. */
class Kept {
  readonly values = new Map<string, KeptState>();
  readonly #operator = new SignalOperator();

  apply(candle: SimpleCandle, terms: Terms = {}): readonly Signal[] {
    const batch = batchOf([candle], { calendar: 'XNYS', ...terms });
    for (const key of this.#operator.missing(batch)) {
      const value = this.values.get(key);
      if (value) this.#operator.restore(value);
    }
    const signals = this.#operator.apply(batch);
    for (const value of this.#operator.unsaved()) this.values.set(value.key, value);
    this.#operator.saved();
    assert.equal(this.#operator.held, 0, 'nothing of the past stays in memory');
    return signals;
  }
}

function volumesOf(signals: readonly Signal[]) {
  return standing(signals)
    .filter(({ kind }) => kind === 'volume-anomaly')
    .map(({ start, severity, values }) => [start, severity, values.mean, values.comparedWith])
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

suite('volume-anomaly', () => {
  /** Half an hour of quiet before the open, then a minute of much, then of less. */
  function morning(open: number, opening: number): SimpleCandle[] {
    const before = Array.from({ length: 30 }, (_, at) =>
      flat('1m', open - (30 - at) * minute, 10_000, 10 + (at % 3)),
    );
    return [...before, flat('1m', open, 10_000, opening), flat('1m', open + minute, 10_000, 400)];
  }

  test('the open is none once five sessions have shown how it is', () => {
    const kept = new Kept();
    const opens = opensFrom('2024-03-01', 12);
    const volumes = [900, 1_000, 1_100, 950, 1_050, 1_000, 990, 1_010, 1_000, 1_300, 5_000, 1_000];
    const signals = opens.flatMap((open, at) =>
      morning(open, volumes[at] as number).flatMap((candle) => kept.apply(candle)),
    );
    const found = volumesOf(signals);
    assert.deepEqual(
      found.slice(0, 5).map(([start, , , comparedWith]) => [start?.slice(0, 16), comparedWith]),
      [
        ['2024-03-01T14:30', '20 minutes'],
        ['2024-03-04T14:30', '20 minutes'],
        ['2024-03-05T14:30', '20 minutes'],
        ['2024-03-06T14:30', '20 minutes'],
        ['2024-03-07T14:30', '20 minutes'],
      ],
    );
    // (900 + 1,000 + … + 1,300) / 10; the clocks have changed, and it is still the open.
    assert.deepEqual(found.slice(5), [['2024-03-15T13:30:00Z', 'critical', '1030', '10 sessions']]);
  });

  test('cancels beyond the horizon leave the minutes as they are', () => {
    const operator = new SignalOperator();
    const start = Date.UTC(2024, 4, 6, 14, 30) * 1000;
    const tell = (candle: SimpleCandle) => operator.apply(batchOf([candle]));
    // The 121st drops the first 61, and with them what the anomaly was compared with.
    const minutes = Array.from({ length: 121 }, (_, at) =>
      flat('1m', start + at * minute, 10_000, at === 70 ? 5_000 : 10),
    );
    assert.equal(volumesOf(minutes.flatMap(tell)).length, 1);
    assert.deepEqual(tell(flat('1m', start + 65 * minute, 0, 0)), []);
  });

  test('a minute that lost its trades is none of the 20, however many are left', () => {
    const start = Date.UTC(2024, 4, 6, 14, 30) * 1000;
    // The 121st drops the first 61: of the 60 left, the 20 from the 62nd on are compared with.
    const volumeAt = (at: number) => (at === 81 || at === 85 ? 5_000 : at < 65 ? 1_000 : 10);
    const minutes = Array.from({ length: 121 }, (_, at) =>
      flat('1m', start + at * minute, 10_000, volumeAt(at)),
    );
    let operator = new SignalOperator();
    const kept = new Map<string, KeptState>();
    const told: Signal[] = [];
    const tell = (candle: SimpleCandle): readonly Signal[] => {
      const signals = operator.apply(batchOf([candle]));
      operator = restarted(operator, kept);
      told.push(...signals);
      return signals;
    };
    const standingAt = () => volumesOf(told).map(([at, , mean]) => [at?.slice(11, 16), mean]);
    for (const each of minutes) tell(each);
    // 61 to 64 and sixteen of 10; nineteen of 10 and 81.
    const both = [
      ['15:51', '208'],
      ['15:55', '259.5'],
    ];
    assert.deepEqual(standingAt(), both);
    tell(flat('1m', start + 90 * minute, 0, 0));
    for (const at of [61, 64, 70, 80]) {
      assert.deepEqual(tell(flat('1m', start + at * minute, 0, 0)), [], `${at} is compared with`);
    }
    assert.deepEqual(standingAt(), both);
    tell(flat('1m', start + 81 * minute, 0, 0));
    // As 81 is gone, 64 takes its place.
    assert.deepEqual(standingAt(), [['15:55', '59.5']]);
  });

  test('what is kept of a minute does not grow beyond a page', () => {
    const kept = new Kept();
    for (const open of opensFrom('2023-01-01', 300)) {
      for (let at = 0; at < 3; at++) kept.apply(flat('1m', open + at * minute, 10_000));
    }
    const pages = [...kept.values.values()].filter(({ key }) => key.startsWith('volumes'));
    assert.deepEqual(
      pages.map(({ key }) => key),
      ['volumes AAA 0'],
    );
    const [page] = pages;
    assert.ok(page && page.value.length < 4_096, `${page?.value.length} bytes`);
  });

  test('a scale that grows finer changes nothing', () => {
    const run = (rescaledAt: number) => {
      const kept = new Kept();
      const opens = opensFrom('2024-03-01', 7);
      return volumesOf(
        opens.flatMap((open, at) => {
          const volume = at === 6 ? 9_000 : 1_000 + at;
          const isFiner = at >= rescaledAt;
          const candle = flat('1m', open, 10_000, isFiner ? volume * 1_000 : volume);
          return kept.apply(candle, { sizeScale: isFiner ? 3 : 0 });
        }),
      );
    };
    const [found] = run(7);
    assert.deepEqual(found?.slice(1), ['critical', '1002.5', '6 sessions']);
    assert.deepEqual(run(3), [found]);
    assert.deepEqual(run(6), [found]);
  });

  test('in any order the six sessions of a week give what their volumes say', () => {
    const opens = opensFrom('2024-07-08', 6);
    const volume = fc.oneof(fc.integer({ min: 90, max: 110 }), fc.integer({ min: 0, max: 900 }));
    const week = fc.array(fc.tuple(volume, volume, volume), { minLength: 6, maxLength: 6 });
    let seen = 0;
    fc.assert(
      fc.property(week, fc.infiniteStream(fc.nat()), (volumes, keys) => {
        const offsets = [0, 7, 8];
        const candles = opens
          .flatMap((open, day) =>
            offsets.map((at, n) =>
              flat('1m', open + at * minute, 10_000, volumes[day]?.[n] as number),
            ),
          )
          .map((one) => ({ one, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key);
        const kept = new Kept();
        // Each comes wrong at first, and is then revised.
        const signals = [1_000, 0].flatMap((error) =>
          candles.flatMap(({ one }) => kept.apply({ ...one, volume: one.volume + error })),
        );
        const expected = offsets.filter((_, n) => {
          const [x = 0, ...others] = volumes.map((row) => row[n] as number).reverse();
          const before = others.filter((other) => other > 0);
          const mean = before.reduce((sum, other) => sum + other, 0) / before.length;
          const variance =
            before.reduce((sum, other) => sum + (other - mean) ** 2, 0) / before.length;
          return before.length === 5 && x > mean + 3 * Math.sqrt(variance) && x >= 2 * mean;
        });
        seen += expected.length;
        assert.deepEqual(
          volumesOf(signals).map(([start]) => start),
          expected.map((at) =>
            new Date(((opens[5] as number) + at * minute) / 1000).toISOString().replace('.000', ''),
          ),
        );
      }),
      { seed, numRuns: 200 },
    );
    assert.ok(seen > 20, `only ${seen} anomalies seen`);
  });
});

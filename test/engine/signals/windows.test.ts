// Windows of candles against what a map of them says, whatever is placed, removed, dropped, scaled
// and saved.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MinuteWindow, PriceWindow } from '../../../src/engine/signals/windows.ts';
import { minute, second, seed } from './candles.ts';

type Prices = readonly [open: number, high: number, low: number, close: number];

const start = fc.integer({ min: 1_700_000_000, max: 1_700_000_090 }).map((at) => at * second);
/** Most fit in 32 bits. */
const price = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 0, max: 2 ** 31 - 1 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 31, max: 2 ** 46 }) },
);
const anyStep = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ start, prices: fc.tuple(price, price, price, price) }),
  },
  { weight: 6, arbitrary: fc.record({ removed: start }) },
  { weight: 1, arbitrary: fc.record({ dropped: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.constant({ factor: 10 }) },
  { weight: 1, arbitrary: fc.constant('saved' as const) },
);

function copyOf(window: PriceWindow): PriceWindow {
  const { saved, rows } = window.save();
  const copy = new PriceWindow(second);
  copy.restore(saved, Uint8Array.from(rows));
  return copy;
}

suite('windows of candles', () => {
  test('hold the newest version of each candle, by start', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 150 }), start, (steps, asked) => {
        let window = new PriceWindow(second);
        let known = new Map<number, Prices>();
        const starts = (): number[] => [...known.keys()].sort((a, b) => a - b);
        for (const step of steps) {
          if (step === 'saved') {
            window = copyOf(window);
          } else if ('prices' in step) {
            known.set(step.start, step.prices);
            assert.equal(window.place(step.start, ...step.prices), starts().indexOf(step.start));
          } else if ('removed' in step) {
            assert.equal(window.remove(step.removed), starts().indexOf(step.removed));
            known.delete(step.removed);
          } else if ('dropped' in step) {
            const count = Math.floor(step.dropped * known.size);
            window.drop(count);
            for (const old of starts().slice(0, count)) known.delete(old);
          } else {
            window.rescale(step.factor);
            const scaled = ([start, prices]: [number, Prices]): [number, Prices] => [
              start,
              prices.map((one) => one * step.factor) as unknown as Prices,
            ];
            known = new Map(Array.from(known, scaled));
          }
        }
        const spans = Array.from({ length: window.length }, (_, index) => window.span(index));
        const expected = starts().map((at) => {
          const [open, high, low, close] = known.get(at) as Prices;
          return { start: at, open, high, low, close };
        });
        assert.deepEqual(spans, expected);
        assert.equal(window.newest, starts().at(-1) ?? Number.NEGATIVE_INFINITY);
        assert.equal(window.indexOf(asked), starts().indexOf(asked));
        assert.equal(
          window.lastBefore(asked),
          starts().findLastIndex((at) => at < asked),
        );
        assert.equal(
          window.lastUntil(asked),
          starts().findLastIndex((at) => at <= asked),
        );
      }),
      { seed, numRuns: 300 },
    );
  });

  test('hold volumes of any size exactly', () => {
    const minutes = new MinuteWindow();
    minutes.place(minute, 1, 1, 1, 1);
    minutes.setVolume(0, 2 ** 30, 2 ** 52 - 1);
    assert.equal(minutes.volume(0), 2n ** 82n + 2n ** 52n - 1n);
    minutes.rescaleVolumes(1_000n);
    assert.equal(minutes.volume(0), 1_000n * (2n ** 82n + 2n ** 52n - 1n));
  });

  test('give back the room that a busier time needed', () => {
    const seconds = new PriceWindow(second);
    const bytes = (): number => seconds.save().rows.buffer.byteLength;
    for (let at = 0; at < 400; at++) seconds.place(at * second, 1, 1, 1, 1);
    const busy = bytes();
    assert.ok(busy < 400 * 20 * 1.3, `${busy} bytes for 400 seconds`);
    seconds.drop(395);
    assert.ok(bytes() < busy / 10, `${bytes()} bytes for five`);
  });
});

// What computing candles anew keeps in memory.

import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PlacedTag, PlacedTrades } from '../../src/contracts/placed-trades.ts';
import { Recomputed } from '../../src/engine/recomputed.ts';

const minute = 60_000_000;
const minutesOfPart = 1_000;
const start = Date.UTC(2024, 4, 6) * 1000;

const tag: PlacedTag = {
  epoch: 'epoch',
  partition: 0,
  source: 'test',
  scope: 'somewhere',
  tape: '',
  verdict: 'on time',
  priceScale: 2,
  sizeScale: 0,
  side: '',
  conditions: '',
  venue: '',
};

/** A trade in every other minute. */
function partFrom(from: number): PlacedTrades {
  const count = minutesOfPart / 2;
  const column = (value: (row: number) => number) =>
    Float64Array.from({ length: count }, (_, row) => value(row));
  return {
    count,
    eventTime: column((row) => from + row * 2 * minute),
    receiveTime: column(() => 0),
    id: column(() => Number.NaN),
    price: column(() => 100),
    size: column(() => 1),
    offset: column((row) => row),
    instrumentId: new Int32Array(count),
    tagId: new Int32Array(count),
    cancelled: new Uint8Array(count),
    instruments: new Map([[0, { symbol: 'AAA', calendar: '24/7' }]]),
    tags: new Map([[0, tag]]),
    textIds: new Map(),
  };
}

test('memory does not grow with the time computed', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const recomputed = new Recomputed();
  let at = start;
  const compute = (parts: number): void => {
    for (let part = 0; part < parts; part++) {
      recomputed.add(partFrom(at));
      at += minutesOfPart * minute;
      assert.ok(recomputed.candles(at));
    }
  };
  compute(10);
  const before = heap();
  compute(100);
  // Of a hundred thousand minutes not ten bytes each.
  assert.ok(heap() - before < 1_000_000, `${heap() - before} bytes more`);
});

// Which ids were seen, against a plain Set.

import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Log } from '../../src/log/log.ts';
import { SeenIds } from '../../src/pipeline/seen-ids.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);

/** The part of a log that SeenIds reads, holding what was committed to it. */
function memory() {
  const values = new Map<string, Uint8Array>();
  const state = async (key: string) => values.get(key) ?? null;
  return { log: { state } as Pick<Log, 'state'> as Log, values };
}

const id = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 65_530, max: 65_545 }),
  fc.maxSafeNat(),
);

test('an id is new exactly once, in any order, across commits and restarts', async () => {
  const steps = fc.array(
    fc.record({ id, commit: fc.boolean(), restart: fc.boolean(), shrink: fc.boolean() }),
    { maxLength: 200 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const { log, values } = memory();
      const expected = new Set<number>();
      let seen = new SeenIds('trades kraken XBTUSDT');
      for (const { id: next, commit, restart, shrink } of taken) {
        if (seen.lacks(next)) await seen.load(log, next);
        assert.equal(seen.add(next), !expected.has(next));
        expected.add(next);
        if (!commit) continue;
        for (const { key, value } of seen.changes()) values.set(key, value as Uint8Array);
        if (shrink) seen.shrink(1);
        if (restart) seen = new SeenIds('trades kraken XBTUSDT');
      }
    }),
    { seed, numRuns: 300 },
  );
});

test('a dense numbering takes one range, however long', async () => {
  const { log } = memory();
  const seen = new SeenIds('trades file:0123 ');
  for (let next = 0; next < 200_000; next++) {
    if (seen.lacks(next)) await seen.load(log, next);
    seen.add(next);
  }
  assert.deepEqual(
    seen.changes().map(({ value }) => value?.length),
    [16, 16, 16, 16],
  );
});

import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { ManualClock } from '../../src/base/clock.ts';
import { Tail } from '../../src/gateway/recent/tail.ts';
import { MemoryLog } from './memory-log.ts';

test('a tail that is stopped while it fills leaves nobody waiting for the rest', async () => {
  const log = new MemoryLog();
  // Each is as large as one read, so that filling takes several.
  const bytes = new Uint8Array(8 * 2 ** 20);
  const append = { topic: 'market.trades', count: 1, bytes } as const;
  await log.commit({ appends: [append, append, append] });
  const stopped = new AbortController();
  const reader = { batch: () => stopped.abort(), lost: () => undefined };
  const logger = pino({ level: 'silent' });
  const tail = new Tail(log, [['market.trades', 3]], reader, new ManualClock(0), logger);
  await Promise.all([tail.run(stopped.signal), tail.filled]);
  assert(tail.position('market.trades') < 3, 'it was stopped before it was filled');
});

// Persist against a real database that goes away and comes back.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { systemClock } from '../../src/base/clock.ts';
import { prng } from '../../src/base/prng.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import { Persist } from '../../src/pipeline/persist.ts';
import { startPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';

const quiet = { info: () => undefined, warn: () => undefined };

test('a failure is over once the database answers again, also when nothing is to be stored', {
  timeout: 60_000,
}, async () => {
  await using ends = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-persist-'));
  ends.defer(() => rm(folder, { recursive: true, maxRetries: 9 }));
  const postgres = { folder: join(folder, 'postgres'), logger: quiet };
  const first = await startPostgres(postgres);
  await migrate(first.connection);
  await first.stop();
  const clock = systemClock;
  const log = await openEmbeddedLog({ folder: join(folder, 'log'), logger: quiet, clock });
  ends.defer(() => log.close());
  const sink = openTradesSink({ database: first.connection, epoch: log.epoch, partition: 0 });
  ends.defer(() => sink.close());
  const meters = pipelineMeters(new Registry());
  const persist = new Persist(
    { log, sink, clock, random: prng(1), meters, logger: quiet, onStored: () => undefined },
    { lingerMs: 0, keepTrying: true },
  );
  const stopped = new AbortController();
  const running = persist.run(stopped.signal);
  while (persist.failure === null) await clock.wait(1);
  assert.equal(persist.failure.code, 'database-unavailable');
  const second = await startPostgres(postgres);
  ends.defer(() => second.stop());
  while (persist.failure !== null) await clock.wait(1);
  stopped.abort();
  await running;
});

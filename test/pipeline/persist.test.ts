// Persist against a real database that goes away and comes back, and a log that loses records.

import assert from 'node:assert/strict';
import { chmod, chown, cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { systemClock } from '../../src/base/clock.ts';
import { prng } from '../../src/base/prng.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import { Persist } from '../../src/pipeline/persist.ts';
import { connect, type DatabaseAddress } from '../../src/store/database.ts';
import { startPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import { eventually } from '../eventually.ts';
import { MemoryLog } from '../gateway/memory-log.ts';
import { tradeBatch } from '../store/batches.ts';
import { linesOf, session, testCluster } from '../store/cluster.ts';

const cluster = testCluster();
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
  const onStored = (): void => undefined;
  const persist = new Persist(
    { log, sink, clock, random: prng(1), meters, logger: quiet, onStored, onLost: onStored },
    { lingerMs: 0, keepTrying: true },
  );
  const stopped = new AbortController();
  const running = persist.run(stopped.signal);
  await eventually(() => persist.failure !== null, 'the database is missed');
  assert.equal(persist.failure?.code, 'database-unavailable');
  const second = await startPostgres(postgres);
  ends.defer(() => second.stop());
  await eventually(() => persist.failure === null, 'the database is back');
  stopped.abort();
  await running;
});

test('a database that is back with older data is given again what came since', {
  timeout: 120_000,
}, async () => {
  await using ends = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-persist-'));
  ends.defer(() => rm(folder, { recursive: true, maxRetries: 9 }));
  const postgres = { folder: join(folder, 'postgres'), logger: quiet };
  const first = await startPostgres(postgres);
  const { connection } = first;
  await migrate(connection);
  const log = new MemoryLog();
  const append = async (offset: number): Promise<void> => {
    const { bytes } = tradeBatch(offset, [{ symbol: 'AAA', time: offset }]);
    await log.commit({ appends: [{ topic: 'market.trades', count: 1, bytes }] });
  };
  const sink = openTradesSink({ database: connection, epoch: log.epoch, partition: 0 });
  ends.defer(() => sink.close());
  const told: number[] = [];
  const meters = pipelineMeters(new Registry());
  const onStored = (_: unknown, offset: number): unknown => told.push(offset);
  const persist = new Persist(
    {
      log,
      sink,
      clock: systemClock,
      random: prng(1),
      meters,
      logger: quiet,
      onStored,
      onLost: () => undefined,
    },
    { lingerMs: 0, keepTrying: true },
  );
  const stopped = new AbortController();
  const running = persist.run(stopped.signal);
  const isStored = async (offset: number): Promise<void> =>
    await eventually(
      () => told.at(-1) === offset,
      () => told.join(),
    );
  await append(0);
  await isStored(1);
  const pages = join(postgres.folder, 'cluster');
  await first.stop();
  await cp(pages, join(folder, 'older'), { recursive: true, preserveTimestamps: true });
  const second = await startPostgres(postgres);
  for (const offset of [1, 2]) await append(offset);
  await isStored(3);
  await second.stop();
  await restored(join(folder, 'older'), pages);
  const third = await startPostgres(postgres);
  ends.defer(() => third.stop());
  await append(3);
  await isStored(4);
  stopped.abort();
  await running;
  const client = await connect(connection, session);
  ends.defer(() => client.end());
  assert.deepEqual(await linesOf(client, 'select log_offset from trades order by 1'), [
    '0',
    '1',
    '2',
    '3',
  ]);
  assert.ok(told.lastIndexOf(1) > told.indexOf(3), `it went back: ${told.join()}`);
});

/** Puts a copy back, for whoever owns what is there. */
async function restored(copy: string, place: string): Promise<void> {
  const { uid, gid } = await stat(place);
  await rm(place, { recursive: true });
  await cp(copy, place, { recursive: true });
  for (const name of ['.', ...(await readdir(place, { recursive: true }))]) {
    const path = join(place, name);
    await chown(path, uid, gid);
    if ((await stat(path)).isDirectory()) await chmod(path, 0o700);
  }
}

test('what the log has lost is told before what is stored beyond it', async () => {
  const database = await cluster.migratedDatabase();
  const log = new MemoryLog();
  const sink = openTradesSink({ database, epoch: log.epoch, partition: 0 });
  const append = async (offset: number) => {
    const { bytes } = tradeBatch(offset, [{ symbol: 'AAA', time: offset }]);
    await log.commit({ appends: [{ topic: 'market.trades', count: 1, bytes }] });
  };
  await append(0);
  log.damageNext('market.trades');
  await append(1);
  await append(2);
  const told: (readonly [string, number])[] = [];
  const meters = pipelineMeters(new Registry());
  const persist = new Persist(
    {
      log,
      sink,
      clock: systemClock,
      random: prng(1),
      meters,
      logger: quiet,
      onStored: (_, offset) => told.push(['stored', offset]),
      onLost: (_, offset) => told.push(['lost', offset]),
    },
    { lingerMs: 0, keepTrying: false },
  );
  const stopped = new AbortController();
  stopped.abort();
  await persist.run(stopped.signal);
  await sink.close();
  assert.deepEqual(told, [
    ['stored', 0],
    ['lost', 2],
    ['stored', 3],
  ]);
});

suite('a database is ahead of a log that was put back to older data', () => {
  const symbols = ['AAA', 'BBB', 'CCC'];

  async function logOf(...rows: readonly string[]): Promise<MemoryLog> {
    const log = new MemoryLog();
    for (const [offset, symbol] of rows.entries()) {
      const { bytes } = tradeBatch(offset, [{ symbol, time: offset }]);
      await log.commit({ appends: [{ topic: 'market.trades', count: 1, bytes }] });
    }
    return log;
  }

  async function store(database: DatabaseAddress, log: MemoryLog): Promise<string[]> {
    const sink = openTradesSink({ database, epoch: log.epoch, partition: 0 });
    const meters = pipelineMeters(new Registry());
    const told = { onStored: () => undefined, onLost: () => undefined };
    const common = { clock: systemClock, random: prng(1), meters, logger: quiet, ...told };
    const options = { lingerMs: 0, keepTrying: true };
    try {
      await new Persist({ log, sink, ...common }, options).run(AbortSignal.abort());
      const client = await connect(database, session);
      const stored = await linesOf(client, 'select symbol from trades order by log_offset');
      await client.end();
      return stored;
    } finally {
      await sink.close();
    }
  }

  test('that is shorter than what is stored', async () => {
    const database = await cluster.migratedDatabase();
    assert.deepEqual(await store(database, await logOf(...symbols)), symbols);
    const shorter = store(database, await logOf('AAA'));
    await assert.rejects(shorter, { code: 'database-mismatch', message: /up to 3.* ends at 1:/ });
  });

  test('that has grown beyond it since, with other records', async () => {
    const database = await cluster.migratedDatabase();
    await store(database, await logOf(...symbols));
    const other = store(database, await logOf('AAA', 'DDD', 'EEE', 'FFF'));
    await assert.rejects(other, { code: 'database-mismatch', message: /has other records there/ });
  });

  test('and stores on what has grown after the same records', async () => {
    const database = await cluster.migratedDatabase();
    await store(database, await logOf(...symbols));
    const all = [...symbols, 'DDD'];
    assert.deepEqual(await store(database, await logOf(...all)), all);
  });
});

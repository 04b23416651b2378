// Rows published from a cluster's log by a real process against a real Kafka, and kill -9 at random
// moments: each row is there once. TAPELINE_KILLS says how many, TAPELINE_SEED which moments.

import { strict as assert } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { prng } from '../../src/base/prng.ts';
import { Fetcher } from '../../src/log/kafka/fetcher.ts';
import { run, withDataFolder } from '../app/command.ts';
import { eventually } from '../eventually.ts';
import { testCluster } from '../store/cluster.ts';
import { testKafka } from './kafka.ts';
import { environmentOf, keep, TestTape } from './roles.ts';

const kills = Number(process.env.TAPELINE_KILLS ?? 5);
const seed = Number(process.env.TAPELINE_SEED ?? 20261121);

const kafka = testKafka();
const store = testCluster();

/** Minutes: what is waited for may have to begin with a process that was just killed. */
const patience = { secondsMax: 240, everyMs: 300 };
/** Times the speed of the trades' times. */
const speed = 300;
const rowPartitions = 4;

/** Reads what was committed to the topic of published trades since it was asked last. */
function publishedRows(t: TestContext): () => Promise<string[]> {
  const where = { bootstrapServers: [kafka().bootstrap], clientId: 'test', prefix: '' };
  const fetcher = new Fetcher({ ...where, clock: systemClock }, ['market.trades']);
  t.after(() => fetcher.close());
  const next = Array.from({ length: rowPartitions }, () => 0);
  return async () => {
    const rows: string[] = [];
    for (const partition of next.keys()) {
      const place = { topic: 'market.trades', partition };
      for (const end = await fetcher.end(place); next[partition]! < end; ) {
        const limits = { bytesMax: 2 ** 20, waitMs: 100 };
        const fetched = await fetcher.fetch(place, next[partition]!, limits);
        rows.push(...fetched.messages.map(({ key, value }) => `${String(key)}: ${String(value)}`));
        next[partition] = fetched.next;
      }
    }
    return rows;
  };
}

test(`${kills} times kill -9 of who publishes leaves rows of one process, once each`, async (t) => {
  await withDataFolder(async (folder) => {
    const random = prng(seed);
    const file = join(folder, 'tape.csv');
    const [header, ...trades] = new TestTape(seed).next(14, speed).trimEnd().split('\n');
    const lines = trades.map((trade, index) => `${trade},${index + 1}`);
    await writeFile(file, `${[`${header},id`, ...lines].join('\n')}\n`);
    const database = await store.migratedDatabase();
    const env = environmentOf({ database, bootstrap: kafka().bootstrap, prefix: 'publishes' });
    const single = await run(join(folder, 'alone'), ['replay', file], env);
    assert.equal(single.code, 0, single.stderr);
    const newRows = publishedRows(t);
    const expected = (await newRows()).sort();
    assert.equal(expected.length, lines.length);

    const args = ['replay', file, '--cluster', '--quiet', '--speed', `${speed}`];
    const replay = keep(t, folder, env, args, 'replay');
    const publishers = ['publish-1', 'publish-2'].map((name) =>
      keep(t, folder, env, ['run', 'publish'], name),
    );
    const found: string[] = [];
    const killed: string[] = [];
    const told = async () => `seed ${seed}, killed ${killed.join(', ')}: ${found.length} rows`;
    const reach = async (count: number) =>
      await eventually(
        async () => {
          found.push(...(await newRows()));
          return found.length >= count;
        },
        told,
        patience,
      );
    for (let kill = 0; kill < kills; kill++) {
      await reach(found.length + 1);
      await systemClock.wait(random.integer(1_000));
      const victim = publishers[random.integer(publishers.length)]!;
      killed.push(victim.name);
      victim.kill();
    }
    // Its partitions move to the other.
    await publishers[0]!.end('SIGTERM');
    assert.equal((await replay.finished).code, 0);
    await reach(expected.length);
    await publishers[1]!.end('SIGTERM');
    found.push(...(await newRows()));
    assert.deepEqual(found.sort(), expected, await told());
  });
});

// What the processes of the roles that serve nothing tell of themselves, on a real Kafka.

import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import { withDataFolder } from '../app/command.ts';
import { eventually } from '../eventually.ts';
import { testCluster } from '../store/cluster.ts';
import { freePorts } from './daemon.ts';
import { testKafka } from './kafka.ts';
import { environmentOf, keep } from './roles.ts';

const kafka = testKafka();
const store = testCluster();

const patience = { secondsMax: 120, everyMs: 100 };

async function textAt(port: number, path: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
  return (await answer?.text()) ?? '';
}

function lagOf(consumer: string): RegExp {
  const labels = `consumer="${consumer}",topic="market.trades",partition="2"`;
  return new RegExp(`^tapeline_consumer_lag_records\\{${labels}\\} \\d`, 'm');
}

/** What each role tells beside what all do. */
const figures: Readonly<Record<string, readonly RegExp[]>> = {
  ingest: [/^tapeline_ingest_records_total\{.*stream="trades".*\} \d/m],
  engine: [/^tapeline_candles_total/m, lagOf('engine')],
  persist: [lagOf('store')],
  publish: [/^tapeline_rows_published_total\{.*\} \d/m, lagOf('publish to market.trades')],
};

test('roles that serve nothing tell how they fare, and which partition waits', async (t) => {
  await withDataFolder(async (folder) => {
    const roles = Object.keys(figures);
    const ports = await freePorts(roles.length);
    const database = await store.migratedDatabase();
    const env = environmentOf({ database, bootstrap: kafka().bootstrap, prefix: 'tells' });
    for (const [index, role] of roles.entries()) {
      keep(t, folder, { ...env, METRICS_PORT: String(ports[index]) }, ['run', role], `${role}-0`);
    }
    for (const [index, role] of roles.entries()) {
      const port = ports[index]!;
      const all = [
        /^process_resident_memory_bytes \d/m,
        /^tapeline_partitions\{state="ok"\} 3$/m,
        new RegExp(
          `^tapeline_info\\{version=".*",role="${role}",instance_id="${role}-0"\\} 1$`,
          'm',
        ),
        ...(role === 'persist' ? [] : [/^tapeline_log_commit_seconds_count [1-9]/m]),
        ...figures[role]!,
      ];
      const missing = async () => {
        const text = await textAt(port, '/metrics');
        return all.filter((pattern) => !pattern.test(text));
      };
      await eventually(
        async () => (await missing()).length === 0,
        async () => `${role} lacks ${(await missing()).join(' ')}`,
        patience,
      );
      assert.equal(await textAt(port, '/ready'), '{"ready":true}', role);
      const { status, group, partitions: parts } = JSON.parse(await textAt(port, '/health'));
      assert.deepEqual([status, group.state, Object.keys(parts)], ['ok', 'ok', ['0', '1', '2']]);
    }

    const engine = ports[roles.indexOf('engine')]!;
    const thief = await openKafkaLog({
      bootstrapServers: [kafka().bootstrap],
      clientId: 'test',
      prefix: 'tells',
      partition: 1,
      role: 'engine',
      writes: ['market.candles', 'market.signals'],
      follows: [],
      clock: systemClock,
      logger: { warn: () => undefined },
    });
    t.after(() => thief.close());
    const told = async () => await textAt(engine, '/ready');
    await eventually(
      async () => /"partition 1 is down: .*another process has taken over/.test(await told()),
      told,
      patience,
    );
    await eventually(async () => (await told()) === '{"ready":true}', told, patience);
  });
});

import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { run, withDataFolder } from './command.ts';

test('a role without Kafka says what to set, and what does without', async () => {
  await withDataFolder(async (folder) => {
    const { code, stderr } = await run(folder, ['run', 'engine']);
    assert.equal(code, 1);
    assert.match(stderr, /KAFKA_BOOTSTRAP_SERVERS is not set/);
    assert.match(stderr, /tapeline start/);
  });
});

test('servers of Kafka are named with their ports', async () => {
  await withDataFolder(async (folder) => {
    const { code, stderr } = await run(folder, ['run', 'engine'], {
      KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092,kafka-2',
    });
    assert.equal(code, 1);
    assert.match(stderr, /KAFKA_BOOTSTRAP_SERVERS is 'kafka-2', but must be host:port/);
  });
});

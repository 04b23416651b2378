// Trades as Avro under a real schema registry: what its clients read is what the JSON says, every
// schema that was kept goes with all others by the registry's own rules, and a registry that is
// away is told at the start and missed by nobody later.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConfluentSchemaRegistry, Consumer, stringDeserializer } from '@platformatic/kafka';
import { Type } from 'typebox';
import { type TradeRow, tradeRowSchema } from '../../src/contracts/trade-row.ts';
import { cancel } from '../../src/contracts/verdict.ts';
import { openKafkaRows } from '../../src/log/rows-kafka.ts';
import { jsonOf, keptSchemas } from '../avro-rows.ts';
import { equity, ingestInto, never, observed, withLog } from '../pipeline/rig.ts';
import { Apicurio, testApicurio } from './apicurio.ts';
import { publish } from './differential.ts';
import { testKafka } from './kafka.ts';

const kafka = testKafka();
const apicurio = testApicurio();

function openRows(topic: string, registryUrl: string, contract = tradeRowSchema) {
  return openKafkaRows({
    bootstrapServers: [kafka().bootstrap],
    clientId: 'test',
    topics: [topic],
    partitions: 2,
    avro: { registryUrl, contracts: { [topic]: contract } },
  });
}

/** The newest row of each key, once a topic holds so many messages. */
async function heldIn(topic: string, count: number, readAvro: boolean) {
  const registry = new ConfluentSchemaRegistry({ url: apicurio().url });
  const consumer = new Consumer({
    clientId: 'test',
    groupId: `of-${topic}`,
    bootstrapBrokers: [kafka().bootstrap],
    deserializers: { key: stringDeserializer },
  });
  const { value: read } = registry.getDeserializers();
  const held = new Map<string, unknown>();
  try {
    let seen = 0;
    for await (const { key, value } of await consumer.consume({
      topics: [topic],
      mode: 'earliest',
    })) {
      if (!value?.length) held.delete(key as string);
      else if (!readAvro) held.set(key as string, JSON.parse(String(value)));
      else {
        await fetched(registry, value.readInt32BE(1));
        held.set(key as string, jsonOf(read(value) as never, tradeRowSchema));
      }
      if (++seen === count) break;
    }
  } finally {
    await consumer.close(true);
  }
  return Object.fromEntries(held);
}

async function fetched(registry: ConfluentSchemaRegistry, id: number): Promise<void> {
  if (registry.get(id)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  await registry.fetchSchema(id, () => resolve());
  await promise;
}

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(apicurio().url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

suite('trades as Avro', { timeout: 300_000 }, () => {
  test('say what the JSON says, and are taken back with it', async () => {
    const topic = 'both.trades';
    await withLog(async (open) => {
      const log = await open();
      const ingest = ingestInto(log);
      const trades = Array.from({ length: 500 }, (_, id) => {
        const symbol = id % 2 === 0 ? 'AAA' : 'BBB';
        return { symbol, seconds: id, price: 1 + ((id * 7_919) % 100_000), id };
      });
      const seen = observed(trades);
      seen.instruments.push(equity('AAA'));
      await ingest.take(seen, false, never);
      const gone = { ...trades[7], price: 0, verdict: cancel } as (typeof trades)[0];
      await ingest.take(observed([gone]), false, never);
      const rows = await openRows(topic, apicurio().url);
      await publish(log, rows, topic);
      await rows.close();
      const json = await heldIn(topic, 501, false);
      const avro = await heldIn(`${topic}.avro`, 501, true);
      assert.equal(Object.keys(avro).length, 499);
      assert.deepEqual(avro, json);
      const sessions = new Set(
        Object.values(avro).map((row) => (row as TradeRow).session === null),
      );
      assert.deepEqual(sessions, new Set([true, false]), 'with and without a session');
    });
  });

  test('have schemas of which each version goes with all others', async () => {
    const subject = 'versions-value';
    await ask('PUT', `/config/${subject}`, { compatibility: 'FULL_TRANSITIVE' });
    for (const schema of keptSchemas('trade')) {
      const { status, body } = await ask('POST', `/subjects/${subject}/versions`, {
        schema: JSON.stringify(schema),
      });
      assert.equal(status, 200, JSON.stringify(body));
    }
    const { body } = await ask('GET', '/config/both.trades.avro-value');
    assert.deepEqual(body, { compatibilityLevel: 'FULL_TRANSITIVE' }, 'and so are ours held');
  });

  test('are not begun under a schema that what is there does not go with', async () => {
    const topic = 'changed.trades';
    const before = Type.Object({ symbol: Type.String(), fee: Type.Integer() }, { $id: 'Trade' });
    const rows = await openRows(topic, apicurio().url, before as never);
    await rows.close();
    await assert.rejects(openRows(topic, apicurio().url), {
      code: 'registry-refused',
      message: /POST \/subjects\/changed\.trades\.avro-value\/versions \(409\)/,
      cure: /The subject holds a schema/,
    });
  });

  test('go on without the registry once they have begun, and do not begin without it', async () => {
    const topic = 'away.trades';
    const registry = await Apicurio.start();
    const rows = await openRows(topic, registry.url);
    await registry.stop();
    await withLog(async (open) => {
      const log = await open();
      const trade = { symbol: 'AAA', seconds: 1, price: 100, id: 1 };
      await ingestInto(log).take(observed([trade]), false, never);
      await publish(log, rows, topic);
    });
    await rows.close();
    await assert.rejects(openRows(topic, registry.url), {
      code: 'registry-unavailable',
      message: /does not answer at http:\/\/127\.0\.0\.1:\d+\/apis\/ccompat\/v7: /,
      cure: /SCHEMA_REGISTRY_URL/,
    });
  });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readConfig } from '../../src/app/config.ts';

suite('settings of Kafka and Flink', () => {
  test('stand at the ports that Flink itself has, and at no broker', () => {
    const { kafka, flinkSqlGatewayUrl, flinkRestUrl } = readConfig({});
    assert.equal(kafka, null);
    assert.equal(flinkSqlGatewayUrl, 'http://127.0.0.1:8083');
    assert.equal(flinkRestUrl, 'http://127.0.0.1:8081');
  });

  test('are lists of brokers, and addresses without a slash at their end', () => {
    const config = readConfig({
      KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092, 10.0.0.2:9093',
      FLINK_REST_URL: 'https://flink.example.com/jobs/',
    });
    assert.deepEqual(config.kafka?.servers, ['kafka-1:9092', '10.0.0.2:9093']);
    assert.equal(config.flinkRestUrl, 'https://flink.example.com/jobs');
  });

  test('know no schema registry without brokers, and never tell its password', () => {
    const url = 'https://me:secret@registry.example.com/apis/ccompat/v7';
    const brokers = { KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092' };
    assert.equal(readConfig({ ...brokers, SCHEMA_REGISTRY_URL: url }).schemaRegistryUrl, url);
    assert.throws(() => readConfig({ SCHEMA_REGISTRY_URL: url }), {
      code: 'bad-configuration',
      message: /without KAFKA_BOOTSTRAP_SERVERS/,
    });
    assert.throws(() => readConfig({ ...brokers, SCHEMA_REGISTRY_URL: 'me:secret@registry' }), {
      code: 'bad-configuration',
      message: /^(?!.*secret)SCHEMA_REGISTRY_URL is not/,
    });
  });

  for (const [name, value] of [
    ['KAFKA_BOOTSTRAP_SERVERS', 'kafka-1'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'http://kafka-1:9092'],
    ['FLINK_SQL_GATEWAY_URL', 'flink:8083'],
    ['FLINK_REST_URL', 'ftp://flink'],
  ] as const) {
    test(`refuse ${name}=${value} by name`, () => {
      assert.throws(() => readConfig({ [name]: value }), {
        code: 'bad-configuration',
        message: new RegExp(`^${name} is '`),
        cure: new RegExp(`^Set ${name} to `),
      });
    });
  }
});

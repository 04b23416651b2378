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

  const sasl = {
    KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092',
    KAFKA_SASL_MECHANISM: 'scram-sha-512',
    KAFKA_SASL_USERNAME: 'tapeline',
    KAFKA_SASL_PASSWORD: 'secret',
  };

  test('are in the clear and without a password unless they say otherwise', () => {
    const { kafka } = readConfig({ KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092' });
    assert.deepEqual(kafka?.security, { tls: null, sasl: null });
    const secured = readConfig({ ...sasl, KAFKA_TLS: 'true' }).kafka?.security;
    const user = { mechanism: 'SCRAM-SHA-512', username: 'tapeline', password: 'secret' };
    assert.deepEqual(secured, { tls: { ca: null }, sasl: user });
  });

  for (const [what, settings, message] of [
    ['half of a password', { ...sasl, KAFKA_SASL_USERNAME: '' }, /^KAFKA_SASL_USERNAME not set/],
    [
      'another mechanism',
      { ...sasl, KAFKA_SASL_MECHANISM: 'md5' },
      /^KAFKA_SASL_MECHANISM is 'md5'/,
    ],
    [
      'whom to trust without TLS',
      { ...sasl, KAFKA_TLS_CA_FILE: 'ca.pem' },
      /KAFKA_TLS is not true/,
    ],
    [
      'a file that is not there',
      { ...sasl, KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: 'absent.pem' },
      /^KAFKA_TLS_CA_FILE cannot be read/,
    ],
    [
      'a file without a certificate',
      { ...sasl, KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: import.meta.filename },
      /holds no certificate/,
    ],
  ] as const) {
    test(`refuse ${what}, and tell no password`, () => {
      assert.throws(
        () => readConfig(settings),
        ({ code, message: told, cure }) => {
          assert.equal(code, 'bad-configuration');
          assert.match(told, message);
          assert.doesNotMatch(told + cure, /secret/);
          return true;
        },
      );
    });
  }

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

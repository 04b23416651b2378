// A real Kafka that asks for TLS and a password, by every mechanism that we know; and what is said
// when one of us does not let the other in.

import { strict as assert } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createTopics, type Security } from '../../src/log/kafka/cluster.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import { openKafkaRows } from '../../src/log/rows-kafka.ts';
import { run, withDataFolder } from '../app/command.ts';
import { Kafka } from './kafka.ts';

const username = 'tapeline';
const password = 'correct horse';
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

let folder = '';
let kafka: Kafka;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapeline-certificates-'));
  await makeCertificates();
  const modules = 'org.apache.kafka.common.security';
  const plain = `${modules}.plain.PlainLoginModule required user_${username}="${password}";`;
  const scram = `${modules}.scram.ScramLoginModule required;`;
  const secure = {
    settings: `
ssl.keystore.type=PEM
ssl.keystore.location=${join(folder, 'server.pem')}
sasl.enabled.mechanisms=${mechanisms.join(',')}
listener.name.sasl_ssl.plain.sasl.jaas.config=${plain}
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=${scram}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${scram}`,
    users: mechanisms.slice(1).map((name) => `${name}=[name=${username},password=${password}]`),
  };
  kafka = await Kafka.start({ secure });
});

after(async () => {
  await kafka?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** One that signs, `ca.pem`, and what it signed, with its key, for 127.0.0.1. */
async function makeCertificates(): Promise<void> {
  const make = (name: string, more: readonly string[]): void => {
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`];
    const files = ['-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`];
    execFileSync('openssl', ['req', '-x509', ...key, ...files, ...more], {
      cwd: folder,
      stdio: 'pipe',
    });
  };
  make('ca', []);
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=CA:FALSE'];
  make('server', [...signed, '-addext', 'subjectAltName=IP:127.0.0.1']);
  const server = join(folder, 'server.pem');
  await writeFile(
    server,
    (await readFile(join(folder, 'server.key'))) + (await readFile(server, 'utf8')),
  );
}

async function ca(): Promise<string> {
  return await readFile(join(folder, 'ca.pem'), 'utf8');
}

function settingsOf(prefix: string, security: Security) {
  return { bootstrapServers: [kafka.secureBootstrap], clientId: 'test', prefix, security };
}

for (const mechanism of mechanisms) {
  test(`a log and rows are written and read with TLS and ${mechanism}`, async () => {
    const sasl = { mechanism, username, password };
    const cluster = settingsOf(mechanism, { tls: { ca: await ca() }, sasl });
    await createTopics(cluster, 1);
    const log = await openKafkaLog({
      ...cluster,
      partition: 0,
      role: 'ingest',
      writes: ['market.trades'],
      follows: [],
      clock: systemClock,
      logger: { warn: () => undefined },
    });
    const bytes = Buffer.from('a trade');
    await log.commit({ appends: [{ topic: 'market.trades', count: 1, bytes }] });
    const { batches } = await log.read('market.trades', 0, 1_000);
    assert.equal(Buffer.from(batches[0]!.bytes).toString(), 'a trade');
    await log.close();
    const topic = `rows.${mechanism}`;
    const rows = await openKafkaRows({ ...cluster, topics: [topic], partitions: 1 });
    await rows.send(topic, [{ key: 'a', value: { a: 1 }, group: 'a' }]);
    await rows.close();
  });
}

test('a wrong password and an untrusted certificate are told with their cure', async () => {
  const sasl = { mechanism: 'SCRAM-SHA-512' as const, username, password: 'wrong' };
  for (const mechanism of mechanisms) {
    const wrong = settingsOf('wrong', { tls: { ca: await ca() }, sasl: { ...sasl, mechanism } });
    await assert.rejects(createTopics(wrong, 1), {
      code: 'bad-configuration',
      message: new RegExp(`they do not let ${username} by ${mechanism} in`),
      cure: /KAFKA_SASL_PASSWORD/,
    });
  }
  await assert.rejects(createTopics(settingsOf('wrong', { tls: { ca: null }, sasl }), 1), {
    code: 'bad-configuration',
    message: /their certificate is not trusted/,
    cure: /KAFKA_TLS_CA_FILE/,
  });
});

test('the command line takes it from its settings, and tells no password', async () => {
  await withDataFolder(async (data) => {
    const file = join(data, 'tape.csv');
    await writeFile(file, 'symbol,time,price,size\nAAA,2024-05-06T14:30:00Z,1.5,10\n');
    const env = {
      KAFKA_BOOTSTRAP_SERVERS: kafka.secureBootstrap,
      KAFKA_TLS: 'true',
      KAFKA_TLS_CA_FILE: join(folder, 'ca.pem'),
      KAFKA_SASL_MECHANISM: 'scram-sha-256',
      KAFKA_SASL_USERNAME: username,
      KAFKA_SASL_PASSWORD: password,
    };
    const args = ['replay', file, '--cluster', '--quiet'];
    const done = await run(data, args, env);
    assert.equal(done.code, 0, done.stderr);
    const refused = await run(data, args, { ...env, KAFKA_SASL_PASSWORD: 'not this one' });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /do not let tapeline by SCRAM-SHA-256 in/);
    assert.doesNotMatch(refused.stderr + refused.stdout, /not this one/);
  });
});

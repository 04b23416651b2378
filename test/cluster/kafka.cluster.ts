import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Admin,
  Consumer,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { testKafka } from './kafka.ts';

const kafka = testKafka();

test('what a broker acknowledged is there after it was killed', { timeout: 120_000 }, async (t) => {
  const connection = { clientId: 'test', bootstrapBrokers: [kafka().bootstrap] };
  const admin = new Admin(connection);
  t.after(async () => await admin.close());
  await admin.createTopics({ topics: ['kept'], partitions: 1, replicas: 1 });
  const producer = new Producer({ ...connection, serializers: stringSerializers });
  await producer.send({ messages: [{ topic: 'kept', key: 'BTC-USD', value: '30243.10' }] });
  await producer.close();

  await kafka().restart();

  const consumer = new Consumer({
    ...connection,
    groupId: 'test',
    deserializers: stringDeserializers,
  });
  t.after(async () => await consumer.close(true));
  const messages = await consumer.consume({ topics: ['kept'], mode: 'earliest' });
  for await (const { key, value } of messages) {
    assert.deepEqual([key, value], ['BTC-USD', '30243.10']);
    break;
  }
});

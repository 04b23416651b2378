import { strict as assert } from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { trimStored } from '../../src/app/retention.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { createTopics, type WriterRole } from '../../src/log/kafka/cluster.ts';
import { type Append, type Log, topics } from '../../src/log/log.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import { commitUntilDurable } from '../../src/pipeline/commit.ts';
import { testLog } from '../conformance/log-suite.ts';
import { testKafka } from './kafka.ts';

const kafka = testKafka();
const logger = { warn: () => undefined };
const logKafka = import.meta.resolve('../../src/log/log-kafka.ts');
const cluster = import.meta.resolve('../../src/log/kafka/cluster.ts');
const clocks = import.meta.resolve('../../src/base/clock.ts');
const imports = `
  const { openKafkaLog } = await import('${logKafka}');
  const { systemClock: clock } = await import('${clocks}');
  const logger = { warn: () => undefined };`;

/** As one role writes all topics of a place, which has topics of its own. */
function settingsOf(place: string) {
  return {
    bootstrapServers: [kafka().bootstrap],
    clientId: 'test',
    prefix: `${basename(dirname(place))}.${basename(place)}`,
    partition: 0,
    role: 'engine' as WriterRole,
    writes: topics,
    follows: [],
  };
}

async function openAt(place: string, clock: Clock): Promise<Log> {
  const settings = settingsOf(place);
  await createTopics(settings, 1);
  return await openKafkaLog({ ...settings, clock, logger });
}

testLog({
  name: 'Kafka',
  open: openAt,
  openingElsewhere: (place) => `${imports}
    const settings = ${JSON.stringify(settingsOf(place))};
    const { createTopics } = await import('${cluster}');
    await createTopics(settings, 1);
    const log = await openKafkaLog({ ...settings, clock, logger });`,
  openingBeside: (place) => ({
    code: `${imports}
      const settings = { ...workerData, role: null, writes: [], follows: workerData.writes };
      const log = await openKafkaLog({ ...settings, clock, logger });`,
    data: settingsOf(place),
  }),
  sharesState: false,
  runs: 10,
});

function trade(text: string): Append {
  return { topic: 'market.trades', count: 1, bytes: Buffer.from(text) };
}

async function textsOf(log: Log): Promise<string[]> {
  const { batches } = await log.read('market.trades', 0, 2 ** 20);
  return batches.map(({ bytes }) => Buffer.from(bytes).toString());
}

test('who opens a partition later takes over: the earlier one can write no more', async (t) => {
  const earlier = await openAt('zombie/log', systemClock);
  t.after(() => earlier.close());
  await earlier.commit({ appends: [trade('one')], state: [{ key: 'a', value: Buffer.of(1) }] });
  const later = await openAt('zombie/log', systemClock);
  t.after(() => later.close());
  assert.deepEqual(await later.state('a'), Uint8Array.of(1));
  await later.commit({ appends: [trade('two')] });
  const refused = (error: Failure): boolean =>
    error instanceof Failure && error.code === 'log-taken-over' && !error.kind.retryable;
  await assert.rejects(earlier.commit({ appends: [trade('stale')] }), refused);
  await assert.rejects(earlier.commit({ appends: [trade('stale again')] }), refused);
  await later.commit({ appends: [trade('three')] });
  assert.deepEqual(await textsOf(later), ['one', 'two', 'three']);
});

test('a broker that is killed holds commits up, and each is there once', async (t) => {
  const log = await openAt('outage/log', systemClock);
  t.after(() => log.close());
  const texts = Array.from({ length: 60 }, (_, index) => `commit ${index}`);
  const { signal } = new AbortController();
  for (const [index, text] of texts.entries()) {
    const restarted = index === 20 || index === 40 ? kafka().restart() : null;
    await commitUntilDurable(log, { appends: [trade(text)] }, systemClock, true, signal);
    await restarted;
  }
  assert.deepEqual(await textsOf(log), texts);
});

test('a reader of what another process has deleted meanwhile is told so', async (t) => {
  const writer = await openAt('deleted/log', systemClock);
  t.after(() => writer.close());
  for (const text of ['one', 'two', 'three']) await writer.commit({ appends: [trade(text)] });
  const settings = { ...settingsOf('deleted/log'), role: null, writes: [], follows: topics };
  const reader = await openKafkaLog({ ...settings, clock: systemClock, logger });
  t.after(() => reader.close());
  assert.equal(await writer.trim({ bytesMax: 5, keepFrom: () => 2 }), 2);
  const { batches, lost } = await reader.read('market.trades', 0, 2 ** 20);
  assert.deepEqual(lost, [{ from: 0, to: 2, reason: 'retention' }]);
  assert.deepEqual(
    batches.map(({ offset, bytes }) => [offset, Buffer.from(bytes).toString()]),
    [[2, 'three']],
  );
});

test('retention waits for an engine that is away, while there is room', async (t) => {
  const settings = { ...settingsOf('away/log'), clock: systemClock, logger };
  await createTopics(settings, 1);
  const ingest = await openKafkaLog({ ...settings, role: 'ingest' });
  t.after(() => ingest.close());
  for (const text of ['one', 'two', 'three', 'four'])
    await ingest.commit({ appends: [trade(text)] });
  const startAfter = async (bytesMax: number): Promise<number> => {
    const log = await openKafkaLog({ ...settings, role: null, writes: [], follows: topics });
    await trimStored(log, () => 4, { before: systemClock.now() + 1e6, bytesMax });
    const { start } = log.range('market.trades');
    await log.close();
    return start;
  };
  const engine = await openKafkaLog({ ...settings, writes: [] });
  await engine.commit({ state: [{ key: 'a', value: Buffer.of(1) }] });
  await engine.need({ 'market.trades': 1 });
  await engine.commit({ state: [{ key: 'b', value: Buffer.of(1) }] });
  await engine.close();
  assert.equal(await startAfter(2 ** 30), 1);
  // The newest two have nine bytes.
  assert.equal(await startAfter(9), 2);
  const back = await openKafkaLog({ ...settings, writes: [] });
  await back.need({ 'market.trades': 3 });
  await back.close();
  assert.equal(await startAfter(2 ** 30), 3);
});

import { basename, dirname } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import { createTopics, type WriterRole } from '../../src/log/kafka/cluster.ts';
import { type Log, topics } from '../../src/log/log.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
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

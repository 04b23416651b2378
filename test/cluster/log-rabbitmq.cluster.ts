import { basename } from 'node:path';
import { openRabbitMqLog } from '../../src/log/log-rabbitmq.ts';
import { testLog } from '../conformance/log-suite.ts';
import { testRabbitMq } from './rabbitmq.ts';

const broker = testRabbitMq();
const rabbitmq = import.meta.resolve('../../src/log/log-rabbitmq.ts');
const clocks = import.meta.resolve('../../src/base/clock.ts');

/** So small that most tests go through several segments. */
const segmentBytes = 20_000;

function opening(place: string, readOnly: boolean): string {
  const options = {
    url: broker().url,
    prefix: basename(place),
    partition: 0,
    segmentBytes,
    readOnly,
  };
  return `
    const { openRabbitMqLog } = await import('${rabbitmq}');
    const { systemClock: clock } = await import('${clocks}');
    const log = await openRabbitMqLog({ ...${JSON.stringify(options)}, clock });`;
}

testLog({
  name: 'RabbitMQ',
  open: async (place, clock) => {
    const { url } = broker();
    return await openRabbitMqLog({
      url,
      prefix: basename(place),
      partition: 0,
      clock,
      segmentBytes,
    });
  },
  openingElsewhere: (place) => opening(place, false),
  openingBeside: (place) => ({ code: opening(place, true), data: null }),
  sharesState: true,
  runs: 20,
});

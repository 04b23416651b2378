// What a Kafka gives to its own measuring programs, as the limit for ours: the producer and the
// consumer of its performance tests, at Java's full speed.

import { join } from 'node:path';
import { jarsOf } from '../../test/cluster/jars.ts';
import { runJava } from '../../test/cluster/java.ts';
import { endedSeconds } from './processor-time.ts';

const pom = join(import.meta.dirname, '../../test/cluster/servers/kafka-tools.xml');

export interface Load {
  readonly topic: string;
  readonly records: number;
  /** Bytes of each of them, made up; or a file with a record in each line. */
  readonly payload: number | string;
  readonly compression: 'none' | 'zstd';
}

export interface Limit {
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Processor time of the program, its start included. */
  readonly processorSeconds: number;
}

export async function produce(bootstrap: string, load: Load): Promise<Limit> {
  const { topic, records, payload, compression } = load;
  const what =
    typeof payload === 'number'
      ? ['--record-size', String(payload)]
      : ['--payload-file', payload, '--payload-delimiter', '\\n'];
  const settings = [
    'acks=all',
    `compression.type=${compression}`,
    'linger.ms=5',
    'batch.size=262144',
    `max.request.size=${32 * 2 ** 20}`,
  ];
  const place = ['--bootstrap-server', bootstrap, '--topic', topic, '--throughput', '-1'];
  const count = ['--num-records', String(records), ...what];
  const args = [...place, ...count, '--command-property', ...settings];
  const [said, processorSeconds] = await run('ProducerPerformance', args);
  const rates = /.*sent, ([\d.]+) records\/sec \(([\d.]+) MB\/sec\).* 50th/.exec(said);
  return limitOf(said, rates?.[1], rates?.[2], processorSeconds);
}

/** Without the time until the group has given it its partition. */
export async function consume(bootstrap: string, load: Load): Promise<Limit> {
  const { topic, records } = load;
  const place = ['--bootstrap-server', bootstrap, '--topic', topic, '--hide-header'];
  const count = ['--num-records', String(records), '--fetch-size', String(16 * 2 ** 20)];
  const args = [...place, ...count, '--timeout', '60000'];
  const [said, processorSeconds] = await run('ConsumerPerformance', args);
  const fields = said.split('\n').find((line) => line.split(', ').length === 10);
  const [megabytes, rate] = fields?.split(', ').slice(-2) ?? [];
  return limitOf(said, rate, megabytes, processorSeconds);
}

async function run(program: string, args: readonly string[]): Promise<[string, number]> {
  const before = endedSeconds();
  const said = await runJava(await jarsOf({ pom }), `org.apache.kafka.tools.${program}`, args);
  return [said, endedSeconds() - before];
}

function limitOf(
  said: string,
  records: string | undefined,
  mebibytes: string | undefined,
  processorSeconds: number,
): Limit {
  const recordsPerSecond = Number(records);
  const megabytesPerSecond = (Number(mebibytes) * 2 ** 20) / 1e6;
  if (!(recordsPerSecond > 0)) throw new Error(`no figures in what Kafka's program said:\n${said}`);
  return { recordsPerSecond, megabytesPerSecond, processorSeconds };
}

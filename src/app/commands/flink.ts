// `tapeline flink`: the engine as jobs of a Flink that somebody runs: submitted, watched, stopped
// with a savepoint, and resumed from one.

import { systemClock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { formatTime } from '../../contracts/time.ts';
import { type Cluster, status, stop, submit } from '../../flink/jobs.ts';
import { type JobName, rowTopics } from '../../flink/names.ts';
import type { Config } from '../config.ts';
import { table } from '../table.ts';
import { kafkaOf, openRows } from '../wire.ts';

export interface SubmitOptions {
  readonly parallelism: number;
  readonly checkpointSeconds: number;
  readonly from?: string;
  readonly stateHours?: number;
}

export async function submitJobs(
  config: Config,
  names: readonly JobName[],
  options: SubmitOptions,
): Promise<void> {
  // What a job reads or writes has to be there.
  const rows = await openRows(config);
  if (rows === null) {
    throw new Failure(
      'bad-configuration',
      'KAFKA_BOOTSTRAP_SERVERS is not set, and a Flink job reads and writes topics of Kafka.',
      'Set it to host:port of brokers that Flink reaches too, such as 127.0.0.1:9092.',
    );
  }
  await rows.close();
  const { tls, sasl } = kafkaOf(config).security;
  if (tls || sasl) {
    throw new Failure(
      'bad-configuration',
      'Kafka asks for TLS or a password here, which the tables of the jobs do not give.',
      'Set KAFKA_BOOTSTRAP_SERVERS to a plain listener, and neither KAFKA_TLS nor KAFKA_SASL_….',
    );
  }
  const { parallelism, checkpointSeconds, from = null, stateHours = null } = options;
  const bootstrap = kafkaOf(config).servers.join(',');
  const submission = { ...rowTopics, bootstrap, parallelism, checkpointSeconds, from, stateHours };
  for (const name of names) {
    const id = await submit(clusterOf(config), name, submission);
    process.stdout.write(`${name} ${id}\n`);
  }
}

export async function tellStatus(config: Config, format: 'table' | 'json'): Promise<void> {
  const jobs = await status(clusterOf(config));
  if (format === 'json') {
    process.stdout.write(`${JSON.stringify(jobs, null, 2)}\n`);
    return;
  }
  const header = ['job', 'state', 'since', 'checkpoints', 'restored', 'state size'];
  const rows = jobs.map((job) => [
    job.name,
    job.state,
    formatTime(job.started * 1000),
    String(job.checkpoints),
    String(job.restored),
    job.stateBytes === null ? '' : `${(job.stateBytes / 1e6).toFixed(1)} MB`,
  ]);
  for (const line of table(header, rows)) process.stdout.write(`${line}\n`);
  for (const { name, failure } of jobs) {
    if (failure !== null) process.stdout.write(`${name} last failed: ${failure}\n`);
  }
}

/** Prints where each job's successor goes on. */
export async function stopJobs(config: Config, names: readonly JobName[]): Promise<void> {
  for (const name of names) {
    process.stdout.write(`${name} ${await stop(clusterOf(config), name)}\n`);
  }
}

function clusterOf(config: Config): Cluster {
  return { gateway: config.flinkSqlGatewayUrl, rest: config.flinkRestUrl, clock: systemClock };
}

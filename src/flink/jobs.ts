// The jobs that we run on Flink, and how: settings that make their results exact, and a crash
// nothing but a pause.

import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { type JobName, jobNames } from './names.ts';
import { FlinkRest, type Job, type JobDetails } from './rest.ts';
import { SqlSession } from './sql-gateway.ts';
import { type Names, statementsOf } from './statements.ts';

const files: Readonly<Record<JobName, readonly string[]>> = {
  candles: ['tables.sql', 'candles.sql'],
  signals: ['tables.sql', 'signals.sql'],
};

export interface Cluster {
  readonly gateway: string;
  /** The job manager's REST interface. */
  readonly rest: string;
  readonly clock: Clock;
}

export interface Submission extends Omit<Names, 'group'> {
  readonly parallelism: number;
  readonly checkpointSeconds: number;
  /** A savepoint or checkpoint to go on from; null begins with the oldest row. */
  readonly from: string | null;
  /** State that nothing has touched for so long is forgotten; null keeps all. */
  readonly stateHours: number | null;
}

/** Submits a job and returns its id; one of its name must not run. */
export async function submit(
  { gateway, rest, clock }: Cluster,
  name: JobName,
  submission: Submission,
): Promise<string> {
  const running = await runningJob(new FlinkRest(rest, clock), name);
  if (running) {
    throw new Failure(
      'flink-refused',
      `The job ${name} runs already, as ${running.id}.`,
      'Stop it first: tapeline flink stop tells where its successor goes on.',
    );
  }
  const session = await SqlSession.open(gateway, settingsOf(name, submission), clock);
  try {
    const names = { ...submission, group: nameOf(name) };
    return await session.submit(files[name].flatMap((file) => statementsOf(file, names)));
  } finally {
    await session.close();
  }
}

/** The newest job of each name, with how it is. */
export async function status({ rest, clock }: Cluster): Promise<readonly JobDetails[]> {
  const flink = new FlinkRest(rest, clock);
  const jobs = await flink.jobs();
  const newest = jobNames.map((name) => jobs.find((job) => job.name === nameOf(name)));
  return await Promise.all(
    newest.filter((job) => job !== undefined).map((job) => flink.details(job)),
  );
}

/** Stops a job; resolves to the savepoint that another goes on from. */
export async function stop({ rest, clock }: Cluster, name: JobName): Promise<string> {
  const flink = new FlinkRest(rest, clock);
  const running = await runningJob(flink, name);
  if (running) return await flink.stop(running.id);
  throw new Failure('not-found', `No job ${name} runs.`, 'See tapeline flink status.');
}

const ended = ['FAILED', 'CANCELED', 'FINISHED'];

async function runningJob(flink: FlinkRest, name: JobName): Promise<Job | undefined> {
  const jobs = await flink.jobs();
  return jobs.find((job) => job.name === nameOf(name) && !ended.includes(job.state));
}

/** Its name in Flink, its consumer group, and the prefix of its transactions. */
function nameOf(name: JobName): string {
  return `tapeline-${name}`;
}

function settingsOf(name: JobName, submission: Submission): Readonly<Record<string, string>> {
  const { parallelism, checkpointSeconds, from, stateHours } = submission;
  return {
    'pipeline.name': nameOf(name),
    'parallelism.default': String(parallelism),
    'table.local-time-zone': 'UTC',
    'execution.checkpointing.interval': `${checkpointSeconds}s`,
    'execution.checkpointing.mode': 'EXACTLY_ONCE',
    'execution.checkpointing.incremental': 'true',
    'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
    'state.backend.type': 'rocksdb',
    // Updates of one candle are collected, so that not every trade is a row of it.
    'table.exec.mini-batch.enabled': 'true',
    'table.exec.mini-batch.allow-latency': '1s',
    'table.exec.mini-batch.size': '5000',
    ...(from === null ? {} : { 'execution.state-recovery.path': from }),
    ...(stateHours === null ? {} : { 'table.exec.state.ttl': `${stateHours}h` }),
  };
}

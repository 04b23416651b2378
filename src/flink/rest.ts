// The job manager of Flink over its REST interface: what runs, how it is, and how it is stopped so
// that another can go on from where it was.

import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { causeIn, exchange } from './http.ts';

const variable = 'FLINK_REST_URL';
const pollMs = 200;

export interface Job {
  readonly id: string;
  readonly name: string;
  /** As Flink says it: RUNNING, RESTARTING, FAILED, FINISHED, CANCELED, … */
  readonly state: string;
  /** Milliseconds since 1970. */
  readonly started: number;
}

export interface JobDetails extends Job {
  /** The cause of the newest failure; null when there was none. */
  readonly failure: string | null;
  readonly checkpoints: number;
  /** Times that it began anew from a checkpoint. */
  readonly restored: number;
  /** Bytes of the newest checkpoint; null before the first. */
  readonly stateBytes: number | null;
  /** Where the newest checkpoint lies. */
  readonly checkpoint: string | null;
}

interface Overview {
  readonly jobs: readonly {
    readonly jid: string;
    readonly name: string;
    readonly state: string;
    readonly 'start-time': number;
  }[];
}

interface Checkpoints {
  readonly counts: { readonly completed: number; readonly restored: number };
  readonly latest: {
    readonly completed: { readonly state_size: number; readonly external_path: string } | null;
  };
}

interface Exceptions {
  readonly exceptionHistory: { readonly entries: readonly { readonly stacktrace: string }[] };
}

interface Savepoint {
  /** Absent while it is made. */
  readonly operation?: {
    readonly location?: string;
    readonly 'failure-cause'?: { readonly 'stack-trace': string };
  };
}

export class FlinkRest {
  readonly #url: string;
  readonly #clock: Clock;

  constructor(url: string, clock: Clock) {
    this.#url = url;
    this.#clock = clock;
  }

  /** Those that run and those that have ended, as far as Flink remembers; the newest first. */
  async jobs(): Promise<readonly Job[]> {
    const { jobs } = (await exchange(variable, `${this.#url}/jobs/overview`)) as Overview;
    return jobs
      .map(({ jid, name, state, 'start-time': started }) => ({ id: jid, name, state, started }))
      .sort((a, b) => b.started - a.started);
  }

  async details(job: Job): Promise<JobDetails> {
    const url = `${this.#url}/jobs/${job.id}`;
    const [checkpoints, exceptions] = (await Promise.all([
      exchange(variable, `${url}/checkpoints`),
      exchange(variable, `${url}/exceptions`),
    ])) as [Checkpoints, Exceptions];
    const [failure] = exceptions.exceptionHistory.entries;
    const { counts, latest } = checkpoints;
    return {
      ...job,
      failure: failure ? causeIn(failure.stacktrace) : null,
      checkpoints: counts.completed,
      restored: counts.restored,
      stateBytes: latest.completed?.state_size ?? null,
      checkpoint: latest.completed?.external_path ?? null,
    };
  }

  /**
   * Ends a job with a savepoint, from which another may go on; resolves to where it lies. Windows
   * are not drained: what is open stays open.
   */
  async stop(id: string): Promise<string> {
    const url = `${this.#url}/jobs/${id}`;
    const call = { method: 'POST', body: { drain: false } } as const;
    const asked = await exchange(variable, `${url}/stop`, call);
    const { 'request-id': request } = asked as { 'request-id': string };
    for (;;) {
      const answer = await exchange(variable, `${url}/savepoints/${request}`);
      const { operation } = answer as Savepoint;
      if (operation?.location !== undefined) return operation.location;
      const failure = operation?.['failure-cause'];
      if (failure) {
        throw new Failure(
          'flink-refused',
          `Flink could not stop ${id} with a savepoint: ${causeIn(failure['stack-trace'])}`,
          'The job goes on as it was. Mend what it says, then stop it again.',
        );
      }
      await this.#clock.wait(pollMs);
    }
  }
}

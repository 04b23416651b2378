// The SQL gateway of Flink, version 4 of its REST interface: a session is opened, its statements
// run one after the other, and it is closed. A job that was submitted outlives its session; the
// tables and views that a session made do not.

import { strict as assert } from 'node:assert/strict';
import type { Clock } from '../base/clock.ts';
import { exchange } from './http.ts';

interface ResultPage {
  readonly resultType: 'NOT_READY' | 'PAYLOAD' | 'EOS';
  readonly jobID?: string;
}

const variable = 'FLINK_SQL_GATEWAY_URL';
const version = 'v4';
const pollMs = 100;

export class SqlSession {
  readonly #url: string;
  readonly #clock: Clock;

  /** `settings` are Flink's own, as SET would make them. */
  static async open(
    gateway: string,
    settings: Readonly<Record<string, string>>,
    clock: Clock,
  ): Promise<SqlSession> {
    const sessions = `${gateway}/${version}/sessions`;
    const body = { sessionName: 'tapeline', properties: settings };
    const answer = await exchange(variable, sessions, { method: 'POST', body });
    const { sessionHandle } = answer as { sessionHandle: string };
    return new SqlSession(`${sessions}/${sessionHandle}`, clock);
  }

  private constructor(url: string, clock: Clock) {
    this.#url = url;
    this.#clock = clock;
  }

  /** Runs one statement to its end: of what makes a job, until it is submitted; then its id. */
  async run(statement: string): Promise<string | null> {
    const call = { method: 'POST', body: { statement } } as const;
    const answer = await exchange(variable, `${this.#url}/statements`, call);
    const { operationHandle } = answer as { operationHandle: string };
    const results = `${this.#url}/operations/${operationHandle}/result`;
    let jobId: string | null = null;
    for (let token = 0; ; ) {
      const page = await exchange(variable, `${results}/${token}?rowFormat=JSON`);
      const { resultType, jobID } = page as ResultPage;
      jobId ??= jobID ?? null;
      if (resultType === 'EOS' || (resultType === 'PAYLOAD' && jobId !== null)) break;
      if (resultType === 'PAYLOAD') token++;
      else await this.#clock.wait(pollMs);
    }
    return jobId;
  }

  /** Runs statements in order, the last of which submits a job; returns its id. */
  async submit(statements: readonly string[]): Promise<string> {
    let jobId: string | null = null;
    for (const statement of statements) jobId = await this.run(statement);
    assert(jobId, 'the last statement submits a job');
    return jobId;
  }

  async close(): Promise<void> {
    await exchange(variable, this.#url, { method: 'DELETE' });
  }
}

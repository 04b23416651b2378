// Roles as processes that are started again whenever they end, and what the tests of them share.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { start } from '../app/command.ts';

export function addressOf({ user, host, port, database }: DatabaseAddress): string {
  return `postgres://${user}@${encodeURIComponent(host)}:${port}/${database}`;
}

type Args = readonly string[];

/** A process that is started again whenever it is killed. */
export class Kept {
  readonly name: string;
  readonly #folder: string;
  readonly #args: Args;
  readonly #env: Readonly<Record<string, string>>;
  #running: ReturnType<typeof start>;

  constructor(name: string, folder: string, args: Args, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#folder = folder;
    this.#args = args;
    this.#env = { ...env, INSTANCE_ID: name };
    this.#running = start(folder, args, this.#env);
  }

  get finished() {
    return this.#running.finished;
  }

  get isOver(): boolean {
    const { exitCode, signalCode } = this.#running.child;
    return exitCode !== null || signalCode !== null;
  }

  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.isOver) return;
    await this.end(signal);
    this.#running = start(this.#folder, this.#args, this.#env);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isOver) process.kill(-(this.#running.child.pid as number), signal);
    await this.#running.finished;
  }
}

export function keep(
  t: TestContext,
  folder: string,
  env: Readonly<Record<string, string>>,
  args: Args,
  name: string,
) {
  const kept = new Kept(name, folder, args, env);
  t.after(async () => await kept.end('SIGKILL'));
  return kept;
}

/** Asks until it holds, for minutes at most. */
export async function eventually(holds: () => Promise<boolean>, told: () => Promise<string>) {
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return;
    await systemClock.wait(300);
  }
  assert.fail(await told());
}

// Our own program as its user runs it, in a process of its own beside the benchmark.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';

const launcher = fileURLToPath(new URL('../../tapeline', import.meta.url));

const all = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of all) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** Ends when the benchmark does, if not before. */
export class Running {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** What it says in warning is ours to say. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(launcher, args, {
      env: { ...process.env, LOG_LEVEL: 'warn', ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    all.add(this.#child);
    this.#ended = once(this.#child, 'exit').then(() => all.delete(this.#child));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Resolves once it has ended; throws when it failed. */
  async finished(): Promise<void> {
    await this.#ended;
    const { exitCode, spawnargs } = this.#child;
    if (exitCode !== 0) throw new Error(`${spawnargs.join(' ')} ended with ${exitCode}`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill();
    await this.#ended;
  }
}

/** Resolves once the server at `address`, host and port, is ready to serve. */
export async function ready(address: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await fetch(`http://${address}/ready`).catch(() => null);
    if (answer?.ok) return;
    await systemClock.wait(100);
  }
  throw new Error('not ready within 30 s');
}

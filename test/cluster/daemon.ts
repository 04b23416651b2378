// A server program of the system as a process of ours, in a temporary folder. It ends with us,
// however we end: a shell beside it waits for our end of a pipe to close, and then kills it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

export interface Program {
  readonly name: string;
  readonly folder: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it is true: the server can be used. */
  isReady(): Promise<boolean>;
}

const secondsToStart = 120;

/**
 * In a group of its own, so that what the program started ends with it. The shell outlives signals
 * to our group, as it has still to end the program then.
 */
const warden = `
trap '' HUP INT TERM
exec 3<&0
setsid "$@" 3<&- </dev/null >&2 & server=$!
echo $server
{ read -r _ <&3; kill -9 -$server; } 2>/dev/null &
wait $server
`;

export class Daemon {
  readonly #shell: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #logFile: string;
  #group = 0;

  static async start(program: Program): Promise<Daemon> {
    const daemon = new Daemon(program);
    try {
      await daemon.#comeUp(program);
    } catch (error) {
      await daemon.kill();
      throw error;
    }
    return daemon;
  }

  private constructor({ name, folder, command, env }: Program) {
    this.#logFile = join(folder, `${name}.log`);
    const log = openSync(this.#logFile, 'a');
    this.#shell = spawn('sh', ['-c', warden, 'warden', ...command], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    this.#ended = once(this.#shell, 'exit');
  }

  async #comeUp(program: Program): Promise<void> {
    const [first] = await once(this.#shell.stdout!, 'data');
    this.#group = Number(String(first).split('\n', 1)[0]);
    this.#shell.stdout!.resume();
    for (let tries = 0; tries < secondsToStart * 20; tries++) {
      if (this.#shell.exitCode !== null) throw new Error(`${program.name} ended:\n${this.tail()}`);
      if (await program.isReady()) return;
      await systemClock.wait(50);
    }
    throw new Error(`${program.name} is not ready in ${secondsToStart} s:\n${this.tail()}`);
  }

  tail(): string {
    return readFileSync(this.#logFile, 'utf8').split('\n').slice(-40).join('\n');
  }

  /** SIGSTOP and SIGCONT: connections stay, and nothing is answered in between. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(-this.#group, signal);
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** kill -9, and back once it is dead. */
  async kill(): Promise<void> {
    this.#shell.stdin?.end();
    await this.#ended;
  }
}

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

// A server program of the system as a process of ours, in a temporary folder. It ends with us,
// however we end: a shell beside it waits for our end of a pipe to close, and then kills it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { basename, join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

export interface Program {
  /** Names the log file, and the server in errors. */
  readonly name: string;
  readonly folder: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it is true: the server can be used. */
  readonly isReady: (log: () => string) => boolean | Promise<boolean>;
}

const secondsToStart = 120;
const askEveryMs = 50;

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
  readonly name: string;
  readonly #shell: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #logFile: string;
  #group = 0;

  /** Resolves once the server is ready; throws with the end of its log when it ends before. */
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
    this.name = name;
    this.#logFile = join(folder, `${name}.log`);
    const log = openSync(this.#logFile, 'w');
    this.#shell = spawn('sh', ['-c', warden, 'warden', ...command], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    this.#ended = once(this.#shell, 'exit');
  }

  async #comeUp({ isReady }: Program): Promise<void> {
    const [first] = await once(this.#shell.stdout!, 'data');
    this.#group = Number(String(first).split('\n', 1)[0]);
    this.#shell.stdout!.resume();
    const end = systemClock.now() + secondsToStart * 1e6;
    while (systemClock.now() < end) {
      if (this.#hasEnded) throw new Error(`${this.name} ended while it started:\n${this.tail()}`);
      if (await isReady(() => this.log())) return;
      await systemClock.wait(askEveryMs);
    }
    throw new Error(`${this.name} is not ready in ${secondsToStart} s:\n${this.tail()}`);
  }

  /** Of the server itself. */
  get pid(): number {
    return this.#group;
  }

  get #hasEnded(): boolean {
    return this.#shell.exitCode !== null || this.#shell.signalCode !== null;
  }

  /** What it has said since it was started. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  tail(lines = 40): string {
    const all = this.log().trimEnd().split('\n');
    return [`(${basename(this.#logFile)})`, ...all.slice(-lines)].join('\n');
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

/** Ports of loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map(async (server) => await once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, 'close');
    }),
  );
  return ports;
}

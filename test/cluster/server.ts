// One server as a plain Java process, in a temporary folder, on loopback. It ends with us, however
// we end: a shell beside it waits for our end of a pipe to close, and then kills it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { basename, join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

export interface Launch {
  /** Names the log file, and the server in errors. */
  readonly name: string;
  readonly folder: string;
  /** Folders of jars. */
  readonly jars: readonly string[];
  readonly heapMegabytes: number;
  /** Options; of two that differ the later one holds. */
  readonly java?: readonly string[];
  readonly main: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it is true: the server can be used. */
  readonly isReady: (log: () => string) => boolean | Promise<boolean>;
}

const log4j = join(import.meta.dirname, 'servers', 'log4j2.properties');

const secondsToStart = 120;

/** Java's own ways, where tests prefer to be up soon. */
export const fullSpeed: readonly string[] = ['-XX:TieredStopAtLevel=4'];

/** Ends the server when standard input closes, and with the server. */
const warden = `
exec 3<&0
"$@" 3<&- </dev/null & server=$!
{ read -r _ <&3; kill -9 $server; } 2>/dev/null &
wait $server
`;

export class Server {
  readonly name: string;
  readonly #shell: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #logFile: string;

  /** Resolves once the server is ready; throws with the end of its log when it ends before. */
  static async start(launch: Launch): Promise<Server> {
    const server = new Server(launch);
    try {
      await server.#comeUp(launch);
    } catch (error) {
      await server.kill();
      throw error;
    }
    return server;
  }

  private constructor({ name, folder, jars, heapMegabytes, java, main, args, env }: Launch) {
    this.name = name;
    this.#logFile = join(folder, `${name}.log`);
    const log = openSync(this.#logFile, 'w');
    const classPath = jars.map((jar) => join(jar, '*')).join(':');
    const sizes = [`-Xmx${heapMegabytes}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const settings = [...sizes, `-Dlog4j2.configurationFile=${log4j}`, ...(java ?? [])];
    const command = ['java', '-cp', classPath, ...settings, main, ...args];
    this.#shell = spawn('sh', ['-c', warden, 'warden', ...command], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    this.#ended = once(this.#shell, 'exit');
  }

  async #comeUp({ isReady }: Launch): Promise<void> {
    for (let tries = 0; tries < secondsToStart * 5; tries++) {
      if (this.#hasEnded) throw new Error(`${this.name} ended while it started:\n${this.tail()}`);
      if (await isReady(() => this.log())) return;
      await systemClock.wait(200);
    }
    throw new Error(`${this.name} is not ready in ${secondsToStart} s:\n${this.tail()}`);
  }

  /** Of the shell, whose only child the server is. */
  get pid(): number {
    return this.#shell.pid as number;
  }

  get #hasEnded(): boolean {
    return this.#shell.exitCode !== null || this.#shell.signalCode !== null;
  }

  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  tail(lines = 40): string {
    const all = this.log().trimEnd().split('\n');
    return [`(${basename(this.#logFile)})`, ...all.slice(-lines)].join('\n');
  }

  /** kill -9, and back once it is dead. A server holds nothing that a test wants to keep. */
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
  for (const server of servers) server.close();
  return ports;
}

/** Runs a Java program to its end; resolves to what it said. */
export async function runJava(
  jars: string,
  main: string,
  args: readonly string[],
): Promise<string> {
  const child = spawn('java', ['-cp', join(jars, '*'), main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${main} ${args.join(' ')} failed:\n${said}`);
  return said;
}

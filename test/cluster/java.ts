// Programs of Java: a server as a process of ours, with no more memory than a test needs, or a tool
// that is run to its end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Daemon, type Program } from './daemon.ts';

export interface JavaServer extends Omit<Program, 'command'> {
  /** Folders of jars. */
  readonly jars: readonly string[];
  readonly heapMegabytes: number;
  /** Options; of two that differ the later one holds. */
  readonly java?: readonly string[];
  readonly main: string;
  readonly args: readonly string[];
}

const log4j = join(import.meta.dirname, 'servers', 'log4j2.properties');

/** Java's own ways, where tests prefer to be up soon. */
export const fullSpeed: readonly string[] = ['-XX:TieredStopAtLevel=4'];

export async function startJava(server: JavaServer): Promise<Daemon> {
  const { jars, heapMegabytes, java = [], main, args, ...program } = server;
  const classPath = jars.map((jar) => join(jar, '*')).join(':');
  const sizes = [`-Xmx${heapMegabytes}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const settings = [...sizes, `-Dlog4j2.configurationFile=${log4j}`, ...java];
  const command = ['java', '-cp', classPath, ...settings, main, ...args];
  return await Daemon.start({ ...program, command });
}

/** Runs a program to its end; resolves to what it said. */
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

// Runs a program of PostgreSQL under a shell that ends it when our process is gone.

import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { messageOf } from '../../base/failure.ts';
import { plainEnvironment, userOf } from './launch.ts';
import type { Run } from './run.ts';

export type ExitCode = number | string;

export interface Warden {
  /** What the program last said, oldest first. */
  readonly lines: readonly string[];
  /** Its exit code, the signal's name, or why it could not be run at all. Never rejects. */
  readonly exited: Promise<ExitCode>;
  /** 0 until it is known. */
  pid(): number;
  /** Asks it to stop. */
  close(): void;
  /** Whether it keeps our event loop alive. */
  hold(on: boolean): void;
  /** Never look at it again. */
  letGo(): void;
}

/** What of its chatter is worth a warning goes by it. */
type Phase = 'starting' | 'ready' | 'stopping';

const keptLines = 20;

/**
 * Runs "$@" and says its process id. When our end of the pipe closes, also because we were killed,
 * the guard asks for a fast shutdown. TERM comes first because the shell starts background jobs
 * with INT ignored: before PostgreSQL has its handlers TERM ends it, and after that INT turns the
 * smart shutdown of TERM into a fast one. Other signals, such as systemd's to the whole group,
 * must not end the warden before its server.
 */
const warden = `
exec 3<&0
trap : HUP INT TERM
"$@" </dev/null >/dev/null 3<&- &
server=$!
echo $server
exec >&-
(trap '' HUP INT TERM; read -r _ <&3; kill -TERM $server; kill -INT $server) 2>/dev/null &
guard=$!
wait $server; code=$?
while [ $code -gt 128 ] && kill -0 $server 2>/dev/null; do wait $server; code=$?; done
kill -KILL $guard 2>/dev/null
exit $code`;

export function spawnWarden(run: Run, cwd: string, command: readonly string[]): Warden {
  const { prefix } = run.launch;
  const child = spawn('/bin/sh', ['-c', warden, 'sh', ...prefix, ...command], {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its own session: a Ctrl-C or a kill of our group must not reach it, only the closed pipe.
    detached: true,
    env: plainEnvironment(),
    ...userOf(run.launch),
  });
  const pipes = [child.stdin, child.stdout, child.stderr];
  for (const pipe of pipes) pipe.on('error', () => undefined);
  const { promise: exited, resolve: settle } = Promise.withResolvers<ExitCode>();
  child.once('error', (error) => settle(messageOf(error)));
  // 'close' and not 'exit': only then all its lines have been read.
  child.once('close', (code, signal) => settle(code ?? signal ?? 'unknown'));
  let pid = 0;
  child.stdout.on('data', (data: Buffer) => {
    pid ||= Number.parseInt(data.toString(), 10);
  });
  const lines: string[] = [];
  let phase: Phase = 'starting';
  const handle: Warden = {
    lines,
    exited,
    pid: () => pid,
    close() {
      phase = 'stopping';
      child.stdin.destroy();
    },
    hold(on) {
      const sockets = pipes.filter((pipe) => pipe instanceof Socket);
      for (const one of [child, ...sockets]) {
        if (on) one.ref();
        else one.unref();
      }
    },
    letGo() {
      for (const pipe of pipes) pipe.destroy();
      child.unref();
    },
  };
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line.slice(0, 500));
    if (lines.length > keptLines) lines.shift();
    if (isWorthWarning(phase, line)) run.logger.warn({ postgres: line }, 'PostgreSQL says');
    if (phase === 'starting' && lastAtStart.test(line)) phase = 'ready';
  });
  return handle;
}

const lastAtStart = /database system is ready to accept connections/;

/** While it serves, all it says is news; at both ends it tells its routine at level LOG. */
function isWorthWarning(phase: Phase, line: string): boolean {
  if (phase === 'ready') return true;
  const atStart = /^WARNING|not properly shut down|in progress, elapsed/;
  return (phase === 'starting' ? atStart : /^(WARNING|ERROR|PANIC)/).test(line);
}

export function describeEnd(code: ExitCode, lines: readonly string[]): string {
  const telling = lines.filter((line) => !/^(LOG|NOTICE|INFO): /.test(line)).slice(-6);
  const said = (telling.length > 0 ? telling : lines.slice(-6)).map((line) => line.trim());
  return `it ended with ${code}${said.length > 0 ? `, saying: ${said.join(' / ')}` : ''}`;
}

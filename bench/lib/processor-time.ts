// What processes cost: processor time and memory, as Linux tells it in /proc. It counts what a
// process did and not how long it waited for its turn, so that a noisy machine decides less.

import { readdirSync, readFileSync } from 'node:fs';

/** Of a second; the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly ownTicks: number;
  /** Of its children that have ended. */
  readonly endedTicks: number;
}

/** Seconds that the process and all that it started have used, those that ended too. */
export function processorSeconds(pid: number): number {
  const ticks = familyOf(pid).map(({ ownTicks, endedTicks }) => ownTicks + endedTicks);
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
}

/** Seconds that processes have used which this one started and which have ended. */
export function endedSeconds(): number {
  return (read(process.pid)?.endedTicks ?? 0) / ticksPerSecond;
}

/** Memory of the process and all that it started which no file backs and nobody shares, MB. */
export function ownMegabytes(pid: number): number {
  const kilobytes = familyOf(pid).map((one) => {
    const status = textOf(`/proc/${one.pid}/status`) ?? '';
    return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  });
  return Math.round(kilobytes.reduce((sum, each) => sum + each, 0) / 1000);
}

function familyOf(pid: number): readonly Process[] {
  const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const all = names.map((name) => read(Number(name))).filter((found) => found !== null);
  const children = Map.groupBy(all, ({ parent }) => parent);
  const family = all.filter((one) => one.pid === pid);
  for (const one of family) family.push(...(children.get(one.pid) ?? []));
  return family;
}

function read(pid: number): Process | null {
  const text = textOf(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name in parentheses may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number) as Ticks;
  const [ownTicks, endedTicks] = [user + system, endedUser + endedSystem];
  return { pid, parent: Number(fields[1]), ownTicks, endedTicks };
}

type Ticks = [number, number, number, number];

/** null when the process has ended meanwhile. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

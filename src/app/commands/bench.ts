// Runs a benchmark of bench/ on the pinned runtime.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../base/failure.ts';

const folder = new URL('../../../bench/', import.meta.url);

export async function bench(name: string | undefined, args: readonly string[]): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  const names = files.map((file) => basename(file, '.ts'));
  if (name === undefined) {
    for (const known of names) process.stdout.write(`${known.padEnd(14)} ${await about(known)}\n`);
    return;
  }
  if (!names.includes(name)) {
    const cure = `Give one of: ${names.join(', ')}.`;
    throw new Failure('bad-request', `There is no benchmark named '${name}'.`, cure);
  }
  const script = fileURLToPath(new URL(`${name}.ts`, folder));
  const child = spawn(process.execPath, ['--expose-gc', script, ...args], { stdio: 'inherit' });
  process.on('SIGTERM', () => child.kill());
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}

/** The first comment line of a benchmark says what it measures. */
async function about(name: string): Promise<string> {
  const text = await readFile(new URL(`${name}.ts`, folder), 'utf8');
  return text.slice(0, text.indexOf('\n')).replace(/^\/\/ /, '');
}

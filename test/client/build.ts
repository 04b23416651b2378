// The client library as it is published, built into a folder that the test removes.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');
const compiler = join(root, 'node_modules', '.bin', 'tsc');
const env = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH}` };

/** Rejects with what the compiler complains of. */
export async function compile(folder: string, ...args: readonly string[]): Promise<void> {
  const compiling = promisify(execFile)(compiler, args, { cwd: folder, env });
  await compiling.catch(({ stdout }: { stdout: string }) => {
    throw new Error(stdout);
  });
}

export async function buildClient(t: { after(end: () => unknown): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-client-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const project = join(root, 'client', 'tsconfig.build.json');
  await compile(folder, '--project', project, '--outDir', folder);
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

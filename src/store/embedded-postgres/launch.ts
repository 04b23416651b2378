// As whom the programs are run: PostgreSQL refuses uid 0 and users without an account.

import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure, messageOf } from '../../base/failure.ts';
import { ignore } from './failures.ts';
import { type Programs, reachablePrograms } from './programs.ts';

/**
 * How the programs are run. `self`: as we are. `namespace`: in a user namespace where our user has
 * another id, since PostgreSQL refuses uid 0 and users without an account. `user`: as another
 * user, for root where namespaces are forbidden: who owns the cluster, else nobody (65534).
 */
export type LaunchName = 'self' | 'namespace' | 'user';

export interface Launch {
  readonly name: LaunchName;
  readonly programs: Programs;
  /** Put before each command. */
  readonly prefix: readonly string[];
  /** Who must own the cluster. */
  readonly uid?: number;
  readonly gid?: number;
}

/** By convention. */
const nobody = 65534;

/** The first way that works, by trying; see LaunchName. */
export async function chooseLaunch(
  native: Programs,
  folder: string,
  only: LaunchName | undefined,
): Promise<Launch> {
  const reasons: string[] = [];
  const ways = (await candidates(native, folder)).filter((way) => !only || way.name === only);
  for (const way of ways) {
    if (way.name === 'self') return way;
    for await (const programs of reachablePrograms(native, reasons)) {
      const launch = { ...way, programs };
      const reason = await tryOut(launch, folder, [programs.postgres, '--version']);
      if (reason === null) return launch;
      reasons.push(`${way.name}: ${reason}`);
      // When not even this runs, other copies of the programs would not either.
      if ((await tryOut(way, folder, ['true'])) !== null) break;
    }
  }
  const what = `no way to run PostgreSQL as this user (${reasons.join('; ') || only})`;
  const cure = 'Run Tapeline as a normal user that has an account, or set DATABASE_URL.';
  throw new Failure('database-unavailable', what, cure);
}

async function candidates(programs: Programs, folder: string): Promise<Launch[]> {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  const self: Launch = { name: 'self', programs, prefix: [] };
  if (process.platform !== 'linux' || uid === undefined || gid === undefined) return [self];
  const account = await otherAccount(uid);
  const unshare = ['unshare', '--user', `--map-user=${account}`, '--'];
  const namespace: Launch = { name: 'namespace', programs, prefix: unshare, uid, gid };
  // initdb asks for the name of its user: without an account it needs the id of one that has it.
  if (uid !== 0) return hasAccount() ? [self, namespace] : [namespace, self];
  const owner = await fs.stat(join(folder, 'cluster')).catch(ignore('ENOENT'));
  // A cluster that a normal user made is run as that user, who may want to use it again.
  if (owner && owner.uid !== 0) {
    const { uid: ownerUid, gid: ownerGid } = owner;
    return [{ name: 'user', programs, prefix: [], uid: ownerUid, gid: ownerGid }, namespace];
  }
  return [namespace, { name: 'user', programs, prefix: [], uid: nobody, gid: nobody }];
}

function hasAccount(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

/** A user id that has an account here and is neither root's nor ours: which one does not matter. */
async function otherAccount(ours: number): Promise<number> {
  const text = await fs.readFile('/etc/passwd', 'utf8').catch(() => '');
  const ids = text.split('\n').map((line) => Number(line.split(':')[2]));
  return ids.find((id) => id > 0 && id !== ours) ?? nobody;
}

/** For spawn. In a namespace we stay who we are, only under another number. */
export function userOf({ name, uid, gid }: Launch): { uid: number; gid: number } | undefined {
  return name === 'user' && uid !== undefined && gid !== undefined ? { uid, gid } : undefined;
}

/** Null when this can be run this way, else the reason. */
async function tryOut(
  launch: Launch,
  folder: string,
  command: readonly string[],
): Promise<string | null> {
  const [program = '', ...args] = [...launch.prefix, ...command];
  const user = userOf(launch);
  try {
    await promisify(execFile)(program, args, { cwd: folder, env: plainEnvironment(), ...user });
    return null;
  } catch (error) {
    return messageOf(error).trim().replaceAll('\n', ' ');
  }
}

/** Nothing of ours: PG* variables would change it, and secrets are none of its business. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

/**
 * What -D says. Under another user the folders above the cluster may be closed, so it goes by the
 * working folder, which a process keeps when it changes its user.
 */
export function dataPath(launch: Launch, cluster: string): string {
  return launch.name === 'self' ? cluster : '/proc/self/cwd';
}

/** Makes the launch's user the owner, the folder itself last so that a cut is seen and redone. */
export async function giveTo(path: string, { uid, gid }: Launch): Promise<void> {
  if (uid === undefined || gid === undefined) return;
  if ((await fs.lstat(path)).uid === uid) return;
  for (const name of await fs.readdir(path, { recursive: true })) {
    await fs.lchown(join(path, name), uid, gid);
  }
  await fs.lchown(path, uid, gid);
}

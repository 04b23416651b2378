// The Unix socket through which alone PostgreSQL is reached, in a folder that is private to us.

import * as fs from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ignore } from './failures.ts';
import { giveTo, type Launch } from './launch.ts';
import { hashOf } from './programs.ts';

/** What `pg` needs to connect: `host` is the folder of the Unix socket. Trusted, no password. */
export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export const role = 'tapeline';
/** Only the suffix of the socket's name: nothing listens on TCP. */
export const port = 5432;
/** sun_path minus its final zero: unix(7), and unix(4) of macOS. */
const socketPathBytesMax = process.platform === 'darwin' ? 103 : 107;

/** Where the socket goes: the cluster, or a short private folder when that path is too long. */
export async function prepareSocketFolder(cluster: string, launch: Launch): Promise<string> {
  if (fitsSocket(cluster)) return cluster;
  const name = `tapeline-${process.getuid?.() ?? 0}-${hashOf(cluster)}`;
  const folder = [tmpdir(), '/tmp'].map((parent) => join(parent, name)).find(fitsSocket);
  if (!folder) throw new Error('the temporary folder has too long a name for a Unix socket');
  await fs.mkdir(folder, { mode: 0o700 }).catch(ignore('EEXIST'));
  const found = await fs.lstat(folder);
  // Anybody may make names in /tmp: a folder of somebody else's would give them our database.
  const owners = [process.getuid?.(), launch.uid];
  if (!found.isDirectory() || !owners.includes(found.uid)) {
    throw new Error(`${folder}, for the Unix socket, belongs to somebody else: permission denied`);
  }
  await giveTo(folder, launch);
  await fs.chmod(folder, 0o700);
  return folder;
}

function fitsSocket(folder: string): boolean {
  return Buffer.byteLength(join(folder, `.s.PGSQL.${port}`)) <= socketPathBytesMax;
}

export function connectionOf(socketFolder: string): PostgresConnection {
  return { host: socketFolder, port, user: role, database: role };
}

export async function answers(connection: PostgresConnection): Promise<boolean> {
  const socket = connect(join(connection.host, `.s.PGSQL.${connection.port}`));
  const { promise, resolve: settle } = Promise.withResolvers<boolean>();
  socket.once('connect', () => settle(true)).once('error', () => settle(false));
  return await promise.finally(() => socket.destroy());
}

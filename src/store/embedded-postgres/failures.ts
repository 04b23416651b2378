// What PostgreSQL and the system say when something goes wrong, told as Failures with a cure.

import { Failure, type FailureCode, messageOf } from '../../base/failure.ts';

const troubles: readonly (readonly [pattern: RegExp, code: FailureCode, cure: string])[] = [
  [
    /could not .*(shared memory|semaphore)|ENOMEM|cannot allocate memory/i,
    'database-unavailable',
    'Give this machine or container more memory (and /dev/shm), or set DATABASE_URL.',
  ],
  [
    /no space left|ENOSPC|disk quota|EDQUOT/i,
    'disk-full',
    'Free space on the disk of FOLDER and start again; nothing that was stored is lost.',
  ],
  [
    /files are incompatible|initialized by PostgreSQL version/i,
    'database-mismatch',
    'Start the Tapeline version that wrote it, or move FOLDER/cluster away for an empty database.',
  ],
  [
    /error while loading shared libraries|Library not loaded|cannot execute|exec format/i,
    'database-unavailable',
    'Run `npm rebuild` (the package must run its install script), or set DATABASE_URL.',
  ],
  [
    /unix.* socket|could not bind|lock file ".*\.s\.PGSQL/i,
    'database-unavailable',
    'Set DATA_DIR to a folder on a local disk that can hold Unix sockets.',
  ],
  [
    /permission denied|not permitted|wrong ownership|invalid permissions|EACCES|EPERM/i,
    'data-folder-unusable',
    'Let the user who runs Tapeline own FOLDER: chown -R USER FOLDER; or set DATA_DIR.',
  ],
  [
    /read-only file system|EROFS|ENOTDIR|not a directory|EEXIST|ENAMETOOLONG/i,
    'data-folder-unusable',
    'Set DATA_DIR to a folder that can be written.',
  ],
  [
    /PANIC|checkpoint|control file|not a valid data|checksum|invalid page|ENOENT|no such file/i,
    'database-unavailable',
    'FOLDER/cluster is damaged: restore it from a copy, or move it away for an empty database.',
  ],
];

export async function explained<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw failureFrom(folder, error);
  }
}

export function failureFrom(folder: string, cause: unknown): Failure {
  const text = messageOf(cause);
  const known = troubles.find(([pattern]) => pattern.test(text));
  const otherwise = 'Read what PostgreSQL says above, or set DATABASE_URL to your own PostgreSQL.';
  const [, code, cure] = known ?? [null, 'database-unavailable' as const, otherwise];
  const what = `PostgreSQL in ${folder}: ${text}`;
  return new Failure(code, what, cure.replaceAll('FOLDER', folder), { cause });
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** For `.catch`: undefined in place of the one expected error. */
export function ignore(code: string): (error: unknown) => undefined {
  return (error) => {
    if (codeOf(error) !== code) throw error;
  };
}

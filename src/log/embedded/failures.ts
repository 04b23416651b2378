// What LMDB and the system say when something goes wrong, told as Failures with a cure.

import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { Failure, messageOf } from '../../base/failure.ts';

/** Less free space than this, beside what was to be written, counts as a full disk. */
const spareBytes = 2 ** 20;

export function openingFailure(folder: string, cause: unknown): Failure {
  const message = `the log in ${folder} cannot be opened: ${messageOf(cause)}`;
  if (isDiskFull(cause, folder, 0)) {
    const cure = 'Free space on that disk, then start again.';
    return new Failure('disk-full', message, cure, { cause });
  }
  const { EACCES, EPERM, EROFS, ENOTDIR, EEXIST } = constants.errno;
  if (isOneOf(cause, [EACCES, EPERM, EROFS, ENOTDIR, EEXIST])) {
    const cure = `Let the user who runs Tapeline own ${folder}, or set DATA_DIR.`;
    return new Failure('data-folder-unusable', message, cure, { cause });
  }
  const cure = 'Check the disk and the memory of this machine, then start again.';
  return new Failure('log-unavailable', message, cure, { cause });
}

/** `bytes` is what was to be written. */
export function writingFailure(folder: string, cause: unknown, bytes: number): Failure {
  if (isDiskFull(cause, folder, bytes)) {
    const cure = 'Free space on that disk; Tapeline goes on by itself.';
    return new Failure('disk-full', `no space for the log in ${folder}`, cure, { cause });
  }
  const message = `the log in ${folder} cannot be written: ${messageOf(cause)}`;
  const cure = 'Check the disk and the system log, then restart Tapeline.';
  return new Failure('log-unavailable', message, cure, { cause });
}

export function readingFailure(cause: unknown): Failure {
  const message = `the log cannot be read: ${messageOf(cause)}`;
  const cure = 'Restart Tapeline: it checks and mends its log when it starts.';
  return new Failure('log-unavailable', message, cure, { cause });
}

export function closedFailure(): Failure {
  return new Failure('log-unavailable', 'the log is closed', 'Open the log again.');
}

function isDiskFull(cause: unknown, folder: string, bytes: number): boolean {
  const { ENOSPC, EDQUOT, EIO } = constants.errno;
  if (isOneOf(cause, [ENOSPC, EDQUOT])) return true;
  if (!isOneOf(cause, [EIO])) return false;
  // LMDB says EIO when a write ended early, which is how a disk that fills up shows first.
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize < bytes + spareBytes;
}

/** LMDB gives the number of a system error, Node its name. */
function isOneOf(cause: unknown, errnos: readonly number[]): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return errnos.some((errno) => code === errno || code === getSystemErrorName(-errno));
}

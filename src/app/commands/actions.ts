// `tapeline actions import`: corporate actions from files into the store, with or without a running
// instance. All files or none; importing again changes nothing.

import { readFile } from 'node:fs/promises';
import { systemClock } from '../../base/clock.ts';
import { Failure, messageOf } from '../../base/failure.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import { openProgress } from '../progress.ts';
import { borrowDatabase, importActions, parseActions } from '../wire.ts';

export interface ActionImportOptions {
  readonly symbol?: string;
  readonly calendar: string;
  readonly quiet?: boolean;
}

export async function importActionFiles(
  config: Config,
  paths: readonly string[],
  options: ActionImportOptions,
): Promise<void> {
  const started = systemClock.now();
  const logger = openLogger(config.logLevel, 'stderr');
  // What is wrong with a file is said before a database is started for it.
  const files = await parseActions(await Promise.all(paths.map(readText)), options);
  const total = files.reduce((sum, { actions }) => sum + actions.length, 0);
  const progress = openProgress(options.quiet !== true);
  const database = await borrowDatabase(config, 'actions import', logger);
  try {
    let rows = 0;
    const { added, changed, withdrawn, known } = await importActions(
      database.connection,
      files,
      (index) => {
        progress.show({ file: paths[index], bytesRead: rows, bytesTotal: total, rows });
        rows += files[index].actions.length;
      },
    );
    progress.clear();
    const told = Object.entries({ added, changed, withdrawn, 'known already': known })
      .filter(([, count]) => count > 0)
      .map(([what, count]) => `${count.toLocaleString('en')} ${what}`);
    const seconds = (systemClock.now() - started) / 1e6;
    const actions =
      told.length > 0 ? `corporate actions: ${told.join(', ')}` : 'no corporate actions';
    process.stderr.write(`${actions}, in ${seconds.toFixed(2)} s\n`);
  } finally {
    progress.clear();
    await database.stop();
  }
}

async function readText(path: string): Promise<{ readonly path: string; readonly text: string }> {
  try {
    return { path, text: await readFile(path, 'utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EISDIR') {
      throw new Failure('bad-file', `${path} is a folder`, `Name the files in it: ${path}/*.csv`);
    }
    const what = code === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new Failure('bad-file', `${path}: ${what}`, 'Check the path and your rights to read it.');
  }
}

// `tapeline export`: stored candles or trades to standard output or a file, with or without a
// running instance. Where none runs, the database is started for as long as it takes.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import type { PriceKind } from '../../contracts/candle.ts';
import type { Adjustment } from '../../contracts/corporate-action.ts';
import type { Interval } from '../../contracts/interval.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import { borrowDatabase, openExports } from '../wire.ts';

export interface ExportOptions {
  readonly symbol?: string;
  readonly format: 'csv' | 'json' | 'parquet';
  readonly from?: Micros;
  readonly to?: Micros;
  readonly output?: string;
  readonly interval?: Interval;
  readonly price?: PriceKind;
  readonly adjustment?: Adjustment;
  readonly asof?: string;
  readonly empty?: boolean;
}

export async function exportRows(
  config: Config,
  what: 'candles' | 'trades',
  options: ExportOptions,
): Promise<void> {
  requireSymbol(options);
  const logger = openLogger(config.logLevel, 'stderr');
  await using ends = new AsyncDisposableStack();
  const database = await borrowDatabase(config, 'export', logger);
  ends.defer(() => database.stop());
  const { output } = options;
  const rows = (await openExports(database.connection))[what](options);
  try {
    if (output === undefined) await write(rows, process.stdout);
    else await pipeline(rows, createWriteStream(output));
  } catch (error) {
    throw outputFailure(output === undefined ? 'standard output' : `--output ${output}`, error);
  }
}

/** One export is of one instrument's names, or of the symbols as they are stored. */
function requireSymbol({ symbol, adjustment = 'raw', asof }: ExportOptions): void {
  if (symbol !== undefined || (adjustment === 'raw' && asof === undefined)) return;
  const what = '--adjustment and --asof are about one instrument, and no symbol is given';
  throw new Failure('bad-request', what, 'Add --symbol SYMBOL; export one after another.');
}

/** Writes until the end, or until the reader, such as `head`, has seen enough. */
async function write(rows: AsyncIterable<Uint8Array>, out: Writable): Promise<void> {
  const closed = new Promise<void>((resolve, reject) => {
    out.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') resolve();
      else reject(error);
    });
  });
  for await (const chunk of rows) {
    if (out.errored) break;
    if (!out.write(chunk)) await Promise.race([once(out, 'drain').catch(() => closed), closed]);
  }
  if (out.errored) await closed;
}

const otherwise = 'Give --output the path of a file in a folder that you may write to.';
const troubles: Readonly<Record<string, readonly [what: string, cure: string]>> = {
  ENOENT: ['its folder does not exist', 'Make that folder, or give --output another path.'],
  EISDIR: ['it is a folder', 'Give --output the path of a file in it.'],
  ENOTDIR: ['a part of its path is a file', otherwise],
  EACCES: ['it may not be written', otherwise],
  EPERM: ['it may not be written', otherwise],
  EROFS: ['its disk is read-only', otherwise],
  ENOSPC: ['its disk is full', 'Free space on that disk, or give --output another path.'],
};

/** What a system call said of the output, as a Failure; any other error comes back as it is. */
function outputFailure(output: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const [what, cure] = troubles[String(error.code)] ?? [error.message, otherwise];
  return new Failure('bad-request', `${output}: ${what}.`, cure, { cause: error });
}

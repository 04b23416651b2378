// `tapeline export`: stored candles or trades to standard output or a file, with or without a running
// instance. Where none runs, the database is started for as long as it takes.

import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Micros } from '../../base/clock.ts';
import type { PriceKind } from '../../contracts/candle.ts';
import type { Interval } from '../../contracts/interval.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import { borrowDatabase, exportStream } from '../wire.ts';

export interface ExportOptions {
  readonly symbol?: string;
  readonly format: 'csv' | 'json' | 'parquet';
  readonly from?: Micros;
  readonly to?: Micros;
  readonly output?: string;
  readonly interval?: Interval;
  readonly price?: PriceKind;
}

export async function exportRows(
  config: Config,
  what: 'candles' | 'trades',
  options: ExportOptions,
): Promise<void> {
  const logger = openLogger(config.logLevel === 'info' ? 'warn' : config.logLevel, 'stderr');
  const database = await borrowDatabase(config, 'export', logger);
  try {
    const rows = exportStream(database.connection, what, options);
    const to = options.output === undefined ? process.stdout : createWriteStream(options.output);
    await pipeline(rows, to, { end: options.output !== undefined });
  } catch (error) {
    // A reader such as `head` that has seen enough is no failure.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  } finally {
    await database.stop({ wait: false });
  }
}

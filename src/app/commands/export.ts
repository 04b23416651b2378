// `tapeline export`: stored candles or trades to standard output or a file, with or without a
// running instance. Where none runs, the database is started for as long as it takes.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
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
  const logger = openLogger(config.logLevel, 'stderr');
  const database = await borrowDatabase(config, 'export', logger);
  try {
    const rows = await exportStream(database.connection, what, options);
    const out = options.output === undefined ? process.stdout : createWriteStream(options.output);
    await write(rows, out);
    if (options.output !== undefined) await finished(out.end());
  } finally {
    await database.stop();
  }
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

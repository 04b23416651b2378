// Everything stored of a span of time, streamed as a file: candles by symbol and start, trades by
// time and place in the log. One snapshot throughout; memory is bounded whatever the span.

import type { Client } from 'pg';
import { Failure } from '../base/failure.ts';
import type { PriceKind } from '../contracts/candle.ts';
import { type Interval, intervals } from '../contracts/interval.ts';
import type { SeriesQuery } from '../corporate-actions/series.ts';
import { connect, type Database, explained } from './database.ts';
import { readCandles } from './export-candles.ts';
import { type ExportColumn, formatBatches, type RowBatch } from './export-formats.ts';
import { scopeOf } from './export-scope.ts';
import { findSeries, isMoreThanStored, readSeries, seriesExportColumns } from './export-series.ts';
import { readTrades, tradeExportColumns } from './export-trades.ts';
import type { TradeExport } from './exports.ts';

export interface ExportOptions extends TradeExport {
  /** Told how many more rows were read. */
  readonly onRows?: (count: number) => void;
}

export interface CandleExportOptions extends ExportOptions {
  /** All when absent. */
  readonly intervals?: readonly Interval[];
  /** Default: trade. */
  readonly price?: PriceKind | undefined;
  /** To follow the symbol through its names, and to adjust; else the rows stored under it. */
  readonly series?: SeriesQuery;
  /** Intervals without a candle as well, with the state `no_trades` or `no_data`. */
  readonly empty?: boolean | undefined;
}

const session = { application: 'exports', statementSeconds: 600 };

/** See `Exports`. */
export function exportTrades(
  database: Database,
  options: ExportOptions,
): AsyncIterable<Uint8Array> {
  return exported(database, options, tradeExportColumns, async function* (reader, asker) {
    yield* readTrades(reader, asker, await scopeOf(reader, options, symbolsOf(options)));
  });
}

function symbolsOf({ symbol }: ExportOptions): string[] | undefined {
  return symbol === undefined ? undefined : [symbol];
}

/** As `exportTrades`. */
export function exportCandles(
  database: Database,
  options: CandleExportOptions,
): AsyncIterable<Uint8Array> {
  const { price = 'trade', intervals: wanted = intervals, series: query, empty = false } = options;
  const columns = seriesExportColumns(query?.adjustment ?? 'raw');
  return exported(database, options, columns, async function* (reader) {
    const series = query && (await findSeries(reader, query));
    const symbols = series?.names.map(({ symbol }) => symbol) ?? symbolsOf(options);
    if (empty && series && isMoreThanStored(series)) throw emptyOfSeries();
    const scope = await scopeOf(reader, options, symbols);
    yield* series && isMoreThanStored(series)
      ? readSeries(reader, series, scope, price, wanted)
      : readCandles(reader, scope, price, wanted, empty);
  });
}

function emptyOfSeries(): Failure {
  const what = 'intervals without a candle are told of a symbol as it is stored only';
  return new Failure('bad-request', what, 'Leave out `empty`, or `adjustment` and `asof`.');
}

type Read = (reader: Client, asker: Client) => AsyncIterable<RowBatch>;

function exported(
  database: Database,
  options: ExportOptions,
  columns: readonly ExportColumn[],
  read: Read,
): AsyncIterable<Uint8Array> {
  const { format, onRows, signal } = options;
  return formatBatches(format, columns, counted(snapshot(database, read, signal), onRows));
}

/** `reader` streams the rows; `asker` looks up meanwhile what they refer to. */
async function* snapshot(
  database: Database,
  read: Read,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowBatch> {
  const reader = await connect(database, session);
  const asker = await connect(database, session).catch(async (error: unknown) => {
    await reader.end();
    throw error;
  });
  let cancel = (): void => undefined;
  try {
    const [{ pid }] = (await reader.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
    // Who waits for the next rows cannot be told to stop waiting; the database can.
    cancel = () => void asker.query('select pg_cancel_backend($1)', [pid]).catch(() => undefined);
    signal?.addEventListener('abort', cancel);
    signal?.throwIfAborted();
    await reader.query('begin isolation level repeatable read read only');
    // Before the snapshot, to which the rows of a month put in order after it would be new.
    await reader.query('lock table candle_rows in access share mode');
    await reader.query(`set local work_mem = '64MB'`);
    yield* read(reader, asker);
  } catch (error) {
    throw explained(error, database);
  } finally {
    signal?.removeEventListener('abort', cancel);
    await Promise.all([reader.end(), asker.end()]);
  }
}

async function* counted(
  batches: AsyncIterable<RowBatch>,
  onRows: ExportOptions['onRows'],
): AsyncGenerator<RowBatch> {
  for await (const batch of batches) {
    onRows?.(batch.count);
    yield batch;
  }
}

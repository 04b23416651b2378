// The candles of an export: one symbol after another, each by start, then from the finest interval.

import type { Client } from 'pg';
import type { PriceKind } from '../contracts/candle.ts';
import type { Interval } from '../contracts/interval.ts';
import { formatTime } from '../contracts/time.ts';
import { intervalCodes, intervalNames, priceKindCodes, stateNames } from './candle-codes.ts';
import { copyOut } from './copy.ts';
import type { CopyReader } from './copy-binary.ts';
import type { Cells, ExportColumn, RowBatch } from './export-formats.ts';
import { type ExportScope, within } from './export-scope.ts';

export const candleExportColumns: readonly ExportColumn[] = [
  { name: 'symbol', kind: 'text' },
  { name: 'interval', kind: 'text' },
  { name: 'start', kind: 'time' },
  { name: 'open', kind: 'decimal' },
  { name: 'high', kind: 'decimal' },
  { name: 'low', kind: 'decimal' },
  { name: 'close', kind: 'decimal' },
  { name: 'volume', kind: 'decimal' },
  { name: 'vwap', kind: 'decimal' },
  { name: 'trades', kind: 'integer' },
  { name: 'revision', kind: 'integer' },
  { name: 'state', kind: 'text' },
];

const rowsAtOnce = 1_024;
/** Those of candles, and behind them what an interval without a candle can be. */
const exportedStates: readonly string[] = [...stateNames, 'no_trades', 'no_data'];

function textCells(): (string | null)[] {
  return [];
}

function numberCells(): Float64Array {
  return new Float64Array(rowsAtOnce);
}

export async function* readCandles(
  client: Client,
  scope: ExportScope,
  price: PriceKind,
  wanted: readonly Interval[],
  withEmpty: boolean,
): AsyncGenerator<RowBatch> {
  const [symbols, names, states] = [textCells(), textCells(), textCells()];
  const decimals = Array.from({ length: 6 }, textCells);
  const [starts, trades, revisions] = [numberCells(), numberCells(), numberCells()];
  const cells: readonly Cells[] = [symbols, names, starts, ...decimals, trades, revisions, states];
  for (const { id, symbol } of scope.instruments) {
    const ours = `instrument_id = ${id}
      and price_kind = ${priceKindCodes[price]}
      and interval_id in (${wanted.map((interval) => intervalCodes[interval]).join(', ')})`;
    const query = `
      select
        start, open::text, high::text, low::text, close::text, volume::text,
        vwap(notional, volume)::text, trades, revision, interval_id::int, state::int
      from candle_rows
      where ${ours} and ${within('start', scope)}
      ${withEmpty ? `union all ${emptyIntervals(ours, scope)}` : ''}
      order by start, interval_id`;
    const take = (reader: CopyReader, row: number): void => {
      symbols[row] = symbol;
      starts[row] = reader.time();
      for (const decimal of decimals) decimal[row] = reader.isNil() ? null : reader.text();
      trades[row] = reader.int4();
      revisions[row] = reader.int4();
      names[row] = intervalNames[reader.int4()];
      states[row] = exportedStates[reader.int4()];
    };
    for await (const count of copyOut(client, query, rowsAtOnce, take)) yield { count, cells };
  }
}

/** The intervals of silences, one by one, but for those that have got a candle since. */
function emptyIntervals(ours: string, scope: ExportScope): string {
  const overlapping = scope.from === undefined ? 'true' : `"end" > '${formatTime(scope.from)}'`;
  return `
    select
      bucket, null, null, null, null, null, null, 0, 0, interval_id::int,
      ${exportedStates.indexOf('no_trades')} + (state = 'no_data')::int
    from (select * from silences where ${ours} and ${overlapping}) silence
    join candle_intervals using (interval_id)
    -- Of a day with 23 or 25 hours there is one, too.
    cross join lateral (
      select start + place * length as bucket
      from generate_series(
        0, round(extract(epoch from "end" - start) / extract(epoch from length))::int - 1
      ) place
    ) buckets
    where ${within('bucket', scope)}
      and not exists (
        select from candle_rows candle
        where (candle.instrument_id, candle.price_kind, candle.interval_id, candle.start)
          = (silence.instrument_id, silence.price_kind, silence.interval_id, bucket)
      )`;
}

// A store with as many candles as wanted: minutes of many symbols without a gap, and the longer
// candles over them, made by PostgreSQL itself in the partitions of the real schema. They lie as
// live ones do, all symbols of a minute beside each other, until months that are over are put in
// order, as the housekeeping of a plant does it; see src/store/month-order.ts.

import { rename, rm } from 'node:fs/promises';
import type { Client } from 'pg';
import { microsPerSecond, systemClock } from '../../src/base/clock.ts';
import { type Interval, intervalLength } from '../../src/contracts/interval.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { intervalCodes } from '../../src/store/candle-codes.ts';
import { connect, type Database } from '../../src/store/database.ts';
import { startPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { orderMonth } from '../../src/store/month-order.ts';
import { type Month, monthsOf } from '../../src/store/partitions.ts';

export const storedSymbols = Array.from({ length: 200 }, (_, index) => `S${1000 + index}`);

const begin = Date.UTC(2025, 0) * 1000;
const minute = 60 * microsPerSecond;
const day = 24 * 60 * minute;
const byMonth = ['1m', '5m', '15m', '1h'] as const satisfies readonly Interval[];
const coarse = ['4h', '1d'] as const satisfies readonly Interval[];
const rowsPerMinute = [...byMonth, ...coarse]
  .map((interval) => minute / intervalLength(interval))
  .reduce((sum, rows) => sum + rows, 0);
const quiet = { info: () => undefined, warn: () => undefined };

/** The times that so many rows reach over: whole days. */
export function reachOf(rows: number): { from: number; to: number } {
  const minutes = rows / storedSymbols.length / rowsPerMinute;
  return { from: begin, to: begin + Math.max(1, Math.round((minutes * minute) / day)) * day };
}

/** Makes the database of a data folder that has none; reports each month. */
export async function storeCandles(
  database: string,
  rows: number,
  report: (text: string) => void,
): Promise<void> {
  // What was cut short would be taken for whole.
  const folder = `${database}-unfinished`;
  await rm(folder, { recursive: true, force: true });
  const server = await startPostgres({ folder, logger: quiet });
  try {
    await migrate(server.connection);
    await fill(server.connection, rows, report);
  } finally {
    await server.stop();
  }
  await rename(folder, database);
}

async function fill(
  database: Database,
  rows: number,
  report: (text: string) => void,
): Promise<void> {
  const client = await connect(database, { application: 'bench', statementSeconds: 3_600 });
  const { from, to } = reachOf(rows);
  await client.query(
    'insert into instruments (symbol, name) select s, s from unnest($1::text[]) s',
    [storedSymbols],
  );
  const days = Array.from({ length: (to - from) / day }, (_, index) => from + index * day);
  for (const month of monthsOf(days)) {
    const ends = { from: month.from, to: Math.min(month.to, to) };
    report(`${month.suffix.slice(1)}: ${await fillMonth(client, month, ends)} rows`);
    await orderMonths(database, report);
  }
  for (const interval of coarse) await insert(client, 'candle_rows_coarse', interval, { from, to });
  await client.query('vacuum (freeze, analyze) candle_rows_coarse');
  await client.query('analyze');
  await client.query('checkpoint');
  await client.end();
}

/** The key comes last, and rows of a table that is as new as they are need no WAL. */
async function fillMonth(
  client: Client,
  month: Month,
  ends: { readonly from: number; readonly to: number },
): Promise<number> {
  const table = `candle_rows_fine${month.suffix}`;
  let count = 0;
  await client.query(`
    begin;
    create table ${table} (like candle_rows including defaults) with (fillfactor = 80)`);
  for (const interval of byMonth) count += await insert(client, table, interval, ends);
  await client.query(`
    alter table ${table} add primary key (instrument_id, price_kind, interval_id, start);
    alter table candle_rows_fine attach partition ${table}
    for values from ('${formatTime(month.from)}') to ('${formatTime(month.to)}');
    commit`);
  return count;
}

/** What a plant does with months that are over. */
async function orderMonths(database: Database, report: (text: string) => void): Promise<void> {
  for (;;) {
    const began = performance.now();
    const table = await orderMonth(database, systemClock.now(), new AbortController().signal);
    if (table === null) return;
    report(`  in order after ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
}

async function insert(
  client: Client,
  table: string,
  interval: Interval,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<number> {
  const length = intervalLength(interval);
  const { rowCount } = await client.query(
    `insert into ${table}
     select
       instrument_id, 0, ${intervalCodes[interval]}, at,
       price, price + 0.07, price - 0.05, price + 0.02, volume, volume * price, 17, 17, 0, 1
     from (select * from instruments order by instrument_id) instruments
     cross join lateral (
       select
         at, 100 + instrument_id + (number % 977) * 0.01 as price, 100 + number % 8191 as volume
       from generate_series(0, ${(to - from) / length - 1}) number
       cross join lateral (select timestamptz '${formatTime(from)}'
         + number * interval '${length / microsPerSecond} seconds' as at) moment
     ) made`,
  );
  return rowCount ?? 0;
}

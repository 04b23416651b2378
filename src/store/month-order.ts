// Puts the candles of months that are over in the order of their key. They were stored as they
// came, all symbols beside each other, so that 500 of one symbol lay on 500 pages; in order they
// lie on nine. The month is written anew beside the old one and takes its place in one transaction,
// so whatever happens there is the one or the other.
// Invariant: nobody waits for it. Readers go on reading the old one; whoever writes to the month,
// or stands behind the swap, ends it within half a second, and it is tried again later.

import type { Client } from 'pg';
import { type Micros, microsPerDay, systemClock } from '../base/clock.ts';
import { connect, type Database, explained, inTransaction } from './database.ts';
import { layoutOf } from './layout.ts';
import { monthOf } from './partitions.ts';

const session = { application: 'orders months', statementSeconds: 4 * 3_600 };
/** What comes late mostly comes by then. */
const closedDays = 2;
/** 8 MB: less is read in a moment, in whatever order. */
const pagesMin = 1_024;
/** Of order on disk with that of instruments: 1 is in order, 0 as it comes from many symbols. */
const correlationMin = 0.9;
const watchMs = 500;

interface Month {
  readonly name: string;
  /** As `attach partition` takes them. */
  readonly bounds: string;
  /** What must hold of each of its rows. */
  readonly rule: string;
  readonly isAnalyzed: boolean;
  readonly correlation: number | null;
}

/**
 * Orders the oldest month that needs it and resolves with its table, or with null when none does or
 * another process is at it. Rejects with Failure `database-unavailable` when it stood in the way of
 * somebody, or the signal came: the month is as it was then, or in order.
 */
export async function orderMonth(
  database: Database,
  now: Micros,
  signal: AbortSignal,
): Promise<string | null> {
  const client = await connect(database, session);
  try {
    if ((await layoutOf(client)) !== 'partitions' || !(await isAlone(client))) return null;
    const month = await nextMonth(client, now);
    if (!month) return null;
    await givingWay(database, client, signal, async () => {
      await order(client, month);
      await client.query(`vacuum (freeze, analyze) ${month.name}`);
    });
    return month.name;
  } catch (error) {
    throw explained(error, database);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** As long as the connection lives. */
async function isAlone(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ isOurs: boolean }>(
    `select pg_try_advisory_lock(hashtext('tapeline.month-order')) as "isOurs"`,
  );
  return rows[0]!.isOurs;
}

/** What the planner knows of a month tells whether it is in order; it may have to look again. */
async function nextMonth(client: Client, now: Micros): Promise<Month | undefined> {
  const months = await closedMonths(client, now);
  const unknown = months.filter(({ isAnalyzed }) => !isAnalyzed);
  for (const { name } of unknown) await client.query(`analyze ${name}`);
  const known = unknown.length > 0 ? await closedMonths(client, now) : months;
  return known.find(({ correlation }) => correlation !== null && correlation < correlationMin);
}

/** A month that has grown or shrunk by a tenth since it was analyzed counts as not analyzed. */
async function closedMonths(client: Client, now: Micros): Promise<Month[]> {
  const { rows } = await client.query<Month>(
    `select
       name, bounds, rule, correlation,
       correlation is not null and abs(pages - relpages) <= pages / 10 as "isAnalyzed"
     from (
       select
         relname as name,
         pg_get_expr(relpartbound, oid) as bounds,
         pg_get_partition_constraintdef(oid) as rule,
         pg_relation_size(oid) / current_setting('block_size')::int as pages,
         relpages
       from pg_inherits join pg_class on oid = inhrelid
       where inhparent = 'candle_rows_fine'::regclass
     ) months
     left join pg_stats
       on schemaname = 'tapeline' and tablename = name and attname = 'instrument_id'
     where pages >= $1 and right(name, 7) < $2
     order by name`,
    [pagesMin, monthOf(now - closedDays * microsPerDay).suffix.slice(1)],
  );
  return rows;
}

const dropOrdered = 'drop table if exists candle_rows_ordered';

/** The new table is committed empty, so that its files are known, and dropped, after a crash. */
async function order(client: Client, month: Month): Promise<void> {
  await client.query(dropOrdered);
  await client.query('create table candle_rows_ordered (like candle_rows including defaults)');
  try {
    await inTransaction(client, async () => await replace(client, month));
  } catch (error) {
    // Else the disk would hold until the next attempt what perhaps has filled it.
    await client.query('rollback').catch(() => undefined);
    await client.query(dropOrdered).catch(() => undefined);
    throw error;
  }
}

async function replace(client: Client, { name, bounds, rule }: Month): Promise<void> {
  // By the index, each row would be a page read somewhere else.
  await client.query(`
    set local enable_indexscan = off;
    set local work_mem = '128MB';
    set local maintenance_work_mem = '128MB';
    lock table ${name} in share mode;
    insert into candle_rows_ordered
    select * from ${name} order by instrument_id, price_kind, interval_id, start;
    alter table candle_rows_ordered
      add primary key (instrument_id, price_kind, interval_id, start),
      add constraint as_before check (${rule})`);
  await client.query(`
    alter table candle_rows_fine detach partition ${name};
    drop table ${name};
    alter table candle_rows_ordered rename to ${name};
    alter index candle_rows_ordered_pkey rename to ${name}_pkey;
    alter table candle_rows_fine attach partition ${name} ${bounds};
    alter table ${name} drop constraint as_before`);
}

/** Cancels the work once somebody waits for it, or the signal comes. */
async function givingWay(
  database: Database,
  client: Client,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const pid = await pidOf(client);
  const watcher = await connect(database, session);
  const over = new AbortController();
  // One that is lost ends nothing: the rest shares its fate, or needs it no more.
  const watching = watch(watcher, pid, signal, over.signal).catch(() => undefined);
  try {
    await work();
  } finally {
    over.abort();
    await watching;
    await watcher.end().catch(() => undefined);
  }
}

async function pidOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}

async function watch(
  watcher: Client,
  pid: number,
  stopped: AbortSignal,
  over: AbortSignal,
): Promise<void> {
  const either = AbortSignal.any([stopped, over]);
  for (;;) {
    await systemClock.wait(watchMs, stopped.aborted ? over : either);
    if (over.aborted) return;
    await watcher.query(
      `select pg_cancel_backend($1) where $2 or exists (
         select from pg_locks where not granted and $1 = any(pg_blocking_pids(pg_locks.pid))
       )`,
      [pid, stopped.aborted],
    );
  }
}

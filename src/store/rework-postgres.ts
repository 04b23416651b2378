// The candles and signals of the store, to be computed anew, in PostgreSQL.

import type { Client } from 'pg';
import { micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { type CandleBatch, encodeCandles, type PriceKind } from '../contracts/candle.ts';
import { type ComparedField, comparedFields } from '../contracts/explanation.ts';
import type { Interval } from '../contracts/interval.ts';
import type { PlacedTrades } from '../contracts/placed-trades.ts';
import { formatTime } from '../contracts/time.ts';
import type { Signal } from '../contracts/wire-objects.ts';
import {
  intervalCodes,
  intervalNames,
  priceKindCodes,
  priceKindNames,
  stateNames,
} from './candle-codes.ts';
import { copyOut } from './copy.ts';
import type { CopyReader } from './copy-binary.ts';
import { connect, type Database, explained, inTransaction } from './database.ts';
import { within } from './export-scope.ts';
import { type SignalRow, selectSignals, signalOf } from './history-postgres.ts';
import type { Rework, ReworkInstrument, ReworkSpan, StoredFigures } from './rework.ts';
import { candleRows } from './sink-candles.ts';
import { storeSignals } from './sink-signals.ts';
import { storedTrades } from './stored-trades.ts';
import type { Ask } from './trade-pages.ts';

const session = { application: 'rebuild', statementSeconds: 600 };
/** Trades of a group in a day, unless one instrument has more: each may open several candles. */
const tradesPerDayMax = 250_000;
const instrumentsMax = 100;
const rowsAtOnce = 4_096;

/** Rejects with Failure 'database-unavailable'. */
export async function openRework(database: Database): Promise<Rework> {
  const reader = await connect(database, session);
  const writer = await connect(database, session).catch(async (error: unknown) => {
    await reader.end();
    throw error;
  });
  return new PostgresRework(database, reader, writer);
}

class PostgresRework implements Rework {
  readonly #database: Database;
  readonly #reader: Client;
  readonly #writer: Client;
  readonly #candles = candleRows();

  /** `reader` streams rows, while `writer` looks up what they refer to. */
  constructor(database: Database, reader: Client, writer: Client) {
    this.#database = database;
    this.#reader = reader;
    this.#writer = writer;
  }

  async close(): Promise<void> {
    await Promise.all([this.#reader.end(), this.#writer.end()]);
  }

  async groups(symbols: readonly string[] | null): Promise<ReworkInstrument[][]> {
    const found = await this.#ask<InstrumentRow>(
      `select
         instrument_id as id, symbol, calendar,
         coalesce(max(day.trades), 0) as most,
         micros(min(day.first)) as first,
         micros(max(day.last)) as last
       from instruments left join (
         select
           instrument_id, sum(trades) as trades, min(first_time) as first, max(last_time) as last
         from trade_hours
         group by instrument_id, date_trunc('day', hour)
       ) day using (instrument_id)
       where $1::text[] is null or symbol = any($1)
       group by instrument_id
       order by symbol collate "C"`,
      [symbols],
    );
    for (const symbol of symbols ?? []) {
      if (found.some((instrument) => instrument.symbol === symbol)) continue;
      const cure = 'Write the symbol as the feed does; leave it out for all.';
      throw new Failure('not-found', `nothing is stored of ${symbol}`, cure);
    }
    const groups: ReworkInstrument[][] = [];
    let trades = Number.POSITIVE_INFINITY;
    for (const { id, symbol, calendar, most, first, last } of found) {
      const instrument = {
        id,
        symbol,
        calendar,
        first: first === null ? null : Number(first),
        last: last === null ? null : Number(last),
      };
      trades += Number(most);
      const group = groups.at(-1);
      if (group && trades <= tradesPerDayMax && group.length < instrumentsMax) {
        group.push(instrument);
      } else {
        groups.push([instrument]);
        trades = Number(most);
      }
    }
    return groups;
  }

  async days(
    group: readonly ReworkInstrument[],
    { from, to }: ReworkSpan,
  ): Promise<readonly number[]> {
    const found = await this.#ask<{ day: string }>(
      `select micros(day) as day from (
         select date_trunc('day', hour) as day from trade_hours
         where instrument_id = any($1) and last_time >= $4 and first_time < $5
         union
         select date_trunc('day', start) from candle_rows
         where instrument_id = any($1) and price_kind = any($2) and interval_id = any($3)
           and start >= $4 and start < $5
       ) days
       order by day`,
      [
        idsOf(group),
        Object.values(priceKindCodes),
        [intervalCodes['1h'], intervalCodes['1d']],
        formatTime(from),
        formatTime(to),
      ],
    );
    return found.map(({ day }) => Number(day));
  }

  async *trades(
    group: readonly ReworkInstrument[],
    { from, to }: ReworkSpan,
  ): AsyncGenerator<PlacedTrades> {
    const scope = { from: micros(from), to: micros(to), instruments: group, isAll: false };
    try {
      yield* storedTrades(this.#reader, this.#ask, scope);
    } catch (error) {
      throw explained(error, this.#database);
    }
  }

  async *candles(
    group: readonly ReworkInstrument[],
    { from, to }: ReworkSpan,
    prices: readonly PriceKind[],
    intervals: readonly Interval[],
  ): AsyncGenerator<readonly StoredFigures[]> {
    const codes = intervals.map((interval) => intervalCodes[interval]);
    const [days, shorter] = [codes.filter(isDay), codes.filter((code) => !isDay(code))];
    const select = (wanted: readonly number[], since: number): string => `
      select
        instrument_id, price_kind::int, interval_id::int, start, revision, state::int,
        ${comparedFields.map(decimalOf).join(', ')}
      from candle_rows
      where instrument_id in (${idsOf(group).join(', ')})
        and price_kind in (${prices.map((price) => priceKindCodes[price]).join(', ')})
        and interval_id in (${wanted.join(', ')})
        and ${within('start', { from: since, to })}`;
    const query = [
      ...(shorter.length > 0 ? [select(shorter, from)] : []),
      ...(days.length > 0 ? [select(days, from - threeDays)] : []),
    ].join(' union all ');
    const rows: StoredFigures[] = [];
    const take = (reader: CopyReader, row: number): void => {
      rows[row] = readFigures(reader);
    };
    try {
      for await (const count of copyOut(this.#reader, query, rowsAtOnce, take)) {
        yield rows.slice(0, count);
      }
    } catch (error) {
      throw explained(error, this.#database);
    }
  }

  async countQuoteCandles(
    group: readonly ReworkInstrument[],
    { from, to }: ReworkSpan,
  ): Promise<number> {
    const [found] = await this.#ask<{ count: string }>(
      `select count(*) from candle_rows
       where instrument_id = any($1) and price_kind <> $2 and start >= $3 and start < $4`,
      [idsOf(group), priceKindCodes.trade, formatTime(from), formatTime(to)],
    );
    return Number(found?.count);
  }

  async signals(
    group: readonly ReworkInstrument[],
    { from, to }: ReworkSpan,
  ): Promise<readonly Signal[]> {
    const rows = await this.#ask<SignalRow>(
      `${selectSignals}
       where symbol = any($1) and signals.start >= $2 and signals.start < $3
       order by symbol, signals.start, id`,
      [group.map(({ symbol }) => symbol), formatTime(from), formatTime(to)],
    );
    return rows.map(signalOf);
  }

  async replace(candles: CandleBatch | null, signals: readonly Signal[]): Promise<void> {
    const count = candles?.count ?? 0;
    const batches = candles ? [{ offset: 0, count, bytes: encodeCandles(candles) }] : [];
    try {
      const store = await this.#candles.prepare(this.#writer, batches);
      await inTransaction(this.#writer, async () => {
        await store({ from: 0, to: count });
        await storeSignals(this.#writer, signals);
      });
    } catch (error) {
      throw explained(error, this.#database);
    }
  }

  readonly #ask: Ask = async <Row extends object>(sql: string, values: readonly unknown[]) => {
    try {
      return (await this.#writer.query<Row>(sql, [...values])).rows;
    } catch (error) {
      throw explained(error, this.#database);
    }
  };
}

/** bigint comes as text. */
interface InstrumentRow {
  readonly id: number;
  readonly symbol: string;
  readonly calendar: string;
  /** Trades of its busiest day. */
  readonly most: string;
  readonly first: string | null;
  readonly last: string | null;
}

const threeDays = 3 * 86_400_000_000;

function isDay(code: number): boolean {
  return code === intervalCodes['1d'];
}

function idsOf(group: readonly ReworkInstrument[]): number[] {
  return group.map(({ id }) => id);
}

/** As our own figures are written: without zeros at the end. */
function decimalOf(field: ComparedField): string {
  return field === 'trades' || field === 'priced' ? `${field}::text` : `trim_scale(${field})::text`;
}

function readFigures(reader: CopyReader): StoredFigures {
  const instrumentId = reader.int4();
  const price = priceKindNames[reader.int4()];
  const interval = intervalNames[reader.int4()];
  const start = reader.time();
  const revision = reader.int4();
  const state = stateNames[reader.int4()];
  const figures = Object.fromEntries(
    comparedFields.map((field) => [field, reader.isNil() ? null : reader.text()]),
  );
  return {
    instrumentId,
    price,
    interval,
    start,
    revision,
    state,
    figures: figures as StoredFigures['figures'],
  };
}

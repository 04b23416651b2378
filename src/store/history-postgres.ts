// What the store answers, from PostgreSQL. Every answer is bounded in rows and in time, and so is
// the queue before the few connections. Candles are read by key, trades as trade-pages.ts says.

import { Pool } from 'pg';
import { micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { CorporateAction } from '../contracts/corporate-action.ts';
import type { DeadLetter } from '../contracts/dead-letter.ts';
import type { PlacedTrades } from '../contracts/placed-trades.ts';
import { formatTime } from '../contracts/time.ts';
import type { Candle, Instrument, Mark, Signal } from '../contracts/wire-objects.ts';
import { intervalCodes, priceKindCodes } from './candle-codes.ts';
import {
  type CandleRow,
  candleOf,
  candleParameters,
  type NewestCandleRow,
  newestCandles,
  selectCandles,
  selectNewestCandles,
} from './candle-query.ts';
import { type ActionRow, actionOf, selectActions } from './corporate-actions.ts';
import { clientConfig, type Database, explained, sessionSetup } from './database.ts';
import { scopeOf } from './export-scope.ts';
import type { CandleQuery, History, Holdings, SignalQuery, Span, TradePage } from './history.ts';
import { storedTrades } from './stored-trades.ts';
import { readTradePage, type TradePageQuery } from './trade-pages.ts';

/** Rows of one answer. */
export const historyRowsMax = 100_000;

const connectionsMax = 4;
/** Questions that wait for a connection. */
const waitingMax = 256;
/** Trades streamed at once; the streams need the other connections to look things up. */
const streamsMax = 2;
const session = { application: 'history', statementSeconds: 10 };

/** Connects when it is first asked. */
export function openHistory(options: { readonly database: Database }): PostgresHistory {
  return new PostgresHistory(options.database);
}

/** Rejects with Failure 'database-unavailable', or 'limit-exceeded' when too much is asked. */
export class PostgresHistory implements History {
  readonly #database: Database;
  readonly #pool: Pool;
  readonly #instrumentIds = new Map<string, number>();
  #streams = 0;

  constructor(database: Database) {
    this.#database = database;
    this.#pool = new Pool({
      ...clientConfig(database, session),
      max: connectionsMax,
      verify: (client, done) => client.query(sessionSetup(session), (error) => done(error)),
    });
    // An idle connection that breaks is replaced; a busy one tells whoever asked.
    this.#pool.on('error', () => undefined);
  }

  async close(): Promise<void> {
    if (!this.#pool.ending) await this.#pool.end();
  }

  async instruments(): Promise<readonly Instrument[]> {
    return await this.#ask<Instrument>(
      `select
         symbol, name, exchange, currency,
         asset_class as "assetClass",
         trim_scale(price_increment)::text as "priceIncrement",
         trim_scale(size_increment)::text as "sizeIncrement",
         calendar,
         coalesce(source, '') as source
       from instruments
       order by symbol collate "C"
       limit $1`,
      [historyRowsMax],
    );
  }

  /** A page may be a little longer than `limit`; see `readTradePage`. */
  async trades(symbol: string, query: TradePageQuery): Promise<TradePage> {
    requireLimit(query.limit);
    const id = await this.#instrumentId(symbol);
    if (id === null) return { trades: [], next: null };
    return await readTradePage(this.#ask, id, query);
  }

  async *placedTrades(symbol: string, span: Span): AsyncGenerator<PlacedTrades> {
    if (this.#streams >= streamsMax) {
      const what = `${streamsMax} readers of all trades of a span are at it already`;
      throw new Failure('limit-exceeded', what, 'Ask again in a moment.');
    }
    this.#streams++;
    try {
      const client = await this.#pool.connect();
      let isWhole = false;
      try {
        await client.query('begin isolation level repeatable read read only');
        yield* storedTrades(client, this.#ask, await scopeOf(client, span, [symbol]));
        await client.query('commit');
        isWhole = true;
      } finally {
        client.release(!isWhole);
      }
    } catch (error) {
      throw explained(error, this.#database);
    } finally {
      this.#streams--;
    }
  }

  async candles(symbol: string, query: CandleQuery): Promise<readonly Candle[]> {
    requireLimit(query.limit);
    const id = await this.#instrumentId(symbol);
    if (id === null) return [];
    const values = candleParameters(id, query);
    const rows = await this.#ask<NewestCandleRow>(selectNewestCandles, values);
    return newestCandles(symbol, query, rows);
  }

  async actions(symbol: string): Promise<readonly CorporateAction[]> {
    return (await this.#ask<ActionRow>(selectActions, [symbol])).map(actionOf);
  }

  async silences(
    symbol: string,
    { interval, price, from, to }: Omit<CandleQuery, 'limit'>,
  ): Promise<readonly Mark[]> {
    const id = await this.#instrumentId(symbol);
    if (id === null) return [];
    const rows = await this.#ask<SilenceRow>(
      `select micros(start) as start, micros("end") as "end", state
       from silences
       where instrument_id = $1 and price_kind = $2 and interval_id = $3
         and start > $4::timestamptz - interval '32 days' and "end" > $4 and start < $5
       order by start
       limit $6`,
      [
        id,
        priceKindCodes[price],
        intervalCodes[interval],
        from === undefined ? '-infinity' : formatTime(from),
        to === undefined ? 'infinity' : formatTime(to),
        historyRowsMax + 1,
      ],
    );
    if (rows.length > 0) requireLimit(rows.length);
    return rows.map(({ start, end, state }) => {
      const span = { start: formatTime(Number(start)), end: formatTime(Number(end)) };
      return { symbol, price, interval, ...span, state };
    });
  }

  async lastDays(): Promise<readonly Candle[]> {
    const rows = await this.#ask<CandleRow>(
      `with chosen as (
         select newest.* from instruments cross join lateral (
           select * from candle_rows
           where candle_rows.instrument_id = instruments.instrument_id
             and price_kind = $1 and interval_id = $2
           order by start desc
           limit 2
         ) newest
         limit $3
       )
       ${selectCandles}
       order by symbol collate "C", start`,
      [priceKindCodes.trade, intervalCodes['1d'], historyRowsMax],
    );
    return rows.map(candleOf);
  }

  async signals(query: SignalQuery): Promise<readonly Signal[]> {
    const { symbol, severity, from, to, before, limit } = query;
    requireLimit(limit);
    const rows = await this.#ask<SignalRow>(
      `${selectSignals}
       where ($1::text is null or symbol = $1) and ($2::text is null or severity = $2)
         and signals.time >= $3 and signals.time < $4 and signals.time <= $5
         and (signals.time < $5 or id collate "C" > $6)
       order by signals.time desc, id collate "C"
       limit $7`,
      [
        symbol ?? null,
        severity ?? null,
        from === undefined ? '-infinity' : formatTime(from),
        to === undefined ? 'infinity' : formatTime(to),
        before ? formatTime(before.time) : 'infinity',
        before?.id ?? '',
        limit,
      ],
    );
    return rows.map(signalOf);
  }

  async signal(id: string): Promise<Signal | null> {
    const [row] = await this.#ask<SignalRow>(`${selectSignals} where id = $1`, [id]);
    return row ? signalOf(row) : null;
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    requireLimit(limit);
    const rows = await this.#ask<DeadLetterRow>(
      `select
         id, source, micros(receive_time) as "receiveTime", "where", reason, detail, raw,
         raw_length as "rawLength"
       from dead_letters
       order by receive_time desc
       limit $1`,
      [limit],
    );
    return rows.map(({ raw, ...row }) => ({
      ...row,
      receiveTime: Number(row.receiveTime),
      raw: raw.toString('base64'),
      rawLength: Number(row.rawLength),
    }));
  }

  async holdings(): Promise<Holdings> {
    const symbols = await this.#ask<HoldingRow>(
      `select
         symbol,
         coalesce(sum(trades), 0) as trades,
         micros(min(first_time)) as "from",
         micros(max(last_time)) as "to"
       from instruments left join trade_hours using (instrument_id)
       group by symbol
       order by symbol collate "C"
       limit $1`,
      [historyRowsMax],
    );
    const letters = await this.#ask<{ count: string }>('select count(*) from dead_letters', []);
    return {
      symbols: symbols.map(({ symbol, trades, from, to }) => ({
        symbol,
        trades: Number(trades),
        from: from === null ? null : micros(Number(from)),
        to: to === null ? null : micros(Number(to)),
      })),
      deadLetterCount: Number(letters[0]?.count),
    };
  }

  async bytes(): Promise<number> {
    const [row] = await this.#ask<{ bytes: string }>(
      'select pg_database_size(current_database()) as bytes',
      [],
    );
    return Number(row?.bytes);
  }

  async #instrumentId(symbol: string): Promise<number | null> {
    const known = this.#instrumentIds.get(symbol);
    if (known !== undefined) return known;
    const [found] = await this.#ask<{ id: number }>(
      'select instrument_id as id from instruments where symbol = $1',
      [symbol],
    );
    if (found) this.#instrumentIds.set(symbol, found.id);
    return found?.id ?? null;
  }

  readonly #ask = async <Row extends object>(
    sql: string,
    values: readonly unknown[],
  ): Promise<Row[]> => {
    if (this.#pool.waitingCount >= waitingMax) {
      const what = `${waitingMax} questions to the database are waiting already`;
      throw new Failure('limit-exceeded', what, 'Ask again in a moment, and for less.');
    }
    try {
      const { rows } = await this.#pool.query<Row>(sql, [...values]);
      return rows;
    } catch (error) {
      throw explained(error, this.#database);
    }
  };
}

export const selectSignals = `
  select
    id, kind, symbol, micros(time) as time, micros(start) as start, severity, state, revision,
    text, "values"
  from signals`;

export type SignalRow = Omit<Signal, 'time' | 'start'> & {
  readonly time: string;
  readonly start: string;
};

export function signalOf(row: SignalRow): Signal {
  return {
    ...row,
    time: formatTime(Number(row.time)),
    start: formatTime(Number(row.start)),
  };
}

interface SilenceRow extends Pick<Mark, 'state'> {
  readonly start: string;
  readonly end: string;
}

interface DeadLetterRow extends Omit<DeadLetter, 'receiveTime' | 'raw' | 'rawLength'> {
  readonly receiveTime: string;
  readonly raw: Buffer;
  readonly rawLength: string;
}

interface HoldingRow {
  readonly symbol: string;
  readonly trades: string;
  readonly from: string | null;
  readonly to: string | null;
}

function requireLimit(limit: number): void {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= historyRowsMax) return;
  const what = `a limit of ${limit} rows is not between 1 and ${historyRowsMax}`;
  throw new Failure('limit-exceeded', what, 'Ask for fewer, page by page.');
}

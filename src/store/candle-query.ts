// How candles are asked for: the newest of one instrument in a span, in the words of the contract.

import { formatTime } from '../contracts/time.ts';
import type { Candle } from '../contracts/wire-objects.ts';
import { intervalCodes, priceKindCodes, stateNames } from './candle-codes.ts';
import type { CandleQuery } from './history.ts';

/** The rows of `chosen`, with the names of the contract. */
export const selectCandles = `
  select
    symbol,
    price_kinds.name as price,
    candle_intervals.name as interval,
    micros(start) as start,
    open::text, high::text, low::text, close::text, volume::text, notional::text,
    vwap(notional, volume)::text as vwap,
    trades, priced, revision,
    candle_states.name as state
  from chosen
  join instruments using (instrument_id)
  join price_kinds using (price_kind)
  join candle_intervals using (interval_id)
  join candle_states using (state)`;

/**
 * `candleParameters` are its parameters. Newest first; as all is asked of one series, no table
 * needs to be joined, which would take longer to plan than the rows to read.
 */
export const selectNewestCandles = `
  select
    micros(start) as start,
    open::text, high::text, low::text, close::text, volume::text, notional::text,
    vwap(notional, volume)::text as vwap,
    trades, priced, revision, state
  from candle_rows
  where instrument_id = $1 and price_kind = $2 and interval_id = $3
    and start >= $4 and start < $5
  order by candle_rows.start desc
  limit $6`;

export function candleParameters(
  instrumentId: number,
  { price, interval, from, to, limit }: CandleQuery,
): unknown[] {
  return [
    instrumentId,
    priceKindCodes[price],
    intervalCodes[interval],
    from === undefined || from === -Infinity ? '-infinity' : formatTime(from),
    to === undefined || to === Infinity ? 'infinity' : formatTime(to),
    limit,
  ];
}

/** bigint comes as text. */
export type CandleRow = Omit<Candle, 'start'> & { readonly start: string };

export function candleOf(row: CandleRow): Candle {
  return { ...row, start: formatTime(Number(row.start)) };
}

/** Of `selectNewestCandles`. */
export type NewestCandleRow = Omit<CandleRow, 'symbol' | 'price' | 'interval' | 'state'> & {
  readonly state: number;
};

/** Ascending. */
export function newestCandles(
  symbol: string,
  { price, interval }: Pick<CandleQuery, 'price' | 'interval'>,
  rows: readonly NewestCandleRow[],
): Candle[] {
  return rows
    .map((row) => {
      const state = stateNames[row.state];
      return { ...row, symbol, price, interval, start: formatTime(Number(row.start)), state };
    })
    .reverse();
}

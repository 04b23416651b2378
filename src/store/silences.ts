// Which intervals have no candle, and why: the marks of the log that say so, as rows. An interval
// that traded needs none, for it has its candle.

import type { Client } from 'pg';
import { priceKinds } from '../contracts/candle.ts';
import { intervals } from '../contracts/interval.ts';
import { type MarkBatch, markStates } from '../contracts/mark.ts';
import { formatTime } from '../contracts/time.ts';
import { intervalCodes, priceKindCodes } from './candle-codes.ts';
import { type Offsets, rowsWithin } from './sink-postgres.ts';

export interface MarkPart {
  readonly offset: number;
  readonly count: number;
  readonly batch: MarkBatch;
}

const traded = markStates.indexOf('traded');

/** Stores the silences within the offsets, in the order of the key; a repeat changes nothing. */
export async function storeSilences(
  client: Client,
  parts: readonly MarkPart[],
  offsets: Offsets,
  idOf: (symbol: string) => number,
): Promise<void> {
  const rows = parts.flatMap((part) => [...silencesOf(part, offsets, idOf)]);
  if (rows.length === 0) return;
  const newest = new Map(
    rows.map((row) => [[row.id, row.price, row.length, row.start].join(), row]),
  );
  await client.query(
    `insert into silences (instrument_id, price_kind, interval_id, start, "end", state)
     select id, price, length, start, "end", state
     from jsonb_to_recordset($1) as silence (
       id int, price smallint, length smallint, start timestamptz, "end" timestamptz, state text
     )
     order by id, price, length, start
     on conflict (instrument_id, price_kind, interval_id, start) do update set
       "end" = excluded."end",
       state = excluded.state`,
    [JSON.stringify([...newest.values()])],
  );
}

function* silencesOf(part: MarkPart, offsets: Offsets, idOf: (symbol: string) => number) {
  const { symbols, symbol, price, interval, state, start, end } = part.batch;
  const rows = rowsWithin(part, offsets);
  for (let row = rows.first; row < rows.end; row++) {
    if (state[row] === traded) continue;
    yield {
      id: idOf(symbols[symbol[row]]),
      price: priceKindCodes[priceKinds[price[row]]],
      length: intervalCodes[intervals[interval[row]]],
      start: formatTime(start[row]),
      end: formatTime(end[row]),
      state: markStates[state[row]],
    };
  }
}

// Which part of the store an export reads: the instruments, with the ids that rows know them by,
// and the span. COPY takes no parameters, so this is also where values are written into its SQL.

import type { ClientBase } from 'pg';
import { Failure } from '../base/failure.ts';
import { formatTime } from '../contracts/time.ts';
import type { Span } from './history.ts';

export interface ExportScope extends Span {
  /** In the order of their symbols. */
  readonly instruments: readonly ScopedInstrument[];
  /** Whether these are all there are. */
  readonly isAll: boolean;
}

export interface ScopedInstrument {
  readonly id: number;
  readonly symbol: string;
  readonly calendar: string;
}

/** All without `symbols`. Rejects with Failure 'not-found' when nothing is known of them. */
export async function scopeOf(
  client: ClientBase,
  { from, to }: Span,
  symbols: readonly string[] | undefined,
): Promise<ExportScope> {
  const { rows } = await client.query<ScopedInstrument>(
    `select instrument_id as id, symbol, calendar from instruments
     where $1::text[] is null or symbol = any($1)
     order by symbol collate "C"`,
    [symbols ?? null],
  );
  if (symbols !== undefined && rows.length === 0) {
    const what = `nothing is stored of ${symbols.join(' or ')}`;
    throw new Failure(
      'not-found',
      what,
      'Write the symbol as the feed does; leave it out for all.',
    );
  }
  return {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    instruments: rows,
    isAll: symbols === undefined,
  };
}

/** The SQL condition that a row is of the instruments. */
export function ofInstruments({ instruments, isAll }: ExportScope): string {
  if (isAll) return 'true';
  return `instrument_id in (${instruments.map(({ id }) => id).join(', ')})`;
}

/** The SQL condition that a column of times lies in the span. */
export function within(
  column: string,
  { from, to }: { readonly from?: number | undefined; readonly to?: number | undefined },
): string {
  const conditions = [
    ...(from === undefined ? [] : [`${column} >= '${formatTime(from)}'`]),
    ...(to === undefined ? [] : [`${column} < '${formatTime(to)}'`]),
  ];
  return conditions.join(' and ') || 'true';
}

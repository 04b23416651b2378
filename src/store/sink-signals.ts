// Stores the newest version of every signal.

import type { Client } from 'pg';
import type { Signal } from '../contracts/wire-objects.ts';
import type { Sink } from './sink.ts';
import type { SinkOptions } from './sink-postgres.ts';
import { openRecordsSink } from './sink-records.ts';

export function openSignalsSink(options: SinkOptions): Sink {
  return openRecordsSink('market.signals', storeSignals, options);
}

export async function storeSignals(client: Client, signals: readonly Signal[]): Promise<void> {
  const newest = new Map(signals.map((signal) => [signal.id, signal]));
  await client.query(
    `insert into signals (
       id, kind, symbol, time, start, severity, state, revision, text, "values"
     )
     select id, kind, symbol, time, start, severity, state, revision, text, "values"
     from jsonb_to_recordset($1) as signal (
       id text, kind text, symbol text, time timestamptz, start timestamptz, severity text,
       state text, revision int, text text, "values" jsonb
     )
     order by id
     on conflict (id) do update set
       time     = excluded.time,
       severity = excluded.severity,
       state    = excluded.state,
       revision = excluded.revision,
       text     = excluded.text,
       "values" = excluded."values"`,
    [JSON.stringify([...newest.values()])],
  );
}

// Stores what feeds say of instruments. The first source that defines a symbol owns its definition:
// it may refine it, others are not heard. A symbol that trades brought in before has no source yet.

import type { Client } from 'pg';
import type { Instrument } from '../contracts/wire-objects.ts';
import { storable } from './copy-binary.ts';
import type { Sink } from './sink.ts';
import type { SinkOptions } from './sink-postgres.ts';
import { openRecordsSink } from './sink-records.ts';

export function openInstrumentsSink(options: SinkOptions): Sink {
  return openRecordsSink('instruments', defineAll, options);
}

/** One at a time, in log order: they are rare, and each depends on who was there before. */
async function defineAll(client: Client, instruments: readonly Instrument[]): Promise<void> {
  for (const instrument of instruments) await define(client, instrument);
}

async function define(client: Client, instrument: Instrument): Promise<void> {
  await client.query(
    `insert into instruments (
       symbol, name, exchange, currency, asset_class, price_increment, size_increment,
       calendar, source
     )
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (symbol) do update set
       name            = excluded.name,
       exchange        = excluded.exchange,
       currency        = excluded.currency,
       asset_class     = excluded.asset_class,
       price_increment = excluded.price_increment,
       size_increment  = excluded.size_increment,
       calendar        = excluded.calendar,
       source          = excluded.source
     where instruments.source is null or instruments.source = excluded.source`,
    [
      instrument.symbol,
      storable(instrument.name),
      storable(instrument.exchange),
      storable(instrument.currency),
      instrument.assetClass,
      instrument.priceIncrement,
      instrument.sizeIncrement,
      storable(instrument.calendar),
      storable(instrument.source),
    ],
  );
}

// Stores what feeds say of instruments. The first source that defines a symbol owns its definition:
// it may refine it, others are not heard. A symbol that trades brought in before has no source yet.

import type { Client } from 'pg';
import { decodeJson, frameKind } from '../contracts/frame.ts';
import type { Instrument } from '../contracts/wire-objects.ts';
import { storable } from './copy-binary.ts';
import type { Sink, SinkBatch } from './sink.ts';
import {
  type Offsets,
  PostgresSink,
  rowsWithin,
  type SinkOptions,
  type TopicRows,
} from './sink-postgres.ts';

export function openInstrumentsSink(options: SinkOptions): Sink {
  return new PostgresSink(new InstrumentRows(), options);
}

class InstrumentRows implements TopicRows {
  readonly topic = 'instruments';

  async prepare(client: Client, batches: readonly SinkBatch[]) {
    const parts = batches
      .filter(({ bytes }) => frameKind(bytes) === 'json')
      .map(({ offset, count, bytes }) => ({
        offset,
        count,
        records: decodeJson<Instrument>(bytes),
      }));
    return async (offsets: Offsets): Promise<void> => {
      const wanted = parts.flatMap((part) => {
        const { first, end } = rowsWithin(part, offsets);
        return part.records.slice(first, Math.max(first, end));
      });
      // One at a time, in log order: they are rare, and each depends on who was there before.
      for (const instrument of wanted) await define(client, instrument);
    };
  }

  forget(): void {}
}

async function define(client: Client, instrument: Instrument): Promise<void> {
  await client.query(
    `insert into instruments (
       symbol, name, exchange, currency, asset_class, price_increment, size_increment, source
     )
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (symbol) do update set
       name            = excluded.name,
       exchange        = excluded.exchange,
       currency        = excluded.currency,
       asset_class     = excluded.asset_class,
       price_increment = excluded.price_increment,
       size_increment  = excluded.size_increment,
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
      storable(instrument.source),
    ],
  );
}

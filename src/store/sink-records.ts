// What sinks of rare records share: their topics hold JSON, and a write stores those records that
// lie within its offsets, in log order.

import type { Client } from 'pg';
import { decodeJson, frameKind } from '../contracts/frame.ts';
import type { Sink, SinkBatch } from './sink.ts';
import {
  type Offsets,
  PostgresSink,
  rowsWithin,
  type SinkOptions,
  type TopicRows,
} from './sink-postgres.ts';

/** `store` is called within the transaction of the write, with at least one record. */
export function openRecordsSink<Record>(
  topic: string,
  store: (client: Client, records: readonly Record[]) => Promise<void>,
  options: SinkOptions,
): Sink {
  return new PostgresSink(new RecordRows(topic, store), options);
}

class RecordRows<Record> implements TopicRows {
  readonly topic: string;
  readonly #store: (client: Client, records: readonly Record[]) => Promise<void>;

  constructor(topic: string, store: (client: Client, records: readonly Record[]) => Promise<void>) {
    this.topic = topic;
    this.#store = store;
  }

  async prepare(client: Client, batches: readonly SinkBatch[]) {
    const parts = batches
      .filter(({ bytes }) => frameKind(bytes) === 'json')
      .map(({ offset, count, bytes }) => ({ offset, count, records: decodeJson<Record>(bytes) }));
    return async (offsets: Offsets): Promise<void> => {
      const wanted = parts.flatMap((part) => {
        const { first, end } = rowsWithin(part, offsets);
        return part.records.slice(first, Math.max(first, end));
      });
      if (wanted.length > 0) await this.#store(client, wanted);
    };
  }

  forget(): void {}
}

// Stores what could not be taken in, every field of it, for good.

import type { Client } from 'pg';
import type { DeadLetter } from '../contracts/dead-letter.ts';
import { decodeJson, frameKind } from '../contracts/frame.ts';
import { copyIn } from './copy.ts';
import { CopyWriter, storable } from './copy-binary.ts';
import type { Sink, SinkBatch } from './sink.ts';
import {
  type Offsets,
  PostgresSink,
  rowsWithin,
  type SinkOptions,
  type TopicRows,
} from './sink-postgres.ts';

export function openDeadLettersSink(options: SinkOptions): Sink {
  return new PostgresSink(new DeadLetterRows(), options);
}

class DeadLetterRows implements TopicRows {
  readonly topic = 'dead-letter';

  async prepare(client: Client, batches: readonly SinkBatch[]) {
    const parts = batches
      .filter(({ bytes }) => frameKind(bytes) === 'json')
      .map(({ offset, count, bytes }) => ({
        offset,
        count,
        records: decodeJson<DeadLetter>(bytes),
      }));
    return async (offsets: Offsets): Promise<void> => {
      const wanted = parts.flatMap((part) => {
        const { first, end } = rowsWithin(part, offsets);
        return part.records.slice(first, Math.max(first, end));
      });
      if (wanted.length > 0) await copyIn(client, 'dead_letters', rowsOf(wanted));
    };
  }

  forget(): void {}
}

function* rowsOf(letters: readonly DeadLetter[]): Generator<Uint8Array> {
  const writer = new CopyWriter();
  for (const letter of letters) {
    writer.row(7);
    writer.time(letter.receiveTime);
    writer.text(storable(letter.source));
    writer.text(storable(letter.where));
    writer.text(storable(letter.reason));
    writer.text(storable(letter.detail));
    writer.bytes(Buffer.from(letter.raw, 'base64'));
    writer.int8(letter.rawLength);
    if (writer.isFull) yield writer.take();
  }
  yield writer.end();
}

// Stores what could not be taken in, every field of it, for good.

import type { Client } from 'pg';
import type { DeadLetter } from '../contracts/dead-letter.ts';
import { copyIn } from './copy.ts';
import { CopyWriter, storable } from './copy-binary.ts';
import type { Sink } from './sink.ts';
import type { SinkOptions } from './sink-postgres.ts';
import { openRecordsSink } from './sink-records.ts';

export function openDeadLettersSink(options: SinkOptions): Sink {
  return openRecordsSink('dead-letter', storeLetters, options);
}

async function storeLetters(client: Client, letters: readonly DeadLetter[]): Promise<void> {
  await copyIn(client, 'dead_letters', rowsOf(letters));
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

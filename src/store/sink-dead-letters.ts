// Stores what could not be taken in, every field of it, for good. What has an id is stored once.

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
  await client.query(`
    create temporary table if not exists dead_letter_stage (like dead_letters)
    on commit delete rows`);
  await copyIn(client, 'dead_letter_stage', rowsOf(letters));
  await client.query(`
    insert into dead_letters
    select * from dead_letter_stage
    order by id
    on conflict (id) do nothing`);
}

function* rowsOf(letters: readonly DeadLetter[]): Generator<Uint8Array> {
  const writer = new CopyWriter();
  for (const letter of letters) {
    writer.row(8);
    writer.time(letter.receiveTime);
    writer.text(storable(letter.source));
    writer.text(storable(letter.where));
    writer.text(storable(letter.reason));
    writer.text(storable(letter.detail));
    writer.bytes(Buffer.from(letter.raw, 'base64'));
    writer.int8(letter.rawLength);
    if (letter.id) writer.text(letter.id);
    else writer.nil();
    if (writer.isFull) yield writer.take();
  }
  yield writer.end();
}

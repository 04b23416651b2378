// The thread that the store's writers run in: PostgreSQL takes rows as fast as they come only when
// the socket is never left waiting for the engine.

import { workerData } from 'node:worker_threads';
import type { Sink, SinkBatch } from '../store/sink.ts';
import { openCandlesSink } from '../store/sink-candles.ts';
import { openDeadLettersSink } from '../store/sink-dead-letters.ts';
import { openInstrumentsSink } from '../store/sink-instruments.ts';
import { openTradesSink } from '../store/sink-trades.ts';
import { answer } from './remote.ts';
import type { DatabaseConnection } from './wire.ts';

export interface SinkThreadData {
  readonly database: DatabaseConnection;
  readonly epoch: string;
}

export type SinkQuestion =
  | { readonly ask: 'topics' }
  | { readonly ask: 'position'; readonly topic: string }
  | {
      readonly ask: 'write';
      readonly topic: string;
      readonly batches: readonly SinkBatch[];
      readonly next: number;
    }
  | { readonly ask: 'close'; readonly topic: string };

const { database, epoch } = workerData as SinkThreadData;
const options = { database, epoch, partition: 0 };
const sinks = new Map(
  [
    openInstrumentsSink(options),
    openTradesSink(options),
    openCandlesSink(options),
    openDeadLettersSink(options),
  ].map((sink) => [sink.topic, sink]),
);

answer(async (question: SinkQuestion): Promise<unknown> => {
  if (question.ask === 'topics') return [...sinks.keys()];
  const sink = sinks.get(question.topic) as Sink;
  switch (question.ask) {
    case 'position':
      return await sink.position();
    case 'write':
      return await sink.write(question.batches, question.next);
    case 'close':
      return await sink.close();
  }
});

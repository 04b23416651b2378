// A batch as a Kafka message, and what of a fetch is committed. The log's offsets count records,
// Kafka's count messages and the marks of transactions, so each message says its own in headers:
// of its first record, how many there are, and the bytes of the topic before it.

import type { fetchV17 } from '@platformatic/kafka';
import type { Append, StoredBatch } from '../log.ts';

export interface KafkaMessage {
  /** Kafka's own. */
  readonly offset: number;
  /** When it was appended, milliseconds. */
  readonly timeMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
}

/** A batch with its place in Kafka. */
export interface PlacedBatch extends StoredBatch {
  readonly kafkaOffset: number;
  readonly timeMs: number;
  /** Of all batches of the topic before it, ever. */
  readonly bytesBefore: number;
}

const headerNames = ['offset', 'count', 'bytes-before'] as const;

export function headersOf(
  { count }: Append,
  offset: number,
  bytesBefore: number,
): Map<Buffer, Buffer> {
  const numbers = [offset, count, bytesBefore];
  return new Map(
    headerNames.map((name, index) => [Buffer.from(name), Buffer.from(String(numbers[index]))]),
  );
}

/** The batch of a message that we wrote; its bytes are a copy, aligned for columns. */
export function batchOf(message: KafkaMessage): PlacedBatch {
  const [offset, count, bytesBefore] = headerNames.map((name) => {
    const found = message.headers.find(([key]) => key?.toString() === name);
    if (!found?.[1]) throw new TypeError(`message ${message.offset} has no header ${name}`);
    return Number(found[1].toString());
  }) as [number, number, number];
  const bytes = Uint8Array.from(message.value ?? []);
  const { offset: kafkaOffset, timeMs } = message;
  return { offset, count, bytes, bytesBefore, kafkaOffset, timeMs };
}

type FetchResponse = Awaited<ReturnType<typeof fetchV17.api.async>>;
type FetchedPartition = FetchResponse['responses'][number]['partitions'][number];
type RecordsBatch = NonNullable<FetchedPartition['records']>[number];

const isTransactional = 1 << 4;
const isControl = 1 << 5;

/** Where fetching goes on after a batch of Kafka's. */
export function endOf({ firstOffset, lastOffsetDelta }: RecordsBatch): number {
  return Number(firstOffset) + lastOffsetDelta + 1;
}

/**
 * The messages of committed transactions, in order. The servers send all up to the first that is
 * not decided, and list those that were aborted: each from an offset to the producer's next mark.
 */
export function* committed({
  records,
  abortedTransactions,
}: FetchedPartition): Generator<KafkaMessage> {
  const aborted = [...(abortedTransactions ?? [])].sort((a, b) =>
    Number(a.firstOffset - b.firstOffset),
  );
  const aborting = new Set<bigint>();
  for (const batch of records ?? []) {
    const { attributes, producerId, firstOffset, firstTimestamp } = batch;
    while (aborted[0] && Number(aborted[0].firstOffset) < endOf(batch)) {
      aborting.add(aborted.shift()!.producerId);
    }
    if (attributes & isControl) {
      aborting.delete(producerId);
      continue;
    }
    if (attributes & isTransactional && aborting.has(producerId)) continue;
    for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
      yield {
        offset: Number(firstOffset) + offsetDelta,
        timeMs: Number(firstTimestamp + timestampDelta),
        key,
        value,
        headers,
      };
    }
  }
}

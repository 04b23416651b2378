// What all sinks to PostgreSQL share: one connection, found again when it was lost, and the one
// transaction that holds a write's rows and its position. The position's row is locked first, so
// that of two writers of the same log the second sees what the first has stored, and passes it
// over.

import { strict as assert } from 'node:assert/strict';
import type { Client } from 'pg';
import { Failure } from '../base/failure.ts';
import {
  connect,
  type Database,
  describeDatabase,
  explained,
  inTransaction,
  sqlState,
} from './database.ts';
import { checksumOf, type Sink, type SinkBatch } from './sink.ts';

export interface SinkOptions {
  readonly database: Database;
  /** The life of the log that positions count in; see log/log.ts. */
  readonly epoch: string;
  readonly partition: number;
}

/** Offsets from `from` to before `to`: what a write stores, wherever its batches begin and end. */
export interface Offsets {
  readonly from: number;
  readonly to: number;
}

/** How one topic's records become rows. */
export interface TopicRows {
  readonly topic: string;
  /**
   * Reads batches and readies, each in a transaction of its own, what their rows refer to. What it
   * returns then stores the records of some offsets, in the transaction of the write.
   */
  prepare(
    client: Client,
    batches: readonly SinkBatch[],
  ): Promise<(offsets: Offsets) => Promise<void>>;
  /** The connection is new, so nothing remembered of the database may be relied on. */
  forget(): void;
}

/** The rows [first, end) of a batch that lie within the offsets; none when first >= end. */
export function rowsWithin(
  { offset, count }: { readonly offset: number; readonly count: number },
  { from, to }: Offsets,
): { first: number; end: number } {
  return { first: Math.max(0, from - offset), end: Math.min(count, to - offset) };
}

export const consumer = 'store';
const statementSeconds = 60;
/** Of writers that wait for each other PostgreSQL ends one, which is to begin again. */
const mostTries = 5;
const deadlock = '40P01';

export class PostgresSink implements Sink {
  readonly topic: string;
  readonly #rows: TopicRows;
  readonly #options: SinkOptions;
  #client: Client | null = null;
  #busy = false;
  /** What the caller goes by: as it was last asked for, or moved to. */
  #position = 0;

  constructor(rows: TopicRows, options: SinkOptions) {
    this.topic = rows.topic;
    this.#rows = rows;
    this.#options = options;
  }

  async position(): Promise<number> {
    const { position } = await this.#use(async (client) => await this.#read(client, ''));
    this.#position = position;
    return position;
  }

  async newestChecksum(): Promise<number | null> {
    return (await this.#use(async (client) => await this.#read(client, ''))).checksum;
  }

  async write(batches: readonly SinkBatch[], next: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#write(batches, next);
      } catch (error) {
        if (tries === mostTries || !isDeadlock(error)) throw error;
      }
    }
  }

  async #write(batches: readonly SinkBatch[], next: number): Promise<void> {
    const newest = batches.find(({ offset, count }) => offset + count === next);
    await this.#use(async (client) => {
      const store = await this.#rows.prepare(client, batches);
      await inTransaction(client, async () => {
        const { position } = await this.#read(client, 'for update');
        if (position < this.#position) throw this.#olderData(position);
        if (next <= position) return;
        await store({ from: position, to: next });
        await client.query(
          `update consumed set next_offset = $5, newest_checksum = $6
           where (consumer, topic, partition, epoch) = ($1, $2, $3, $4)`,
          [...this.#key(), next, newest ? checksumOf(newest) : null],
        );
      });
      this.#position = Math.max(this.#position, next);
    });
  }

  async close(): Promise<void> {
    await this.#client?.end();
    this.#client = null;
  }

  async #read(client: Client, lock: '' | 'for update') {
    const { rows } = await client.query<Consumed>(
      `select next_offset, newest_checksum from consumed
       where (consumer, topic, partition, epoch) = ($1, $2, $3, $4) ${lock}`,
      this.#key(),
    );
    assert(rows[0], 'connecting made the row of this position');
    const { next_offset: position, newest_checksum: checksum } = rows[0];
    return { position: Number(position), checksum: checksum === null ? null : Number(checksum) };
  }

  /** Whoever writes has to begin again at the position. */
  #olderData(position: number): Failure {
    const { database, partition } = this.#options;
    return new Failure(
      'database-unavailable',
      `${describeDatabase(database)} is back with older data: it had ${this.topic} of partition ` +
        `${partition} up to ${this.#position}, and has it up to ${position}`,
      'Nothing: what came since is stored again, as far as the log still holds it.',
    );
  }

  #key(): [string, string, number, string] {
    return [consumer, this.topic, this.#options.partition, this.#options.epoch];
  }

  async #use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    assert(!this.#busy, 'calls of one sink follow one another');
    this.#busy = true;
    try {
      return await work(await this.#connected());
    } catch (error) {
      // Whatever state it is in: ending it rolls back, and the next call begins afresh.
      this.#drop();
      throw explained(error, this.#options.database);
    } finally {
      this.#busy = false;
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client) return this.#client;
    const application = `stores ${this.topic}`;
    const client = await connect(this.#options.database, { application, statementSeconds });
    this.#client = client;
    client.once('end', () => {
      if (this.#client === client) this.#client = null;
    });
    this.#rows.forget();
    await client.query(
      `insert into consumed (consumer, topic, partition, epoch, next_offset)
       values ($1, $2, $3, $4, 0) on conflict do nothing`,
      [...this.#key()],
    );
    return client;
  }

  #drop(): void {
    void this.#client?.end().catch(() => undefined);
    this.#client = null;
  }
}

interface Consumed {
  readonly next_offset: string;
  readonly newest_checksum: string | null;
}

function isDeadlock(error: unknown): boolean {
  return error instanceof Failure && sqlState(error.cause) === deadlock;
}

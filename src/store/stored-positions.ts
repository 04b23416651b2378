// How far the writers of other processes have come, by partition and topic of the log.

import type { Client } from 'pg';
import { connect, type Database, explained } from './database.ts';
import { consumer } from './sink-postgres.ts';

const session = { application: 'positions', statementSeconds: 10 };

export class StoredPositions {
  readonly #database: Database;
  readonly #epoch: string;
  readonly #offsets = new Map<string, number>();
  #client: Client | null = null;

  constructor(database: Database, epoch: string) {
    this.#database = database;
    this.#epoch = epoch;
  }

  /** The offset up to which the store surely holds a topic of a partition. */
  of(topic: string, partition: number): number {
    return this.#offsets.get(`${topic} ${partition}`) ?? 0;
  }

  /** Asks the database. Rejects with a Failure; what was known stays true. */
  async refresh(): Promise<void> {
    try {
      this.#client ??= await connect(this.#database, session);
      const { rows } = await this.#client.query<Row>(
        'select topic, partition, next_offset from consumed where (consumer, epoch) = ($1, $2)',
        [consumer, this.#epoch],
      );
      for (const { topic, partition, next_offset: next } of rows) {
        this.#offsets.set(`${topic} ${partition}`, Number(next));
      }
    } catch (error) {
      void this.#client?.end().catch(() => undefined);
      this.#client = null;
      throw explained(error, this.#database);
    }
  }

  async close(): Promise<void> {
    await this.#client?.end();
  }
}

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly next_offset: string;
}

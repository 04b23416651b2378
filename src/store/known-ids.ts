// The short ids that PostgreSQL gives to what repeats, such as a symbol, remembered by their key,
// so that a row costs a look into a Map. An id, once given, is never changed or taken back.

import { strict as assert } from 'node:assert/strict';
import type { Client } from 'pg';

export interface IdStatements {
  /** From the names $1 (text[]): rows (name, id) of those that are there. */
  readonly find: string;
  /** From a JSON array $1 of entries: adds those that are not there. */
  readonly add: string;
}

/** What an id is given to; the database knows it by its name. */
interface Entry {
  readonly name: string;
}

/** When so many are remembered, all are looked up anew. */
const rememberedMax = 100_000;

export class KnownIds<E extends Entry> {
  readonly #statements: IdStatements;
  readonly #ids = new Map<string, number>();
  readonly #wanted = new Map<string, E>();

  constructor(statements: IdStatements) {
    this.#statements = statements;
  }

  /** Whether it need not be asked for. */
  has(key: string): boolean {
    return this.#ids.has(key);
  }

  /** The id of a key that was asked for and learned. */
  idOf(key: string): number {
    const id = this.#ids.get(key);
    assert(id !== undefined, `the id of ${key} was learned before`);
    return id;
  }

  /** Asks for the id of a key, which is known after `learn`. */
  want(key: string, entry: E): void {
    if (!this.#ids.has(key)) this.#wanted.set(key, entry);
  }

  /** Looks up what is wanted, adding what is not there yet. */
  async learn(client: Client): Promise<void> {
    if (this.#wanted.size === 0) return;
    await this.#find(client);
    const unknown = [...this.#wanted.values()];
    if (unknown.length === 0) return;
    await client.query(this.#statements.add, [JSON.stringify(unknown)]);
    await this.#find(client);
    assert.equal(this.#wanted.size, 0, 'what was added is found');
  }

  /** Keeps the memory bounded; to be called before a write looks up its first key. */
  trim(): void {
    if (this.#ids.size > rememberedMax) this.forget();
  }

  forget(): void {
    this.#ids.clear();
    this.#wanted.clear();
  }

  async #find(client: Client): Promise<void> {
    const keys = new Map([...this.#wanted].map(([key, { name }]) => [name, key]));
    const { rows } = await client.query<{ name: string; id: number }>(this.#statements.find, [
      [...keys.keys()],
    ]);
    for (const { name, id } of rows) {
      const key = keys.get(name) as string;
      this.#ids.set(key, id);
      this.#wanted.delete(key);
    }
  }
}

/** Instruments by symbol. One that is not there is added, and completed when a feed defines it. */
export function knownInstruments(): KnownIds<Entry> {
  return new KnownIds({
    find: 'select symbol as name, instrument_id as id from instruments where symbol = any($1)',
    add: `
      insert into instruments (symbol)
      select name from jsonb_to_recordset($1) as entry (name text)
      order by name
      on conflict (symbol) do nothing`,
  });
}

// A real PostgreSQL behind a gateway, which has what a test stores of the log.

import { openExports } from '../../src/app/wire.ts';
import type { Log, Topic } from '../../src/log/log.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { openHistory, type PostgresHistory } from '../../src/store/history-postgres.ts';
import type { Sink } from '../../src/store/sink.ts';
import { openCandlesSink } from '../../src/store/sink-candles.ts';
import { openTradesSink } from '../../src/store/sink-trades.ts';
import type { Cluster } from '../store/cluster.ts';

/** A database of its own, and what stores trades and candles in it up to an offset. */
export class RealStore {
  readonly #cluster: Cluster;
  readonly #positions: Partial<Record<Topic, number>> = {};
  #sinks: Sink[] = [];
  #log: Log | null = null;
  #history: PostgresHistory | null = null;
  #database: DatabaseAddress | null = null;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get database(): DatabaseAddress {
    if (!this.#database) throw new Error('the store is opened first');
    return this.#database;
  }

  async open(log: Log) {
    const database = await this.#cluster.migratedDatabase();
    this.#database = database;
    const of = { database, epoch: log.epoch, partition: 0 };
    this.#log = log;
    this.#sinks = [openTradesSink(of), openCandlesSink(of)];
    this.#history = openHistory({ database });
    return {
      history: this.#history,
      exports: await openExports(database),
      stored: (topic: Topic) => this.#positions[topic] ?? 0,
      storeLost: () => 0,
    };
  }

  /** Whole batches before an offset. */
  async persist(offset: number): Promise<void> {
    for (const sink of this.#sinks) {
      const topic = sink.topic as Topic;
      const from = this.#positions[topic] ?? 0;
      const { batches = [] } = (await this.#log?.read(topic, from, 1 << 24)) ?? {};
      const due = batches.filter((batch) => batch.offset + batch.count <= offset);
      const last = due.at(-1);
      if (!last) continue;
      await sink.write(due, last.offset + last.count);
      this.#positions[topic] = last.offset + last.count;
    }
  }

  async close(): Promise<void> {
    for (const sink of this.#sinks) await sink.close();
    await this.#history?.close();
  }
}

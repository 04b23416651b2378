// How far the roles of a plant over Kafka have come, read from what they remember: the topics of
// their state say how far each topic reaches, and up to where the engine has consumed it.

import { Consumer, MessagesStreamModes } from '@platformatic/kafka';
import type { Topic } from '../../src/log/log.ts';

type Buffers = Buffer | null | undefined;

export class Progress {
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;
  readonly #ends = new Map<string, number>();
  readonly #positions = new Map<string, number>();

  /** Of the plant whose topics begin with `prefix`; they are there already. */
  static async follow(bootstrap: string, prefix: string): Promise<Progress> {
    const progress = new Progress(bootstrap, prefix);
    const topics = [`${prefix}.state.ingest`, `${prefix}.state.engine`];
    const mode = MessagesStreamModes.EARLIEST;
    const messages = await progress.#consumer.consume({ topics, mode, maxWaitTime: 50 });
    messages.on('data', ({ key, value }) => progress.#take(key, value));
    return progress;
  }

  private constructor(bootstrap: string, prefix: string) {
    this.#consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
      clientId: 'bench',
      groupId: `bench-${prefix}`,
      bootstrapBrokers: [bootstrap],
    });
  }

  #take(key: Buffers, value: Buffers): void {
    const name = String(key);
    if (name === 'reach') {
      const { topics } = JSON.parse(String(value)) as { topics: Record<string, { end: number }> };
      for (const [topic, { end }] of Object.entries(topics)) this.#ends.set(topic, end);
    }
    const [, role, topic] = /^state (engine|signals) (\S+) position$/.exec(name) ?? [];
    if (role) this.#positions.set(topic as string, JSON.parse(String(value)));
  }

  /** One past the last record of a topic. */
  end(topic: Topic): number {
    return this.#ends.get(topic) ?? 0;
  }

  /** Whether candles were made of all trades, and signals of all candles. */
  get isDerived(): boolean {
    const topics = ['market.trades', 'market.candles'] as const;
    return topics.every((topic) => {
      return this.end(topic) > 0 && this.#positions.get(topic) === this.end(topic);
    });
  }

  async close(): Promise<void> {
    await this.#consumer.close(true);
  }
}

// The pages read last, so that the engine, the store and the gateway, who follow each other
// closely, read each once. A page is read from its stream as a whole.

import type { Channel } from 'rabbitmq-client';
import { topics } from '../log.ts';
import { type Broker, isMissing } from './broker.ts';
import { decodeTransaction, type Page } from './message.ts';
import { type DatedBatch, type PageBatches, Succession } from './shard.ts';

const bytesMax = 64 * 2 ** 20;

export class PageCache {
  readonly #broker: Broker;
  /** The one that was asked for longest ago comes first. */
  readonly #held = new Map<string, { batches: PageBatches; bytes: number }>();
  readonly #reading = new Map<string, Promise<PageBatches>>();
  #bytes = 0;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  add(page: Page, batches: PageBatches): void {
    const bytes = page.bytes.reduce((sum, size) => sum + size, 0);
    this.#held.set(keyOf(page), { batches, bytes });
    this.#bytes += bytes;
    for (const [key, gone] of this.#held) {
      if (this.#bytes <= bytesMax || this.#held.size === 1) return;
      this.#held.delete(key);
      this.#bytes -= gone.bytes;
    }
  }

  held(page: Page): PageBatches | null {
    const key = keyOf(page);
    const found = this.#held.get(key);
    if (!found) return null;
    this.#held.delete(key);
    this.#held.set(key, found);
    return found.batches;
  }

  /** As far as it is still there. Rejects with Failure `log-unavailable`. */
  async read(page: Page): Promise<PageBatches> {
    const key = keyOf(page);
    let reading = this.#reading.get(key);
    if (!reading) {
      reading = this.#fetch(page).finally(() => this.#reading.delete(key));
      this.#reading.set(key, reading);
    }
    return await reading;
  }

  async #fetch(page: Page): Promise<PageBatches> {
    const channel = await this.#broker.channel();
    channel.on('error', () => undefined);
    try {
      const batches = await this.#consume(channel, page);
      this.add(page, batches);
      return batches;
    } catch (error) {
      if (isMissing(error)) return topics.map(() => []);
      throw this.#broker.unavailable(error);
    } finally {
      await channel.close();
    }
  }

  async #consume(channel: Channel, page: Page): Promise<PageBatches> {
    const { promise, resolve, reject } = Promise.withResolvers<PageBatches>();
    channel.once('close', () => reject(new Error('the connection was lost')));
    const batches: DatedBatch[][] = topics.map(() => []);
    const succession = new Succession(page.writer, page.number);
    let bytes = page.bytes.reduce((sum, size) => sum + size, 0);
    const name = this.#broker.segmentName(page.segment);
    await this.#broker.consume(channel, name, page.at, (message) => {
      if (bytes <= 0 || !succession.accepts(message)) return;
      // Who does not begin where the page does is past what was taken away.
      if (message.kind === 'moved') resolve(batches);
      if (message.kind !== 'transaction') return;
      const { time, appends } = decodeTransaction(message.body);
      for (const append of appends) {
        batches[topics.indexOf(append.topic)]!.push({ ...append, time });
        bytes -= append.bytes.length;
      }
      if (bytes <= 0) resolve(batches);
    });
    return await promise;
  }
}

function keyOf({ segment, at }: Page): string {
  return `${segment} ${at}`;
}

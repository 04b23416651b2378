// The counts of requests that gateways share, in Redis: one key an address, which Redis forgets
// when its window is over. Whatever Redis does, a count is given up after some milliseconds, and
// once one has failed no request asks: one count a second is tried until it is answered.

import { createClient } from 'redis';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/failure.ts';
import type { PartHealth } from './health.ts';
import type { Count, SharedCounts } from './request-counts.ts';

export interface RedisCountsOptions {
  /** redis:// or rediss://, with user, password and database where it needs them. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/** How long a request waits for its count. */
const answerMsMax = 50;
const probeMs = 1_000;
/** A connection on which nothing has come for so long, though asked every second, is dead. */
const silentMsMax = 5_000;
const reconnectMsMax = 2_000;
/** Counts that wait for an answer at once; more are not asked for. */
const waitingMax = 10_000;

/** Does not wait for Redis: until it has answered for the first time, each gateway counts alone. */
export function openRedisCounts(options: RedisCountsOptions): SharedCounts {
  return new RedisCounts(options);
}

class RedisCounts implements SharedCounts {
  readonly #options: RedisCountsOptions;
  readonly #client;
  readonly #closed = new AbortController();
  readonly #probing: Promise<void>;
  #trouble: string | null = 'it has not answered yet';
  #isTold = false;
  /** What the connection said last, which tells more than that it is not there. */
  #socketError: string | null = null;

  constructor(options: RedisCountsOptions) {
    this.#options = options;
    this.#client = createClient({
      url: options.url,
      name: 'tapeline',
      keyPrefix: 'tapeline:requests:',
      disableOfflineQueue: true,
      commandsQueueMaxLength: waitingMax,
      socket: {
        connectTimeout: silentMsMax,
        socketTimeout: silentMsMax,
        reconnectStrategy: (tries) => Math.min(50 * 2 ** tries, reconnectMsMax),
      },
    });
    this.#client.on('error', (error) => {
      this.#socketError = messageOf(error);
    });
    const connected = this.#client.connect().catch(() => undefined);
    this.#probing = this.#probe(connected);
  }

  async count(key: string, windowMs: number): Promise<Count | null> {
    if (this.#trouble !== null) return null;
    try {
      return await this.#counted(key, windowMs);
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  health(): PartHealth {
    if (this.#trouble === null) return { state: 'ok', detail: 'shared through Redis' };
    const detail = `each gateway counts for itself, as Redis cannot be used: ${this.#trouble}`;
    return { state: 'degraded', detail };
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#client.destroy();
    await this.#probing;
  }

  async #counted(key: string, windowMs: number): Promise<Count> {
    // In a transaction, as a key that lost its end between two commands would count for ever.
    const [, current, ttl] = await this.#inTime(
      this.#client
        .multi()
        .set(key, 0, { condition: 'NX', expiration: { type: 'PX', value: windowMs } })
        .incr(key)
        .pTTL(key)
        .execTyped(),
    );
    return { current, ttl };
  }

  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const answered = new AbortController();
    const late = this.#options.clock.wait(answerMsMax, answered.signal).then(async () => {
      // It may be us who were late: what has come by now is heard first.
      await new Promise(setImmediate);
      throw new Error(`no answer within ${answerMsMax} ms`);
    });
    // Whichever of the two loses may still reject, with nobody to hear it.
    late.catch(() => undefined);
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, late]);
    } finally {
      answered.abort();
    }
  }

  async #probe(connected: Promise<unknown>): Promise<void> {
    const { clock } = this.#options;
    await Promise.race([connected, clock.wait(probeMs, this.#closed.signal)]);
    while (!this.#closed.signal.aborted) {
      try {
        await this.#counted('probe', probeMs);
        this.#succeed();
      } catch (error) {
        this.#fail(error);
      }
      await clock.wait(probeMs, this.#closed.signal);
    }
  }

  #fail(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    const isConnected = this.#client.isReady;
    this.#trouble = (isConnected ? null : this.#socketError) ?? messageOf(error);
    if (this.#isTold) return;
    this.#isTold = true;
    this.#options.logger.warn(
      { reason: this.#trouble, cure: 'See that Redis runs, and that REDIS_URL names it.' },
      'Redis cannot be used: until it can, each gateway counts requests for itself',
    );
  }

  #succeed(): void {
    if (this.#trouble === null) return;
    this.#trouble = null;
    this.#socketError = null;
    this.#isTold = false;
    this.#options.logger.info({}, 'requests are counted in Redis, for all gateways together');
  }
}

// A client and its subscriptions: what it says is checked and answered here. Whatever is refused is
// told with a code and a cure, and everything else goes on.

import { type Clock, type Micros, microsPerSecond } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import type { GatewayLimits } from '../limits.ts';
import type { GatewayLogger } from '../logger.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Past } from '../seam/past.ts';
import { idOf, parseMessage, type Subscribe } from './client-messages.ts';
import { type Connection, failureForClient } from './connection.ts';
import { ready } from './ready.ts';
import type { Subscriber } from './subscriber.ts';
import { overlap, type Wanted, wantedOf } from './wanted.ts';

const protocolVersion = 1;
/** Rows of a snapshot in one message. */
const pageRows = 1_000;

interface Held {
  readonly wanted: Wanted;
  /** Resolves when it can begin; null where it can already. */
  readonly ready: Promise<unknown> | null;
  /** How to end it; more of it once it has begun. */
  end: () => void;
}

export interface SessionOptions {
  readonly subscriber: Subscriber;
  readonly limits: GatewayLimits;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
}

export class Session {
  readonly connection: Connection;
  readonly #subscriber: Subscriber;
  readonly #limits: GatewayLimits;
  readonly #metrics: GatewayMetrics;
  readonly #clock: Clock;
  readonly #logger: GatewayLogger;
  readonly #held = new Map<string, Held>();
  /** Whether its subscriptions are those of its URL. */
  #isFixed = false;
  /** Subscriptions that wait for history begin one after another. */
  #turn: Promise<void> = Promise.resolve();
  #second = Number.NEGATIVE_INFINITY;
  #messagesInSecond = 0;
  #idleSince: Micros;

  constructor(connection: Connection, options: SessionOptions) {
    const { subscriber, limits, metrics, clock, logger } = options;
    this.connection = connection;
    this.#subscriber = subscriber;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#logger = logger;
    this.#idleSince = clock.now();
    connection.listen(
      (text) => this.#hear(text),
      () => this.#mayHear(),
    );
    void connection.ended.then(() => {
      for (const id of this.#held.keys()) this.#end(id);
    });
  }

  /** Greets a client of /ws. */
  greet(epoch: string): void {
    const limits = this.#limits;
    this.#send({
      type: 'hello',
      version: protocolVersion,
      epoch,
      limits: {
        subscriptions: limits.subscriptionsMax,
        symbols: limits.symbolsMax,
        messageBytes: limits.messageBytesMax,
        messagesPerSecond: limits.messagesPerSecondMax,
        historyRows: limits.historyRowsMax,
      },
    });
  }

  /** Greets a client of a ready-made stream with its subscription. */
  fix(wanted: Wanted): void {
    this.#isFixed = true;
    const { cursor, snapshot, gap, parts } = this.#subscriber.begin(wanted, null, null);
    const symbol = wanted.symbols?.[0] ?? null;
    const [newest = null] = snapshot;
    const { stream } = wanted;
    if (gap) this.#send(gap); // before its cursor, as in #begin
    this.#send({ type: 'hello', stream, symbol, ...seriesOf(wanted), cursor, snapshot: newest });
    const end = this.#subscriber.subscribe(this.connection, wanted, null, parts);
    this.#held.set('', { wanted, ready: null, end });
  }

  /**
   * Subscribes a client that says nothing to all that its URL names: `open` is called once nothing
   * of it can be refused any more. Throws Failure.
   */
  fixAll(list: readonly Subscribe[], open: () => void, epoch: string): void {
    this.#isFixed = true;
    const held = list.map((asked) => this.#hold(asked));
    open();
    this.greet(epoch);
    for (const [index, { id }] of list.entries()) this.#start(id, held[index]);
  }

  /** To be called now and then. */
  check(): void {
    this.connection.check();
    if (this.#held.size > 0) this.#idleSince = this.#clock.now();
    if (this.#clock.now() - this.#idleSince < this.#limits.idleMsMax * 1000) return;
    const cure = 'Subscribe to something after connecting.';
    this.connection.close(new Failure('bad-request', 'Nothing is subscribed to.', cure));
  }

  #hear(text: string | null): void {
    if (!this.#mayHear()) return;
    try {
      if (text === null) {
        throw new Failure('bad-request', 'This message is binary.', 'Send JSON as text.');
      }
      this.#obey(text);
    } catch (error) {
      if (error instanceof Failure) {
        this.#refuse(text === null ? null : idOf(text), error);
        return;
      }
      this.#logger.error({ error, text }, 'a message of a WebSocket client failed');
      this.connection.giveUp();
    }
  }

  #obey(text: string): void {
    const message = parseMessage(text);
    if (message.op === 'ping') {
      this.#send({ type: 'pong' });
    } else if (this.#isFixed) {
      const detail = 'The subscription of this stream is fixed by its URL.';
      throw new Failure('bad-request', detail, 'Connect to /ws to choose subscriptions.');
    } else if (message.op === 'subscribe') {
      this.#start(message.id, this.#hold(message));
    } else {
      if (!this.#end(message.id)) throw unknownId(message.id);
      this.#send({ type: 'unsubscribed', id: message.id });
    }
  }

  /** Throws Failure where it cannot be had. */
  #hold(asked: Subscribe): Held {
    const wanted = wantedOf(asked);
    this.#subscriber.check(wanted);
    this.#requireRoom(asked.id, wanted);
    const { ready: begins, leave } = this.#subscriber.prepare(wanted);
    // It may fail before its turn comes, when nobody listens yet.
    begins?.catch(() => undefined);
    const held = { wanted, ready: begins, end: leave };
    this.#held.set(asked.id, held);
    return held;
  }

  #start(id: string, held: Held): void {
    const { wanted } = held;
    if (wanted.past === null && held.ready === null) this.#begin(id, held, null);
    else this.#turn = this.#turn.then(() => this.#beginLater(id, held));
  }

  #requireRoom(id: string, wanted: Wanted): void {
    const { subscriptionsMax, symbolsMax } = this.#limits;
    if (this.#held.has(id)) {
      const detail = `There is a subscription "${id}" already.`;
      throw new Failure('bad-request', detail, 'Unsubscribe it first, or choose another id.');
    }
    if (this.#held.size >= subscriptionsMax) {
      const detail = `There are ${subscriptionsMax} subscriptions already.`;
      throw new Failure('limit-exceeded', detail, 'Unsubscribe some, or put symbols into lists.');
    }
    let symbols = wanted.symbols?.length ?? 1;
    for (const [other, held] of this.#held) {
      symbols += held.wanted.symbols?.length ?? 1;
      if (!overlap(wanted, held.wanted)) continue;
      const detail = `Subscription "${other}" has some of this already.`;
      const cure = 'Use what comes for both, unsubscribe the other, or take another connection.';
      throw new Failure('bad-request', detail, cure);
    }
    if (symbols <= symbolsMax) return;
    const detail = `With these there would be ${symbols} symbols in lists.`;
    throw new Failure('limit-exceeded', detail, `Have at most ${symbolsMax}, or use "*".`);
  }

  async #beginLater(id: string, held: Held): Promise<void> {
    const isCurrent = (): boolean => this.connection.isOpen && this.#held.get(id) === held;
    try {
      await held.ready;
      const past = isCurrent() ? await this.#subscriber.past(held.wanted) : null;
      let rows = past?.rows ?? [];
      while (isCurrent() && rows.length > pageRows) {
        this.#send({ type: 'history', id, rows: rows.slice(0, pageRows) }, id);
        rows = rows.slice(pageRows);
        await this.connection.drained();
      }
      if (isCurrent()) this.#begin(id, held, past && { ...past, rows });
    } catch (error) {
      if (!isCurrent()) return;
      const failure = failureForClient(error);
      this.#end(id);
      // Who cannot ask again for this one asks for all.
      if (this.#isFixed) this.connection.close(failure);
      else this.#refuse(id, failure);
    }
  }

  #begin(id: string, held: Held, past: Past | null): void {
    const { wanted } = held;
    const { cursor, snapshot, gap, parts } = this.#subscriber.begin(wanted, id, past);
    const { stream, policy, severity } = wanted;
    const ofAlerts = stream === 'alerts' ? { severity } : {};
    const symbols = wanted.symbols ?? '*';
    const what = { id, stream, symbols, ...seriesOf(wanted), ...ofAlerts, policy };
    // In this order, or a cut between the two would leave the client beyond what it never heard of.
    if (gap) this.#send(gap, id);
    this.#send({ type: 'subscribed', ...what, cursor, snapshot }, id);
    const unsubscribe = this.#subscriber.subscribe(this.connection, wanted, id, parts);
    const leave = held.end;
    held.end = () => {
      unsubscribe();
      leave();
    };
  }

  #end(id: string): boolean {
    const held = this.#held.get(id);
    this.#held.delete(id);
    held?.end();
    return held !== undefined;
  }

  /** Closes the connection of a client that says too much. */
  #mayHear(): boolean {
    const { messagesPerSecondMax } = this.#limits;
    const second = Math.floor(this.#clock.now() / microsPerSecond);
    this.#messagesInSecond = second === this.#second ? this.#messagesInSecond + 1 : 1;
    this.#second = second;
    if (this.#messagesInSecond <= messagesPerSecondMax) return true;
    const detail = `More than ${messagesPerSecondMax} messages in a second.`;
    this.connection.close(new Failure('limit-exceeded', detail, 'Send fewer, with lists.'));
    return false;
  }

  #refuse(id: string | null, { code, message, cure }: Failure): void {
    this.#metrics.errors.inc({ code });
    this.#send({ type: 'error', id, code, detail: message, cure });
  }

  #send(message: object, id: string | null = null): void {
    this.connection.write(ready(message), id);
  }
}

function seriesOf({ stream, interval, price, indicators }: Wanted): object {
  if (stream !== 'candles') return {};
  const texts = indicators.map(({ text }) => text);
  return { interval, price, ...(texts.length > 0 ? { indicators: texts } : {}) };
}

function unknownId(id: string): Failure {
  return new Failure('not-found', `There is no subscription "${id}".`, 'Name one that there is.');
}

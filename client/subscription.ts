// One subscription, over as many connections as it takes: it remembers where it is and goes on from
// there. What its reader has not read yet waits here, and how much may wait is bounded. Beyond that
// its policy holds here as it does at the server: `lossless` leaves, and comes back for the rest,
// which the log keeps, once half is read; `conflate` keeps the newest of each symbol, so there is
// always room; `skip` drops and says how much; `close` ends with an error.

import { Backlog } from './backlog.ts';
import type {
  Message,
  Policy,
  Rows,
  ServerMessage,
  Skip,
  Stream,
  StreamRequest,
  Subscribed,
  Told,
} from './messages.ts';
import { TapelineError } from './tapeline-error.ts';
import { Whereabouts } from './whereabouts.ts';

/**
 * What a stream tells, in its order, each message once; for one reader. It throws a TapelineError
 * when the server refuses it or does not come back, after all that was told before. Breaking out
 * of the loop unsubscribes.
 */
export interface Subscription<S extends Stream = Stream>
  extends AsyncIterableIterator<Message<S>, undefined> {
  /** The rows that it begins with, which are also its first message. Rejects as the loop throws. */
  readonly snapshot: Promise<readonly Rows[S][]>;
  /** Ends it; what waits to be read is dropped. */
  unsubscribe(): void;
  return(): Promise<IteratorReturnResult<undefined>>;
}

/** What a subscription needs of its client. */
export interface Outlet {
  /** False where there is no connection to say it on. */
  send(message: object): boolean;
  /** It is to be asked for, on a connection that may have to be opened. */
  wanted(subscription: LiveSubscription): void;
  /** The same, after a while. */
  wantedLater(subscription: LiveSubscription): void;
  /** For now, or for good, it needs no connection. */
  rests(subscription: LiveSubscription): void;
}

/**
 * `apart`: the server knows nothing of it; `asked`: it was asked and has not answered; `told`: it
 * tells; `leaving`: there is no room, and it was asked to stop; `full`: it has stopped.
 */
type Phase = 'apart' | 'asked' | 'told' | 'leaving' | 'full' | 'ended';

const streamOf: Readonly<Record<string, Stream>> = {
  trade: 'trades',
  quote: 'quotes',
  candle: 'candles',
  mark: 'candles',
  alert: 'alerts',
  article: 'news',
  summary: 'summary',
};

/** Refusals that pass by themselves. */
const passing = ['log-unavailable', 'database-unavailable', 'not-ready'];

export class LiveSubscription implements Subscription {
  readonly id: string;
  readonly #request: StreamRequest;
  readonly #outlet: Outlet;
  readonly #messagesMax: number;
  #phase: Phase = 'apart';
  #policy: Policy = 'lossless';
  readonly #place = new Whereabouts();
  /** Those that it tells of; null for all. */
  #symbols: ReadonlySet<string> | null = null;
  #begun: Subscribed | null = null;
  /** The part of a snapshot that has come so far. */
  #pages: Rows[Stream][] = [];
  readonly #backlog = new Backlog<Message>();
  #skipped: Skip | null = null;
  #error: Error | null = null;
  #news = Promise.withResolvers<void>();
  readonly #first = Promise.withResolvers<readonly Rows[Stream][]>();

  constructor(id: string, request: StreamRequest, outlet: Outlet, messagesMax: number) {
    this.id = id;
    this.#request = request;
    this.#outlet = outlet;
    this.#messagesMax = messagesMax;
    if (request.cursor !== undefined) this.#place.begin(request.cursor);
    this.#first.promise.catch(() => undefined); // whoever reads only messages is told by the loop
  }

  get snapshot(): Promise<readonly Rows[Stream][]> {
    return this.#first.promise;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Message, undefined>> {
    for (;;) {
      const value = this.#backlog.take();
      if (value) {
        this.#goOnIfRoom();
        return { value, done: false };
      }
      if (this.#phase === 'ended') {
        const error = this.#error;
        this.#error = null;
        if (error) throw error;
        return { value: undefined, done: true };
      }
      await this.#news.promise;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.unsubscribe();
    return { value: undefined, done: true };
  }

  unsubscribe(): void {
    if (this.#phase === 'ended') return;
    this.#backlog.clear();
    this.#error = null;
    if (this.#phase === 'asked' || this.#phase === 'told') this.#leave();
    const detail = 'It was unsubscribed before it had begun.';
    this.#first.reject(new TapelineError('unsubscribed', detail, 'Wait for it first.'));
    this.#end();
  }

  /** Ends it with an error, which its reader gets after all that waits. */
  fail(error: Error): void {
    if (this.#phase === 'ended') return;
    this.#error = error;
    this.#first.reject(error);
    this.#end();
  }

  get isEnded(): boolean {
    return this.#phase === 'ended';
  }

  /** Whether it needs a connection. */
  get isActive(): boolean {
    return this.#phase === 'apart' || this.#phase === 'asked' || this.#phase === 'told';
  }

  /** Asks the server for it, where that knows nothing of it. */
  ask(): void {
    if (this.#phase !== 'apart') return;
    const { cursor } = this.#place;
    const past = { history: undefined, from: undefined };
    const where = cursor === null ? { cursor: undefined } : { ...past, cursor };
    const asked = { op: 'subscribe', id: this.id, ...this.#request, ...where };
    if (this.#outlet.send(asked)) this.#phase = 'asked';
  }

  /** The connection is gone. */
  lost(): void {
    this.#pages = [];
    if (this.#phase === 'leaving') this.#left();
    else if (this.isActive) this.#phase = 'apart';
  }

  /** It has been away for too long to go on: it begins anew. */
  forget(): void {
    if (this.#begun) this.#place.forget();
  }

  /** Whether a message of a stream is for it. */
  wants(message: ServerMessage): boolean {
    if (this.#phase !== 'told' || streamOf[message.type] !== this.#request.stream) return false;
    if (message.type === 'article') return true; // there is one such subscription at most
    if (!('symbol' in message) || !(this.#symbols?.has(message.symbol) ?? true)) return false;
    if (message.type === 'candle' || message.type === 'mark') {
      const { interval, price } = this.#begun ?? {};
      return message.interval === interval && message.price === price;
    }
    if (message.type !== 'alert') return true;
    return (this.#begun?.severity ?? message.severity) === message.severity;
  }

  /** What is for it, by its id or because it wants it. */
  hear(message: ServerMessage): void {
    if (this.#phase === 'leaving' && message.type === 'unsubscribed') this.#left();
    if (this.#phase !== 'asked' && this.#phase !== 'told') return;
    switch (message.type) {
      case 'history':
        this.#pages.push(...message.rows);
        return;
      case 'subscribed':
        this.#begin(message);
        return;
      case 'gap':
        // Until what follows it has come, it would be told again.
        this.#tell({ ...message, cursor: this.#place.cursor ?? message.from });
        return;
      case 'skip':
        this.#tell({ ...message, cursor: message.to });
        return;
      case 'error':
        this.#refused(new TapelineError(message.code, message.detail, message.cure));
        return;
      case 'hello':
      case 'pong':
      case 'unsubscribed':
        return;
      case 'trade':
      case 'quote':
      case 'candle':
      case 'mark':
      case 'alert':
      case 'article':
      case 'summary':
        this.#take(message);
    }
  }

  #begin(begun: Subscribed): void {
    const rows = [...this.#pages, ...begun.snapshot];
    const isResumed = this.#place.cursor !== null;
    this.#pages = [];
    this.#begun = begun;
    this.#phase = 'told';
    this.#policy = begun.policy;
    this.#symbols = begun.symbols === '*' ? null : new Set(begun.symbols);
    this.#place.begin(begun.cursor);
    this.#first.resolve(rows);
    if (isResumed && rows.length === 0) return;
    const { stream } = this.#request;
    this.#tell({ type: 'snapshot', stream, rows, cursor: begun.cursor });
  }

  #refused(error: TapelineError): void {
    if (passing.includes(error.code)) {
      this.#phase = 'apart';
      this.#outlet.wantedLater(this);
    } else {
      this.fail(error);
    }
  }

  /** A message of the stream. */
  #take(message: Told[Stream]): void {
    const isReplaced = this.#policy === 'conflate' && 'symbol' in message;
    const key = isReplaced ? `${message.type} ${message.symbol}` : undefined;
    const hasRoom = this.#backlog.size < this.#messagesMax && this.#skipped === null;
    if (key !== undefined || hasRoom) this.#tell(message, key);
    else if (this.#policy === 'lossless') this.#leave();
    else if (this.#policy === 'skip') this.#skip(message);
    else this.#close();
  }

  #tell(message: Message, key?: string): void {
    this.#tellSkipped();
    const cursor = this.#place.move(message.cursor);
    this.#backlog.put(cursor === message.cursor ? message : { ...message, cursor }, key);
    this.#wake();
  }

  #leave(): void {
    this.#phase = 'leaving';
    this.#outlet.send({ op: 'unsubscribe', id: this.id });
    this.#outlet.rests(this);
  }

  #left(): void {
    this.#phase = 'full';
    this.#goOnIfRoom();
  }

  #skip({ cursor: to }: Message): void {
    const { stream } = this.#request;
    const { count, from } = this.#skipped ?? { count: 0, from: to };
    const cursor = this.#place.move(to);
    this.#skipped = { type: 'skip', stream, count: count + 1, from, to, cursor };
  }

  #tellSkipped(): void {
    if (!this.#skipped) return;
    this.#backlog.put(this.#skipped);
    this.#skipped = null;
  }

  #close(): void {
    this.#leave();
    const detail = `${this.#messagesMax} messages waited to be read.`;
    const cure = 'Read faster, or choose another policy.';
    this.fail(new TapelineError('slow-consumer', detail, cure));
  }

  #goOnIfRoom(): void {
    if (this.#backlog.size > this.#messagesMax / 2) return;
    this.#tellSkipped();
    if (this.#phase !== 'full') return;
    this.#phase = 'apart';
    this.#outlet.wanted(this);
  }

  #end(): void {
    this.#phase = 'ended';
    this.#outlet.rests(this);
    this.#wake();
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

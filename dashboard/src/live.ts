// The live side, behind one function: what is subscribed to comes as callbacks, through breaks of
// the connection, until it is ended. This is the only file that knows the protocol, /ws: see
// docs/WEBSOCKET.md. After a short break a subscription goes on from its cursor, so that nothing is
// missed; after a long one it begins anew, since who looks again wants the market as it is.

import {
  type IndicatedCandle,
  type Interval,
  type Problem,
  ProblemError,
  type Quote,
  type Signal,
  type Summary,
  type Trade,
} from './api.ts';
import { type Link, link } from './connection.ts';
import { Socket } from './socket.ts';

interface Values {
  readonly trades: Trade;
  readonly quotes: Quote;
  readonly candles: IndicatedCandle;
  readonly alerts: Signal;
  /** The day of a symbol that has changed. */
  readonly summary: Summary;
}

export type Wanted =
  | { readonly stream: 'trades' | 'quotes'; readonly symbol: string }
  | {
      readonly stream: 'candles';
      readonly symbol: string;
      readonly interval: Interval;
      readonly indicators?: readonly string[];
    }
  /** Of all symbols. */
  | { readonly stream: 'alerts' | 'summary' };

export interface Listener<Value> {
  next(value: Value): void;
  /**
   * What came before is not known here: at the beginning, and after a hole that cannot be filled.
   * Whoever needs it asks for it now; no later value is missed meanwhile.
   */
  begin?(): void;
  /** Why there is nothing, while that is so. */
  problem?(problem: ProblemError | null): void;
}

/** Subscribes until the answer is called. */
export function subscribe<W extends Wanted>(
  wanted: W,
  listener: Listener<Values[W['stream']]>,
): () => void {
  const made = new Subscription(wanted, listener as Listener<unknown>);
  // On one connection no two may want the same, since messages do not say for whom they are.
  let connection = connections.find((one) => !one.has(made.route));
  if (!connection) {
    connection = new Connection();
    connections.push(connection);
  }
  const chosen = connection;
  chosen.add(made);
  return () => chosen.remove(made);
}

type Message =
  | ({ readonly type: 'subscribed'; readonly id: string; readonly cursor: string } & {
      readonly snapshot: readonly unknown[];
    })
  | { readonly type: 'gap' | 'skip'; readonly id: string }
  | ({ readonly type: 'error'; readonly id: string | null } & Pick<Problem, 'detail' | 'cure'>)
  | { readonly type: 'hello' | 'history' | 'unsubscribed' | 'pong' | 'mark' }
  | {
      readonly type: 'trade' | 'quote' | 'candle' | 'alert' | 'summary';
      readonly cursor: string;
      readonly symbol: string;
      readonly interval?: Interval;
    };

const streamOf = {
  trade: 'trades',
  quote: 'quotes',
  candle: 'candles',
  alert: 'alerts',
  summary: 'summary',
} as const;

/** A page that is opened next subscribes within this time, so the connection stays. */
const lingerMs = 2_000;
/** After a longer break what was missed is not told one by one. */
const resumeMsMax = 30_000;
const retryMs = 2_000;

const connections: Connection[] = [];

class Connection {
  readonly #socket: Socket;
  readonly #byId = new Map<string, Subscription>();
  readonly #byRoute = new Map<string, Subscription>();
  #isOpen = false;
  #ending: ReturnType<typeof setTimeout> | undefined;
  #ids = 0;

  constructor() {
    this.#socket = new Socket('/ws', {
      opened: () => {
        this.#isOpen = true;
        for (const [id, one] of this.#byId) this.#socket.send(one.request(id));
      },
      message: (text) => this.#hear(JSON.parse(text) as Message),
      lost: (isFinal) => {
        this.#isOpen = false;
        for (const one of this.#byId.values()) one.lose(isFinal);
      },
    });
  }

  has(route: string): boolean {
    return this.#byRoute.has(route);
  }

  add(one: Subscription): void {
    clearTimeout(this.#ending);
    const id = `s${++this.#ids}`;
    this.#byId.set(id, one);
    this.#byRoute.set(one.route, one);
    if (this.#isOpen) this.#socket.send(one.request(id));
  }

  remove(one: Subscription): void {
    one.end();
    this.#byRoute.delete(one.route);
    for (const [id, other] of this.#byId) {
      if (other !== one) continue;
      this.#byId.delete(id);
      this.#socket.send({ op: 'unsubscribe', id });
    }
    if (this.#byId.size === 0) this.#ending = setTimeout(() => this.#end(), lingerMs);
  }

  #end(): void {
    connections.splice(connections.indexOf(this), 1);
    this.#socket.close();
  }

  #hear(message: Message): void {
    switch (message.type) {
      case 'subscribed':
        this.#byId.get(message.id)?.begin(message.cursor, message.snapshot);
        break;
      case 'gap':
      case 'skip':
        this.#byId.get(message.id)?.miss();
        break;
      case 'error':
        if (message.id !== null) this.#refused(message.id, message);
        break;
      case 'trade':
      case 'quote':
      case 'candle':
      case 'alert':
      case 'summary': {
        const { type, cursor, symbol, interval } = message;
        this.#byRoute.get(routeOf(streamOf[type], symbol, interval))?.next(cursor, message);
        break;
      }
      case 'hello':
      case 'history': // nobody here asks for it: charts page through REST
      case 'mark': // an interval is over: nothing that is shown
      case 'unsubscribed':
      case 'pong':
        break;
    }
  }

  /** What is not ready, or not known yet, may be later. */
  #refused(id: string, { detail, cure }: Pick<Problem, 'detail' | 'cure'>): void {
    const one = this.#byId.get(id);
    one?.refuse({ title: 'Not subscribed', status: 503, detail, cure });
    setTimeout(() => {
      if (this.#isOpen && this.#byId.get(id) === one && one) this.#socket.send(one.request(id));
    }, retryMs);
  }
}

class Subscription {
  readonly route: string;
  readonly #wanted: Wanted;
  readonly #listener: Listener<unknown>;
  readonly #link: Link;
  #cursor: string | null = null;
  #lostAt = 0;

  constructor(wanted: Wanted, listener: Listener<unknown>) {
    const interval = wanted.stream === 'candles' ? wanted.interval : undefined;
    this.route = routeOf(wanted.stream, 'symbol' in wanted ? wanted.symbol : '*', interval);
    this.#wanted = wanted;
    this.#listener = listener;
    this.#link = link(wanted.stream !== 'alerts');
  }

  request(id: string): object {
    if (performance.now() - this.#lostAt > resumeMsMax) this.#cursor = null;
    const { stream } = this.#wanted;
    const symbols = 'symbol' in this.#wanted ? [this.#wanted.symbol] : '*';
    const ofCandles =
      this.#wanted.stream === 'candles'
        ? { interval: this.#wanted.interval, indicators: this.#wanted.indicators ?? [] }
        : {};
    const past = this.#cursor === null ? {} : { cursor: this.#cursor };
    return { op: 'subscribe', id, stream, symbols, ...ofCandles, ...past };
  }

  begin(cursor: string, snapshot: readonly unknown[]): void {
    const isResumed = this.#cursor !== null;
    this.#cursor = cursor;
    this.#listener.problem?.(null);
    if (!isResumed) this.#listener.begin?.();
    for (const value of snapshot) {
      this.#link.heard(timeOf(value));
      this.#listener.next(value);
    }
    this.#link.heard('');
  }

  next(cursor: string, value: unknown): void {
    this.#cursor = cursor;
    this.#link.heard();
    this.#listener.next(value);
  }

  miss(): void {
    this.#listener.begin?.();
  }

  lose(isFinal: boolean): void {
    this.#lostAt = performance.now();
    this.#link.lost();
    if (!isFinal) return;
    this.refuse({
      title: 'The server has ended the connection',
      status: 503,
      detail: 'It said not to come back by itself.',
      cure: 'Load this page again.',
    });
  }

  refuse(problem: Problem): void {
    this.#cursor = null;
    this.#listener.problem?.(new ProblemError(problem));
  }

  end(): void {
    this.#link.remove();
  }
}

/** By what a message finds its subscription; alerts and summaries are of all symbols here. */
function routeOf(stream: Wanted['stream'], symbol: string, interval?: Interval): string {
  const isOfAll = stream === 'alerts' || stream === 'summary';
  return [stream, isOfAll ? '*' : symbol, interval ?? ''].join(' ');
}

/** When a value of a snapshot reached the server, or happened. */
function timeOf(value: unknown): string {
  const { received, time } = value as { received?: string; time?: string | null };
  return received ?? time ?? '';
}

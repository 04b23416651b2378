// The live side, behind one function: what is subscribed to comes as callbacks, through breaks of
// the connection, until it is ended. This is the only file that knows the client library. After a
// short break a subscription goes on where it was, so that nothing is missed; after a long one it
// begins anew, since who looks again wants the market as it is.

import {
  type Client,
  connect,
  type Message,
  type Requests,
  type Rows,
  type Subscription,
  TapelineError,
} from '../../client/index.ts';
import { type Interval, ProblemError } from './api.ts';
import { type Link, link } from './connection.ts';

export type Wanted =
  | { readonly stream: 'trades' | 'quotes'; readonly symbol: string }
  | {
      readonly stream: 'candles';
      readonly symbol: string;
      readonly interval: Interval;
      readonly indicators?: readonly string[];
    }
  | { readonly stream: 'news'; readonly symbol: string; readonly history: number }
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

/** After a longer break what was missed is not told one by one. */
const resumeMsMax = 30_000;
const retryMs = 2_000;

/** On one connection no two may want the same, so there are as many as want it at once. */
const places: { readonly client: Client; readonly routes: Set<string> }[] = [];

/** Subscribes until the answer is called. */
export function subscribe<W extends Wanted>(
  wanted: W,
  listener: Listener<Rows[W['stream']]>,
): () => void {
  const route = routeOf(wanted);
  let place = places.find(({ routes }) => !routes.has(route));
  if (!place) {
    place = { client: connect('/', { resumeMsMax }), routes: new Set() };
    places.push(place);
  }
  const { client, routes } = place;
  routes.add(route);
  const line = new Line(client, requestOf(wanted), listener as Listener<unknown>);
  return () => {
    routes.delete(route);
    line.end();
  };
}

/** The network or the reader is back: no need to wait. */
function hurry(): void {
  if (document.hidden) return;
  for (const { client } of places) client.retry();
}

addEventListener('online', hurry);
document.addEventListener('visibilitychange', hurry);

type Request = Requests[Wanted['stream']];

class Line {
  readonly #client: Client;
  readonly #request: Request;
  readonly #listener: Listener<unknown>;
  readonly #link: Link;
  readonly #stopListening: () => void;
  #subscription: Subscription | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isLost = false;
  #isEnded = false;

  constructor(client: Client, request: Request, listener: Listener<unknown>) {
    this.#client = client;
    this.#request = request;
    this.#listener = listener;
    this.#link = link(request.stream !== 'alerts' && request.stream !== 'news');
    this.#stopListening = client.onState(({ status }) => {
      if (status === 'waiting' || status === 'closed') this.#lose();
      else if (status === 'live' && this.#isLost) this.#find();
    });
    void this.#follow();
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#stopListening();
    this.#subscription?.unsubscribe();
    this.#link.remove();
  }

  async #follow(): Promise<void> {
    try {
      this.#subscription = this.#client.subscribe(this.#request);
      for await (const message of this.#subscription) {
        if (!this.#isEnded) this.#hear(message);
      }
    } catch (error) {
      if (!(error instanceof TapelineError)) throw error;
      if (!this.#isEnded) this.#refused(error);
    }
  }

  #hear(message: Message): void {
    switch (message.type) {
      case 'snapshot':
        this.#listener.problem?.(null);
        this.#listener.begin?.();
        for (const row of message.rows) {
          this.#link.heard(timeOf(row));
          this.#listener.next(row);
        }
        this.#link.heard('');
        return;
      case 'gap':
      case 'skip':
        this.#listener.begin?.();
        return;
      case 'mark': // an interval is over: nothing that is shown
        return;
      case 'trade':
      case 'quote':
      case 'candle':
      case 'alert':
      case 'article':
      case 'summary':
        this.#link.heard();
        this.#listener.next(message);
    }
  }

  /** What is not known yet may be later; a connection that was closed for good is not. */
  #refused({ message: detail, cure }: TapelineError): void {
    const isClosed = this.#client.state.status === 'closed';
    const title = isClosed ? 'The server has ended the connection' : 'Not subscribed';
    this.#listener.problem?.(new ProblemError({ title, status: 503, detail, cure }));
    if (!isClosed) this.#timer = setTimeout(() => void this.#follow(), retryMs);
  }

  #lose(): void {
    this.#isLost = true;
    this.#link.lost();
  }

  #find(): void {
    this.#isLost = false;
    this.#link.heard('');
  }
}

function requestOf(wanted: Wanted): Request {
  if (!('symbol' in wanted)) return { ...wanted, symbols: '*' };
  const { symbol, ...rest } = wanted;
  return { ...rest, symbols: [symbol] };
}

/** What a server would take for the same: indicators do not tell candles apart. */
function routeOf(wanted: Wanted): string {
  const { stream } = wanted;
  // An article may be of two symbols.
  const symbol = 'symbol' in wanted && stream !== 'news' ? wanted.symbol : '*';
  return [stream, symbol, stream === 'candles' ? wanted.interval : ''].join(' ');
}

/** When a value of a snapshot reached the server, or happened. */
function timeOf(value: object): string {
  const { received, time } = value as { received?: string; time?: string | null };
  return received ?? time ?? '';
}

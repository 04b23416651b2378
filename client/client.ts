// A connection to Tapeline that stays: it is opened when something is subscribed to, opened again
// when it is cut, with growing pauses, and each subscription goes on where it was. The codes with
// which the server closes say when that would be in vain.

import { Backoff } from './backoff.ts';
import type { Requests, ServerMessage, Stream } from './messages.ts';
import { type Clock, systemClock, systemRandom } from './platform.ts';
import { LiveSubscription, type Outlet, type Subscription } from './subscription.ts';
import { TapelineError } from './tapeline-error.ts';

export interface ClientOptions {
  /** Messages of one subscription that may wait to be read; its policy says what happens then. */
  readonly messagesMax?: number;
  /**
   * After a longer break everything begins anew, with a snapshot: for who looks again, and wants
   * what is now. Without, what was missed is told, however long it takes.
   */
  readonly resumeMsMax?: number;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** One object for as long as it is so; `why` is for a person. */
export type ConnectionState =
  /** Nothing is subscribed to. */
  | { readonly status: 'idle' }
  | { readonly status: 'connecting' }
  | { readonly status: 'live' }
  /** It connects again in `ms`; `code` is the close code, 1006 where the network was cut. */
  | {
      readonly status: 'waiting';
      readonly why: string;
      readonly code: number;
      readonly ms: number;
    }
  /** For ever: by `close`, or with a code that says so. */
  | { readonly status: 'closed'; readonly why: string; readonly code: number };

/** How a connection ended that was not ended here. */
interface Ending {
  readonly code: number;
  readonly reason: string;
}

const messagesMaxDefault = 10_000;
/** After so long without a message the server is asked whether it is there, and given as long. */
const silenceMs = 15_000;
/** How long a connection without subscriptions is kept for the next one. */
const idleMs = 1_000;
const normal = 1000;
const abnormal = 1006;
const refused = 1002;
const notUnderstood = 1007;

/** docs/WEBSOCKET.md, close codes. */
function mayComeBack(code: number): boolean {
  return code === 1001 || code === abnormal || code === 1011 || (code >= 4000 && code <= 4499);
}

/**
 * A client of the Tapeline at a URL such as `ws://localhost:8000`; `/ws` is its path without. Of
 * several, gateways over one log, it takes the next whenever one is gone.
 */
export function connect(url: Address | readonly Address[], options: ClientOptions = {}): Client {
  return new Client([url].flat(), options);
}

type Address = string | URL;

export class Client {
  readonly #urls: readonly string[];
  #turn = 0;
  readonly #messagesMax: number;
  readonly #resumeMsMax: number | null;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #subscriptions = new Map<string, LiveSubscription>();
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #state: ConnectionState = { status: 'idle' };
  #isRunning = false;
  #ids = 0;
  /** The socket, once the server has greeted. */
  #socket: WebSocket | null = null;
  #endSession: (ending: Ending | null) => void = () => undefined;
  #pause = new AbortController();
  /** From the end of a connection to the next that is greeted. */
  #break: AbortController | null = null;

  constructor(urls: readonly Address[], options: ClientOptions) {
    if (urls.length === 0) throw new TypeError('there is no address to connect to');
    this.#urls = urls.map(addressOf);
    this.#messagesMax = options.messagesMax ?? messagesMaxDefault;
    this.#resumeMsMax = options.resumeMsMax ?? null;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#backoff = new Backoff(this.#random);
  }

  /** That of the server whose turn it is. */
  get url(): string {
    return this.#urls[this.#turn % this.#urls.length] as string;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Tells each change of the state; answers how to stop that. */
  onState(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Throws a TapelineError when it is closed; what the server refuses, the subscription throws. */
  subscribe<S extends Stream>(request: Requests[S] & { readonly stream: S }): Subscription<S> {
    if (this.#state.status === 'closed') throw closedError(this.#state);
    const id = `s${++this.#ids}`;
    const subscription = new LiveSubscription(id, request, this.#outlet, this.#messagesMax);
    this.#subscriptions.set(id, subscription);
    this.#outlet.wanted(subscription);
    return subscription as unknown as Subscription<S>;
  }

  /** Connects at once if it waits to: a browser is online again, or a page is looked at. */
  retry(): void {
    this.#pause.abort();
  }

  /** Ends all subscriptions and the connection, for good. */
  close(): void {
    this.#close({ code: normal, reason: 'It was closed here.' }, null);
  }

  readonly #outlet: Outlet = {
    send: (message) => {
      this.#socket?.send(JSON.stringify(message));
      return this.#socket !== null;
    },
    wanted: (subscription) => {
      if (this.#isRunning) subscription.ask();
      else void this.#run();
    },
    wantedLater: (subscription) => {
      const ms = new Backoff(this.#random).next();
      void this.#clock.wait(ms).then(() => subscription.ask());
    },
    rests: (subscription) => {
      if (subscription.isEnded) this.#subscriptions.delete(subscription.id);
      if (this.#isNeeded || this.#state.status === 'closed') return;
      if (this.#socket) void this.#endIfIdle(this.#endSession);
      else this.#end();
    },
  };

  get #isNeeded(): boolean {
    return [...this.#subscriptions.values()].some(({ isActive }) => isActive);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isNeeded) {
      this.#become({ status: 'connecting' });
      const ending = await this.#session();
      for (const subscription of this.#subscriptions.values()) subscription.lost();
      if (!this.#break) void this.#forgetInTime();
      if (ending) this.#turn++;
      if (ending && this.#isNeeded) await this.#comeBack(ending);
    }
    this.#isRunning = false;
    this.#endBreak();
    if (this.#state.status !== 'closed') this.#become({ status: 'idle' });
  }

  async #forgetInTime(): Promise<void> {
    if (this.#resumeMsMax === null) return;
    this.#break = new AbortController();
    const { signal } = this.#break;
    await this.#clock.wait(this.#resumeMsMax, signal);
    if (signal.aborted) return;
    for (const subscription of this.#subscriptions.values()) subscription.forget();
  }

  #endBreak(): void {
    this.#break?.abort();
    this.#break = null;
  }

  async #comeBack({ code, reason }: Ending): Promise<void> {
    if (!mayComeBack(code)) {
      this.#close({ code, reason }, closedError({ code, why: reason }));
      return;
    }
    const ms = this.#backoff.next();
    this.#pause = new AbortController();
    this.#become({ status: 'waiting', why: reason || 'The connection was cut.', code, ms });
    await this.#clock.wait(ms, this.#pause.signal);
  }

  /** One connection, from its opening to its end; null where that came from here. */
  async #session(): Promise<Ending | null> {
    const { promise, resolve } = Promise.withResolvers<Ending | null>();
    const over = new AbortController();
    const socket = new WebSocket(this.url);
    const session = { isHeard: false, isAsked: false };
    this.#endSession = (ending) => {
      if (over.signal.aborted) return;
      over.abort();
      this.#socket = null;
      // A browser complains of one that is closed before it has opened.
      if (socket.readyState !== WebSocket.CONNECTING) socket.close(normal);
      else socket.addEventListener('open', () => socket.close(normal));
      resolve(ending);
    };
    const end = this.#endSession;
    socket.addEventListener('message', ({ data }) => {
      if (over.signal.aborted) return;
      session.isHeard = true;
      const message = parse(data);
      if (message) this.#hear(message, socket);
      else end({ code: notUnderstood, reason: 'This is no Tapeline: what it says is no JSON.' });
    });
    // After an error there is always an end; what can be said of it is said here, if at all.
    socket.addEventListener('error', (event) => {
      const text = 'message' in event ? String(event.message) : '';
      const what = this.#socket ? 'The connection was cut' : 'No connection';
      end({ code: abnormal, reason: text ? `${what}: ${text}` : `${what}.` });
    });
    socket.addEventListener('close', ({ code, reason }) => end({ code, reason }));
    void this.#watch(session, over.signal, end);
    return await promise;
  }

  /** Ends a connection on which nothing comes any more, as when the network is gone. */
  async #watch(
    session: { isHeard: boolean; isAsked: boolean },
    signal: AbortSignal,
    end: (ending: Ending) => void,
  ): Promise<void> {
    for (;;) {
      await this.#clock.wait(silenceMs, signal);
      if (signal.aborted) return;
      if (session.isHeard) this.#backoff.reset();
      else if (session.isAsked || !this.#outlet.send({ op: 'ping' })) break;
      session.isAsked = !session.isHeard;
      session.isHeard = false;
    }
    end({ code: abnormal, reason: 'The server does not answer.' });
  }

  #hear(message: ServerMessage, socket: WebSocket): void {
    if (message.type === 'hello') {
      this.#socket = socket;
      this.#endBreak();
      this.#become({ status: 'live' });
      for (const subscription of this.#subscriptions.values()) subscription.ask();
    } else if ('symbol' in message || message.type === 'article') {
      for (const subscription of this.#subscriptions.values()) {
        if (subscription.wants(message)) subscription.hear(message);
      }
    } else if ('id' in message && message.id !== null) {
      this.#subscriptions.get(message.id)?.hear(message);
    } else if (message.type === 'error') {
      const reason = `${message.detail} ${message.cure}`;
      this.#close({ code: refused, reason }, closedError({ code: refused, why: reason }));
    }
  }

  async #endIfIdle(end: (ending: null) => void): Promise<void> {
    await this.#clock.wait(idleMs);
    if (!this.#isNeeded) end(null);
  }

  #end(): void {
    this.#endSession(null);
    this.#pause.abort();
  }

  #close({ code, reason }: Ending, error: Error | null): void {
    if (this.#state.status === 'closed') return;
    this.#become({ status: 'closed', why: reason, code });
    for (const subscription of this.#subscriptions.values()) {
      if (error) subscription.fail(error);
      else subscription.unsubscribe();
    }
    this.#end();
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

function parse(data: unknown): ServerMessage | null {
  try {
    return JSON.parse(String(data)) as ServerMessage;
  } catch {
    return null;
  }
}

/** Throws TypeError where it is no URL. */
function addressOf(url: Address): string {
  // In a page a path is enough.
  const { location } = globalThis as { location?: { readonly href: string } };
  const address = new URL(url, location?.href);
  address.protocol = address.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(address.protocol)) throw new TypeError(`${url} is no ws: or http: address`);
  if (address.pathname === '/') address.pathname = '/ws';
  return address.href;
}

function closedError({ code, why }: { code: number; why: string }): TapelineError {
  const detail = `The connection was closed for good (${code}). ${why}`.trim();
  return new TapelineError(`closed-${code}`, detail, 'Mend what it says, and connect anew.');
}

// The shared life of a live WebSocket feed: connect, subscribe, read in order, notice silence, come
// back. What differs between exchanges is a WireProtocol; everything that can go wrong with a
// socket is here.
//
// Invariants: frames are taken one at a time, in the order in which they came, also those that came
// just before a cut; waiting frames are bounded by pausing the socket; between two connections lies
// at least the backoff's floor, however the first one ended; a connection leaves nothing behind.

import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { Backoff, type BackoffOptions } from '../base/backoff.ts';
import type { Clock, Micros } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import { refusal, reject } from './admit.ts';
import type { FeedStatus, Intake } from './feed.ts';
import { retryAfterMs } from './http-get.ts';

/** What an exchange says and understands. The session makes one call at a time. */
export interface WireProtocol {
  /** Before each connection: learns what has to be known. Throws what a person must mend. */
  prepare(signal: AbortSignal): Promise<void>;
  /** What to send on a new connection, from the first: nothing is carried over. */
  greeting(): readonly string[];
  /**
   * Takes one text frame that came at `receiveTime` (microseconds). True when the frame shows that
   * the subscription is alive; an open connection without such frames is stale.
   */
  take(frame: string, receiveTime: Micros, connection: string): boolean | Promise<boolean>;
  /** What to send every `pingMs`, where the exchange knows such a message. */
  readonly ping?: string;
  /** What a person should know of the subscription; empty when all is well. */
  readonly trouble: string;
}

export interface SessionLimits {
  readonly backoff: BackoffOptions;
  readonly connectMsMax: number;
  /** Longest time without a sign of life; half of it shows as `stale`. */
  readonly silentMsMax: number;
  /** With a sign of life after this long a connection is proven: the backoff starts anew. */
  readonly provenMsMin: number;
  readonly pingMs: number;
  readonly frameBytesMax: number;
  /** With more bytes than this waiting, the socket is paused. */
  readonly waitingBytesMax: number;
  /** A server may ask for a longer wait than the backoff's, up to this. */
  readonly retryAfterMsMax: number;
}

export const sessionLimits: SessionLimits = {
  backoff: { msMin: 1_000, msMax: 60_000 },
  connectMsMax: 10_000,
  silentMsMax: 15_000,
  provenMsMin: 10_000,
  pingMs: 2_000,
  frameBytesMax: 4 * 2 ** 20,
  waitingBytesMax: 2 ** 20,
  retryAfterMsMax: 600_000,
};

/** Takes structured diagnostics; a pino logger fits. */
export interface FeedLogger {
  warn(fields: object, message: string): void;
}

export interface SessionOptions {
  readonly url: string;
  readonly protocol: WireProtocol;
  readonly clock: Clock;
  readonly random: Prng;
  readonly limits?: Partial<SessionLimits> | undefined;
  readonly logger?: FeedLogger | undefined;
}

export class WebsocketSession {
  readonly #options: SessionOptions;
  readonly #limits: SessionLimits;
  readonly #backoff: Backoff;
  #connection: Connection | null = null;
  #connections = 0;
  #state: 'connecting' | 'waiting' | 'ended' = 'connecting';
  #detail = '';

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#limits = { ...sessionLimits, ...options.limits };
    this.#backoff = new Backoff(this.#limits.backoff, options.random);
  }

  status(): FeedStatus {
    const reconnects = Math.max(0, this.#connections - 1);
    const { trouble } = this.#options.protocol;
    const detail = [this.#detail, trouble].filter((text) => text !== '').join('; ');
    return { state: this.#connection?.state ?? this.#state, detail, reconnects };
  }

  /** Resolves once the signal aborts and the socket is closed. */
  async run(intake: Intake, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#enter('connecting', `connecting to ${this.#options.url}`);
      await this.#options.protocol.prepare(signal);
      if (signal.aborted) break;
      const ending = await this.#connect(intake, signal);
      if (signal.aborted) break;
      await this.#wait(ending, signal);
    }
    this.#enter('ended', '');
  }

  async #connect(intake: Intake, signal: AbortSignal): Promise<Ending> {
    const name = `${this.#options.url} connection ${++this.#connections}`;
    const connection = new Connection(name, this.#options, this.#limits, intake, () => {
      this.#backoff.reset();
    });
    const close = (): void => connection.close();
    signal.addEventListener('abort', close, { once: true });
    this.#connection = connection;
    try {
      return await connection.run();
    } finally {
      this.#connection = null;
      signal.removeEventListener('abort', close);
      connection.dispose();
    }
  }

  async #wait(ending: Ending, signal: AbortSignal): Promise<void> {
    const asked = Math.min(ending.retryAfterMs, this.#limits.retryAfterMsMax);
    const ms = Math.ceil(Math.max(this.#backoff.next(), asked));
    const detail = `${ending.detail}; trying again in ${(ms / 1000).toFixed(1)} s`;
    this.#enter('waiting', detail);
    this.#options.logger?.warn({ url: this.#options.url, waitMs: ms }, detail);
    await this.#options.clock.wait(ms, signal);
  }

  #enter(state: 'connecting' | 'waiting' | 'ended', detail: string): void {
    this.#state = state;
    this.#detail = detail;
  }
}

/** How a connection ended. */
interface Ending {
  readonly detail: string;
  /** How long the server wants to be left alone. */
  readonly retryAfterMs: number;
}

interface Frame {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
  readonly receiveTime: Micros;
}

/** One socket, from the attempt to its end. */
class Connection {
  readonly #name: string;
  readonly #options: SessionOptions;
  readonly #limits: SessionLimits;
  readonly #intake: Intake;
  readonly #proven: () => void;
  readonly #socket: WebSocket;
  readonly #over = new AbortController();
  readonly #waiting: Frame[] = [];
  #waitingBytes = 0;
  #arrived = Promise.withResolvers<void>();
  #busy = false;
  #opened = false;
  #alive = false;
  #openTime: number;
  #aliveTime: number;
  #ending: Ending | null = null;

  constructor(
    name: string,
    options: SessionOptions,
    limits: SessionLimits,
    intake: Intake,
    proven: () => void,
  ) {
    this.#name = name;
    this.#options = options;
    this.#limits = limits;
    this.#intake = intake;
    this.#proven = proven;
    this.#openTime = options.clock.now();
    this.#aliveTime = this.#openTime;
    // Compression would let a small message become a large one; the bound is on what was sent.
    const settings = {
      maxPayload: limits.frameBytesMax,
      perMessageDeflate: false,
      // A peer that does not answer a close is left after this long.
      closeTimeout: 1_000,
    };
    this.#socket = new WebSocket(options.url, settings);
    this.#listen();
  }

  get state(): FeedStatus['state'] {
    if (!this.#alive) return 'connecting';
    const silentMs = (this.#options.clock.now() - this.#aliveTime) / 1000;
    return !this.#busy && silentMs > this.#limits.silentMsMax / 2 ? 'stale' : 'live';
  }

  /** Resolves once the socket is closed and every frame it brought is taken. */
  async run(): Promise<Ending> {
    await Promise.all([this.#read(), this.#watch(), this.#ping()]);
    return this.#ending ?? { detail: 'closed', retryAfterMs: 0 };
  }

  /** Says goodbye; `run` ends when the peer has answered, or did not. */
  close(): void {
    this.#end('closed by us');
    this.#socket.close(1000);
  }

  /** Leaves nothing behind, whatever state the socket is in. */
  dispose(): void {
    this.#finish();
    this.#socket.removeAllListeners();
    // A socket that is torn down while it connects still reports that, to nobody.
    this.#socket.on('error', () => undefined);
    this.#socket.terminate();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('open', () => this.#greet());
    socket.on('message', (bytes: Buffer, isBinary) => this.#receive(bytes, isBinary));
    socket.on('unexpected-response', (_request, response) => this.#refused(response));
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#buryTooLarge();
      this.#end(error.message || 'the connection failed');
    });
    socket.on('close', (code, reason) => {
      this.#end(
        `closed by the exchange: ${code}${reason.length > 0 ? ` ${reason.toString()}` : ''}`,
      );
      this.#finish();
    });
  }

  #greet(): void {
    this.#opened = true;
    this.#openTime = this.#options.clock.now();
    this.#aliveTime = this.#openTime;
    for (const message of this.#options.protocol.greeting()) this.#socket.send(message);
  }

  #receive(bytes: Buffer, isBinary: boolean): void {
    this.#waiting.push({ bytes, isBinary, receiveTime: this.#options.clock.now() });
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > this.#limits.waitingBytesMax) this.#socket.pause();
    this.#arrived.resolve();
  }

  #refused(response: IncomingMessage): void {
    const wait = retryAfterMs(response.headers['retry-after'], this.#options.clock.now());
    this.#end(`refused with HTTP ${response.statusCode}`, wait);
    this.#socket.terminate();
  }

  /** Takes frames until the socket is closed and none is left. */
  async #read(): Promise<void> {
    for (;;) {
      let frame = this.#waiting.shift();
      this.#busy = frame !== undefined;
      for (; frame; frame = this.#waiting.shift()) {
        await this.#take(frame);
        if (this.#intake.free <= 0) await this.#intake.room();
        this.#waitingBytes -= frame.bytes.length;
        if (this.#socket.isPaused && this.#waitingBytes === 0) this.#socket.resume();
      }
      this.#busy = false;
      this.#intake.offer();
      if (this.#over.signal.aborted) return;
      await this.#arrived.promise;
      this.#arrived = Promise.withResolvers<void>();
    }
  }

  async #take({ bytes, isBinary, receiveTime }: Frame): Promise<void> {
    if (isBinary) {
      const found = refusal('bad-frame', 'a binary frame');
      reject(this.#intake.open, found, this.#name, receiveTime, bytes);
      return;
    }
    const taken = this.#options.protocol.take(bytes.toString(), receiveTime, this.#name);
    const alive = typeof taken === 'boolean' ? taken : await taken;
    if (alive) this.#lives();
  }

  #lives(): void {
    this.#alive = true;
    this.#aliveTime = this.#options.clock.now();
    const upMs = (this.#aliveTime - this.#openTime) / 1000;
    if (upMs >= this.#limits.provenMsMin) this.#proven();
  }

  /** Ends a connection that does not open, or that is open and mute. */
  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#over;
    while (!signal.aborted) {
      // While frames wait for us, the silence is ours.
      if (this.#busy) this.#aliveTime = clock.now();
      const msMax = this.#opened ? this.#limits.silentMsMax : this.#limits.connectMsMax;
      const silentMs = (clock.now() - this.#aliveTime) / 1000;
      if (silentMs >= msMax) {
        const what = this.#opened ? 'open but mute' : 'no answer';
        this.#end(`${what} for ${(silentMs / 1000).toFixed(0)} s`);
        this.#socket.terminate();
        return;
      }
      await clock.wait(msMax - silentMs, signal);
    }
  }

  async #ping(): Promise<void> {
    const { clock, protocol } = this.#options;
    const { signal } = this.#over;
    while (protocol.ping !== undefined && !signal.aborted) {
      await clock.wait(this.#limits.pingMs, signal);
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(protocol.ping);
    }
  }

  #buryTooLarge(): void {
    const found = refusal('bad-frame', `longer than ${this.#limits.frameBytesMax} bytes`);
    // The bytes were never taken in; that is what the bound is for.
    reject(this.#intake.open, found, this.#name, this.#options.clock.now(), '');
  }

  /** The first reason is the one that tells. */
  #end(detail: string, waitMs = 0): void {
    this.#ending ??= { detail, retryAfterMs: waitMs };
  }

  #finish(): void {
    this.#over.abort();
    this.#arrived.resolve();
  }
}

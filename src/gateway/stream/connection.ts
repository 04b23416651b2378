// One client. Ready messages go to its transport, all that is due within one turn of the event loop
// in one write; how much may wait there is bounded, and whoever writes must ask `isFull` first. A
// client that stays full, or no longer answers, is closed.

import type { Socket } from 'node:net';
import type { Clock, Micros } from '../../base/clock.ts';
import { Failure, messageOf } from '../../base/failure.ts';
import type { GatewayLimits } from '../limits.ts';
import type { Ready } from './ready.ts';
import type { Transport } from './transport.ts';

/** Up to here it is cheaper to copy what is due than to hand it over piece by piece. */
const copiedBytesMax = 16_384;

/** What a subscription needs of its connection. */
export type Outlet = Pick<Connection, 'isOpen' | 'isFull' | 'write' | 'drained' | 'close'>;

/** The connections that something is due to, until the event loop's turn is over. */
export class WriteTurn {
  #due: Connection[] = [];

  add(connection: Connection): void {
    if (this.#due.push(connection) > 1) return;
    setImmediate(() => {
      const due = this.#due;
      this.#due = [];
      for (const one of due) one.flush();
    });
  }
}

export class Connection {
  readonly #transport: Transport;
  readonly #socket: Socket;
  readonly #limits: GatewayLimits;
  readonly #clock: Clock;
  readonly #turn: WriteTurn;
  #due: Buffer[] = [];
  #dueBytes = 0;
  /** Since when it has not drained; null while it keeps up. */
  #fullSince: Micros | null = null;
  #drained: PromiseWithResolvers<void> | null = null;
  #beatAt: Micros;

  constructor(transport: Transport, turn: WriteTurn, limits: GatewayLimits, clock: Clock) {
    this.#transport = transport;
    this.#socket = transport.socket;
    this.#turn = turn;
    this.#limits = limits;
    this.#clock = clock;
    this.#beatAt = clock.now();
    this.#socket.on('drain', this.#written);
    void this.ended.then(() => {
      this.#socket.off('drain', this.#written); // the next answer on it is another client
      this.#emptied();
    });
  }

  /** Hears what the client says: null for what is no text. */
  listen(hear: (text: string | null) => void, ping: () => void): void {
    this.#transport.listen(hear, ping);
  }

  /** Resolves when it has closed, with a word for what ended it. */
  get ended(): Promise<string> {
    return this.#transport.ended;
  }

  get isOpen(): boolean {
    return this.#transport.isOpen;
  }

  /**
   * Whether more waits for it than may: what comes now goes elsewhere, or waits for `drained`. It
   * stays so until it is empty, or who keeps up could keep others out for ever.
   */
  get isFull(): boolean {
    if (this.#fullSince !== null) return true;
    if (this.#waitingBytes() <= this.#limits.pendingBytesMax) return false;
    this.#fullSince = this.#clock.now();
    return true;
  }

  /**
   * Writes messages of a subscription, or of none; their bytes are shared with other clients and
   * never change.
   */
  write(messages: Ready, id: string | null): void {
    if (!this.isOpen) return;
    const bytes = this.#transport.bytesOf(messages, id);
    this.#dueBytes += bytes.length;
    if (this.#due.push(bytes) === 1) this.#turn.add(this);
  }

  /** Hands what is due to the socket. */
  flush(): void {
    const due = this.#due;
    if (due.length === 0) return;
    const bytes = this.#dueBytes;
    this.#due = [];
    this.#dueBytes = 0;
    if (!this.isOpen) return;
    if (due.length === 1 || bytes <= copiedBytesMax) {
      this.#transport.write(due.length === 1 ? due[0] : Buffer.concat(due, bytes), this.#written);
      return;
    }
    this.#socket.cork();
    const last = due.length - 1;
    for (let index = 0; index < last; index++) this.#transport.write(due[index]);
    this.#transport.write(due[last], this.#written);
    this.#socket.uncork();
  }

  /** Resolves when nothing waits for it any more, or when it has closed. */
  async drained(): Promise<void> {
    if (!this.isOpen || this.#waitingBytes() === 0) return;
    this.#drained ??= Promise.withResolvers();
    await this.#drained.promise;
  }

  /** To be called now and then: shows that we are there, and ends what is too slow or gone. */
  check(): void {
    const now = this.#clock.now();
    if (this.isFull && this.#fullSince !== null) {
      // A client that does not read cannot see the ping behind what it has not read.
      if (now - this.#fullSince >= this.#limits.slowMsMax * 1000) this.close(tooSlow(this.#limits));
      return;
    }
    if (now - this.#beatAt < this.#limits.pingMs * 1000) return;
    this.#beatAt = now;
    this.#transport.beat();
  }

  /** Ends it for a failure, which tells the client whether to come back. */
  close(failure: Failure): void {
    if (!this.isOpen) return;
    this.flush();
    this.#transport.close(failure);
  }

  goAway(): void {
    if (!this.isOpen) return;
    this.flush();
    this.#transport.goAway();
  }

  /** Ends it for a fault of ours. */
  giveUp(): void {
    this.#transport.giveUp();
  }

  readonly #written = (): void => {
    if (this.#waitingBytes() === 0) this.#emptied();
  };

  #waitingBytes(): number {
    return this.#socket.writableLength + this.#dueBytes;
  }

  #emptied(): void {
    this.#fullSince = null;
    this.#drained?.resolve();
    this.#drained = null;
  }
}

function tooSlow({ slowMsMax }: GatewayLimits): Failure {
  return new Failure(
    'slow-consumer',
    `Too slow for ${slowMsMax / 1000} s.`,
    'Read faster, or subscribe to fewer streams.',
  );
}

/** What a subscription that cannot go on tells its client. */
export function failureForClient(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('log-unavailable', messageOf(error), 'Connect again in a moment.');
}

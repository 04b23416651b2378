// A live stream that comes back: a WebSocket that is opened again, with growing and random waits,
// until it is closed here or the server says that there is nothing to come back for. Each
// opening begins with a `hello`, at which its user catches up on what it missed.

import { type Link, link } from './status.ts';

const waitMsMin = 500;
const waitMsMax = 15_000;
/** Close codes from here to 4999 say: do not come back. */
const finalCode = 4500;

export interface StreamHandlers<Message> {
  message(message: Message): void;
}

interface Stamped {
  readonly received?: string;
  readonly snapshot?: { readonly received?: string } | null;
}

export class Stream<Message> {
  readonly #url: string;
  readonly #handlers: StreamHandlers<Message>;
  readonly #link: Link = link();
  #socket: WebSocket | null = null;
  #timer = 0;
  #attempts = 0;
  #isClosed = false;

  constructor(path: string, handlers: StreamHandlers<Message>) {
    this.#url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
    this.#handlers = handlers;
    addEventListener('online', this.#hurry);
    document.addEventListener('visibilitychange', this.#hurry);
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    removeEventListener('online', this.#hurry);
    document.removeEventListener('visibilitychange', this.#hurry);
    this.#link.remove();
    const socket = this.#socket;
    // A browser complains of a socket that is closed before it has opened.
    if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket?.close();
  }

  #open(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      if (this.#isClosed) return;
      const message = JSON.parse(data) as Message & Stamped;
      this.#attempts = 0;
      this.#link.heard(message.snapshot === undefined ? null : (message.snapshot?.received ?? ''));
      this.#handlers.message(message);
    });
    socket.addEventListener('close', ({ code }) => {
      this.#socket = null;
      if (this.#isClosed) return;
      this.#link.lost();
      if (code < finalCode || code > 4999) this.#retryLater();
    });
  }

  #retryLater(): void {
    const ceiling = Math.min(waitMsMax, waitMsMin * 2 ** this.#attempts);
    this.#attempts++;
    const wait = waitMsMin + Math.random() * (ceiling - waitMsMin);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  /** The network or the reader is back: no need to wait. */
  readonly #hurry = (): void => {
    if (this.#socket || this.#isClosed || document.hidden) return;
    clearTimeout(this.#timer);
    this.#open();
  };
}

// A WebSocket that comes back: it is opened again, with growing and random waits, until it is
// closed here or the server says that there is nothing to come back for.

import { type Link, link } from './connection.ts';

const waitMsMin = 500;
const waitMsMax = 15_000;
/** Close codes from here to 4999 say: do not come back. */
const finalCode = 4500;

interface Stamped {
  readonly snapshot?: { readonly received?: string; readonly time?: string } | null;
}

export class Socket<Message> {
  readonly #url: string;
  readonly #take: (message: Message) => void;
  readonly #link: Link;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #isClosed = false;

  /** `flows`: whether it counts as quiet when nothing comes for a while. */
  constructor(path: string, flows: boolean, take: (message: Message) => void) {
    this.#link = link(flows);
    this.#url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
    this.#take = take;
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
      if (message.snapshot === undefined) this.#link.heard();
      else this.#link.heard(message.snapshot?.received ?? '');
      this.#take(message);
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

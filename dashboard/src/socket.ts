// A WebSocket that comes back: it is opened again, with growing and random waits, until it is
// closed here or the server says that there is nothing to come back for. One that has gone mute is
// found by pings, which a browser cannot send by itself.

const waitMsMin = 500;
const waitMsMax = 15_000;
const watchMs = 5_000;
/** After so long without a word it is pinged, and after twice that it is given up. */
const muteMsMax = 15_000;

export interface SocketHandlers {
  opened(): void;
  message(text: string): void;
  /** It comes back by itself, unless that is final. */
  lost(isFinal: boolean): void;
}

export class Socket {
  readonly #url: string;
  readonly #handlers: SocketHandlers;
  readonly #watch: ReturnType<typeof setInterval>;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #heardAt = 0;
  #isClosed = false;

  constructor(path: string, handlers: SocketHandlers) {
    this.#url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
    this.#handlers = handlers;
    this.#watch = setInterval(() => this.#check(), watchMs);
    addEventListener('online', this.#hurry);
    document.addEventListener('visibilitychange', this.#hurry);
    this.#open();
  }

  /** Says nothing while it is not open. */
  send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    removeEventListener('online', this.#hurry);
    document.removeEventListener('visibilitychange', this.#hurry);
    const socket = this.#socket;
    // A browser complains of a socket that is closed before it has opened.
    if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket?.close();
  }

  #open(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#heardAt = performance.now();
    socket.addEventListener('open', () => {
      if (!this.#isClosed) this.#handlers.opened();
    });
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.#heardAt = performance.now();
      this.#attempts = 0;
      if (!this.#isClosed) this.#handlers.message(data);
    });
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket === socket) this.#lose(code);
    });
  }

  #lose(code: number): void {
    this.#socket = null;
    if (this.#isClosed) return;
    const isFinal = !mayReturn(code);
    this.#handlers.lost(isFinal);
    if (!isFinal) this.#retryLater();
  }

  #retryLater(): void {
    const ceiling = Math.min(waitMsMax, waitMsMin * 2 ** this.#attempts);
    this.#attempts++;
    const wait = waitMsMin + Math.random() * (ceiling - waitMsMin);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #check(): void {
    const muteMs = performance.now() - this.#heardAt;
    const socket = this.#socket;
    if (!socket || muteMs < muteMsMax) return;
    if (muteMs < 2 * muteMsMax) {
      this.send({ op: 'ping' });
      return;
    }
    socket.close();
    this.#lose(1006); // its own end may take minutes
  }

  /** The network or the reader is back: no need to wait. */
  readonly #hurry = (): void => {
    if (this.#socket || this.#isClosed || document.hidden) return;
    clearTimeout(this.#timer);
    this.#open();
  };
}

/** As docs/WEBSOCKET.md has it. */
function mayReturn(code: number): boolean {
  return code === 1001 || code === 1006 || code === 1011 || (code >= 4000 && code < 4500);
}

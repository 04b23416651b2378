// A WebSocket. `ws` has done the handshake, reads what the client says and answers its pings; what
// is told goes past it as ready frames, straight to the socket.

import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Failure } from '../../base/failure.ts';
import type { Ready } from './ready.ts';
import type { Transport } from './transport.ts';

/** RFC 6455, section 7.4.1: the server goes away; it met what it did not expect. */
const goingAway = 1001;
const internalError = 1011;
/** A close frame's reason holds at most this many bytes. */
const reasonBytesMax = 123;

export class WebSocketTransport implements Transport {
  readonly socket: Socket;
  readonly #webSocket: WebSocket;
  readonly #ended = Promise.withResolvers<string>();
  #reason = 'client';
  #isAnswered = true;
  readonly #takesDeflated: boolean;

  constructor(webSocket: WebSocket, socket: Socket, takesDeflated: boolean) {
    this.socket = socket;
    this.#webSocket = webSocket;
    this.#takesDeflated = takesDeflated;
    webSocket.on('pong', () => {
      this.#isAnswered = true;
    });
    // `ws` closes on bad frames.
    webSocket.on('error', () => {
      this.#reason = 'bad-frame';
    });
    webSocket.on('close', () => this.#ended.resolve(this.#reason));
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  bytesOf(messages: Ready): Buffer {
    return (this.#takesDeflated && messages.deflated) || messages.frames;
  }

  write(bytes: Buffer, written?: () => void): void {
    this.socket.write(bytes, written);
  }

  listen(hear: (text: string | null) => void, ping: () => void): void {
    this.#webSocket.on('message', (data: Buffer, isBinary) => {
      if (this.isOpen) hear(isBinary ? null : data.toString());
    });
    this.#webSocket.on('ping', ping);
  }

  beat(): void {
    if (!this.#isAnswered) {
      this.#reason = 'no-pong';
      this.#webSocket.terminate();
      return;
    }
    this.#isAnswered = false;
    this.#webSocket.ping();
  }

  close(failure: Failure): void {
    this.#reason = failure.code;
    const text = Buffer.from(`${failure.message} ${failure.cure}`).subarray(0, reasonBytesMax);
    this.#webSocket.close(failure.kind.close, text.toString('latin1'));
  }

  goAway(): void {
    this.#reason = 'shutdown';
    this.#webSocket.close(goingAway, 'The server stops. Connect again in a moment.');
  }

  giveUp(): void {
    this.#reason = 'internal';
    this.#webSocket.close(internalError, 'The server failed. Connect again in a moment.');
  }
}

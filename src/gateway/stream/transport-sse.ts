// Server-sent events (WHATWG HTML, section 9.2): an HTTP answer that never ends, with an event for
// each message. The id of an event says where every subscription of the stream is once it is heard,
// so that a browser, which gives back the last one by itself, misses nothing and hears nothing
// twice.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Failure } from '../../base/failure.ts';
import { formatEventId, Whereabouts } from '../cursor.ts';
import { type Ready, ready } from './ready.ts';
import { framePayloads } from './text-frames.ts';
import type { Transport } from './transport.ts';

/** How long a browser waits before it comes back. */
const retryMs = 1_000;
const opening = `retry: ${retryMs}\n\n`;
const heartbeat = Buffer.from(':\n\n');
const dataField = Buffer.from('data: ');
const endOfEvent = Buffer.from('\n\n');
const cursorKey = '"cursor":"';

/**
 * Messages that leave their subscription where it is: until what follows a gap is heard, it would
 * be told again.
 */
const still = ['hello', 'history', 'gap', 'error'];

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // For nginx, which else keeps an answer until it has some kilobytes of it.
  'x-accel-buffering': 'no',
} as const;

/** Whether this is a browser's EventSource, or asks as one does. */
export function wantsEvents({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes('text/event-stream') ?? false;
}

/** A stream that ends at once: a browser comes back, and says again what it heard last. */
export function answerLater(response: ServerResponse, more: OutgoingHttpHeaders): void {
  response.writeHead(200, { ...more, ...headers });
  response.end(opening);
}

export class EventTransport implements Transport {
  readonly socket: Socket;
  readonly #response: ServerResponse;
  /** By subscription, in the order of the stream. */
  readonly #places = new Map<string, Whereabouts>();
  readonly #ended = Promise.withResolvers<string>();
  #reason = 'refused';

  /**
   * `cursors` are those from which its subscriptions go on. Throws Failure `bad-request` for an
   * answer behind another on one connection: there is no seeing what waits in it.
   */
  constructor(response: ServerResponse, socket: Socket, cursors: ReadonlyMap<string, string>) {
    if (response.socket !== socket) {
      const detail = 'This request was sent before the one before it was answered.';
      throw new Failure('bad-request', detail, 'Send it on a connection of its own.');
    }
    this.socket = socket;
    this.#response = response;
    for (const [id, cursor] of cursors) {
      const place = new Whereabouts();
      place.begin(cursor);
      this.#places.set(id, place);
    }
    response.on('close', () => this.#ended.resolve(this.#reason));
  }

  /** Until then nothing is told, and the answer may still be another. */
  open(more: OutgoingHttpHeaders): void {
    this.#reason = 'client';
    this.#response.writeHead(200, { ...more, ...headers });
    this.#response.write(opening);
  }

  get isOpen(): boolean {
    const { headersSent, writableEnded, destroyed } = this.#response;
    return headersSent && !writableEnded && !destroyed;
  }

  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  bytesOf({ frames }: Ready, id: string | null): Buffer {
    const parts: Buffer[] = [];
    for (const payload of framePayloads(frames)) {
      if (this.#move(payload, id)) {
        const cursors = this.#places.values().map(({ cursor }) => cursor);
        parts.push(Buffer.from(`id: ${formatEventId(cursors)}\n`));
      }
      parts.push(dataField, payload, endOfEvent);
    }
    return Buffer.concat(parts);
  }

  write(bytes: Buffer, written?: () => void): void {
    this.#response.write(bytes, written);
  }

  /** A client of this says nothing. */
  listen(): void {}

  beat(): void {
    this.#response.write(heartbeat);
  }

  close(failure: Failure): void {
    this.#reason = failure.code;
    const { code, message, cure } = failure;
    const last = ready({ type: 'error', id: null, code, detail: message, cure });
    this.#end(this.bytesOf(last, null));
  }

  goAway(): void {
    this.#reason = 'shutdown';
    this.#end();
  }

  giveUp(): void {
    this.#reason = 'internal';
    this.#end();
  }

  /** Who does not read is not waited for: it comes back and goes on from where it was. */
  #end(last?: Buffer): void {
    if (last) this.#response.write(last);
    this.#response.end();
    if (this.socket.writableLength > 0) this.socket.destroy();
  }

  /** Takes over where its subscription is after this message; answers whether that has changed. */
  #move(payload: Buffer, id: string | null): boolean {
    const place = id === null ? undefined : this.#places.get(id);
    const type = typeOf(payload);
    if (!place || still.includes(type)) return false;
    if (type === 'subscribed') place.begin(cursorOf(payload));
    else if (type === 'skip') place.move((JSON.parse(payload.toString()) as { to: string }).to);
    else place.move(cursorOf(payload));
    return true;
  }
}

function typeOf(payload: Buffer): string {
  const typeAt = '{"type":"'.length;
  return payload.toString('latin1', typeAt, payload.indexOf('"', typeAt));
}

/** The first is that of the message: within strings the quotes would be escaped. */
function cursorOf(payload: Buffer): string {
  const at = payload.indexOf(cursorKey) + cursorKey.length;
  return payload.toString('latin1', at, payload.indexOf('"', at));
}

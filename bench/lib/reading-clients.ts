// Many WebSocket clients in a process of their own, which count what they hear and parse nothing,
// so that it is the server that is measured. The parent sends one `Task`, then anything for news.

import { once } from 'node:events';
import { connect } from 'node:net';

export interface ClientsTask {
  readonly url: string;
  readonly clients: number;
  /** What each says once it is connected; null for nothing. */
  readonly says: string | null;
}

/** Counts frames that a server sends, however the network has cut them. */
class FrameCounter {
  count = 0;
  #head: number[] = [];
  #left = 0;

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, chunk.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      this.#head.push(chunk[at++]);
      this.#left = payloadOf(this.#head);
      if (this.#left < 0) {
        this.#left = 0;
        continue;
      }
      this.#head = [];
      this.count++;
    }
  }
}

/** Bytes of the payload; -1 while the head is not whole. */
function payloadOf(head: readonly number[]): number {
  if (head.length < 2) return -1;
  const wanted = head[1] < 126 ? 2 : head[1] === 126 ? 4 : 10;
  if (head.length < wanted) return -1;
  if (wanted === 2) return head[1];
  return head.slice(2).reduce((length, byte) => length * 256 + byte, 0);
}

/** A client's text frame; masked, with a mask of zeros. */
function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.from([
    0x81,
    0x80 | 126,
    payload.length >> 8,
    payload.length & 255,
    0,
    0,
    0,
    0,
  ]);
  return Buffer.concat([head, payload]);
}

async function greet({ url, says }: ClientsTask, counter: FrameCounter): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  counter.take(answer.subarray(answer.indexOf('\r\n\r\n') + 4));
  socket.on('data', (chunk: Buffer) => counter.take(chunk));
  if (says !== null) socket.write(clientFrame(says.padEnd(126)));
}

if (process.send) {
  const [task] = (await once(process, 'message')) as [ClientsTask];
  const counters = Array.from({ length: task.clients }, () => new FrameCounter());
  // Some at a time, as a server's backlog has room for.
  for (let index = 0; index < counters.length; index += 100) {
    const some = counters.slice(index, index + 100);
    await Promise.all(some.map((counter) => greet(task, counter)));
  }
  const total = (): number => counters.reduce((sum, { count }) => sum + count, 0);
  process.on('message', () => process.send?.(total()));
  process.send(total());
}

// Many WebSocket clients in a process of their own, which count what they hear and parse nothing,
// so that it is the server that is measured; of some they also look how old it is. The parent sends
// one `Task`, then anything for news.

import { once } from 'node:events';
import { connect } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';
import { parseTime } from '../../src/contracts/time.ts';

export interface ClientsTask {
  readonly url: string;
  readonly clients: number;
  /** What they say once they are connected, each one of these in turn; JSON objects. */
  readonly says: readonly string[];
  /** Of every so manieth client it is looked how old what it hears is; none without. */
  readonly timedOneIn?: number;
}

export interface ClientsNews {
  readonly messages: number;
  /** Since `received`, microseconds: of the first message of each piece that came. Told once. */
  readonly ages: readonly number[];
}

const receivedKey = '"received":"';

/** How old the first message of a piece is; a moment as ISO 8601 has at most 27 characters. */
function ageOf(chunk: Buffer): number | null {
  const at = chunk.indexOf(receivedKey);
  if (at < 0) return null;
  const text = chunk.toString('latin1', at + receivedKey.length, at + receivedKey.length + 27);
  const received = parseTime(text.slice(0, text.indexOf('"')));
  return received === null ? null : systemClock.now() - received;
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

async function greet(
  { url, says, timedOneIn = 0 }: ClientsTask,
  index: number,
  counter: FrameCounter,
  ages: number[],
): Promise<void> {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  counter.take(answer.subarray(answer.indexOf('\r\n\r\n') + 4));
  const isTimed = timedOneIn > 0 && index % timedOneIn === 0;
  socket.on('data', (chunk: Buffer) => {
    counter.take(chunk);
    const age = isTimed ? ageOf(chunk) : null;
    if (age !== null) ages.push(age);
  });
  if (says.length > 0) socket.write(clientFrame(says[index % says.length].padEnd(126)));
}

if (process.send) {
  const [task] = (await once(process, 'message')) as [ClientsTask];
  const counters = Array.from({ length: task.clients }, () => new FrameCounter());
  const ages: number[] = [];
  // Some at a time, as a server's backlog has room for.
  for (let index = 0; index < counters.length; index += 100) {
    const some = counters.slice(index, index + 100);
    await Promise.all(some.map((counter, at) => greet(task, index + at, counter, ages)));
  }
  const tell = (): void => {
    const messages = counters.reduce((sum, { count }) => sum + count, 0);
    const news: ClientsNews = { messages, ages: ages.splice(0) };
    process.send?.(news);
  };
  process.on('message', tell);
  tell();
}

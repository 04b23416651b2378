// COPY over a connection of `pg`, into a table and out of a query, in the binary format of
// copy-binary.ts. Both keep pace with the other side: nothing piles up.

import type { Duplex } from 'node:stream';
import type { Client, ClientBase, Connection, Submittable } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { CopyReader } from './copy-binary.ts';

/**
 * Runs `copy target from stdin`. A chunk has left us before the next is asked for, so all may lie
 * in one buffer; PostgreSQL works on one while the next is made.
 */
export async function copyIn(
  client: Client,
  target: string,
  chunks: Iterable<Uint8Array>,
): Promise<void> {
  const copy = new CopyIn(`copy ${target} from stdin (format binary)`);
  client.query(copy);
  await copy.send(chunks);
}

/**
 * Runs `copy (query) to stdout` and has `take` read each row, whose number counts from 0 in each
 * batch. Yields how many rows a batch has: `rowsAtOnce`, or fewer at the end.
 */
export async function* copyOut(
  client: ClientBase,
  query: string,
  rowsAtOnce: number,
  take: (reader: CopyReader, row: number) => void,
): AsyncGenerator<number> {
  const reader = new CopyReader();
  let count = 0;
  for await (const chunk of client.query(copyTo(`copy (${query}) to stdout (format binary)`))) {
    reader.push(chunk as Buffer);
    while (reader.next()) {
      take(reader, count++);
      if (count < rowsAtOnce) continue;
      yield count;
      count = 0;
    }
  }
  if (count > 0) yield count;
}

// Messages of the protocol; https://www.postgresql.org/docs/current/protocol-message-formats.html
const copyData = 0x64;
const copyDone = Buffer.from([0x63, 0, 0, 0, 4]);
const copyFail = Buffer.from([0x66, 0, 0, 0, 5, 0]);

/**
 * The query that `pg` drives. The stream of pg-copy-streams would do, but it does not tell when a
 * chunk has left, and a new buffer for each would keep the garbage collector busy.
 */
class CopyIn implements Submittable {
  readonly #text: string;
  readonly #started = Promise.withResolvers<Duplex>();
  readonly #ended = Promise.withResolvers<void>();
  #isOver = false;

  constructor(text: string) {
    this.#text = text;
    // It may fail before anybody waits for it.
    this.#ended.promise.catch(() => undefined);
  }

  async send(chunks: Iterable<Uint8Array>): Promise<void> {
    const socket = await this.#started.promise;
    try {
      for (const chunk of chunks) {
        if (this.#isOver || socket.destroyed) break;
        await flushed(socket, chunk);
      }
    } catch (error) {
      socket.write(copyFail);
      await this.#ended.promise.catch(() => undefined);
      throw error;
    }
    // After an error PostgreSQL passes over whatever still comes, this too.
    socket.write(copyDone);
    await this.#ended.promise;
  }

  submit(connection: Connection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse(connection: Connection): void {
    this.#started.resolve(connection.stream);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#isOver = true;
    this.#ended.resolve();
  }

  handleError(error: Error): void {
    this.#isOver = true;
    this.#started.reject(error);
    this.#ended.reject(error);
  }
}

/** Resolves when the kernel has the chunk, or never will: then the connection's end tells. */
async function flushed(socket: Duplex, chunk: Uint8Array): Promise<void> {
  const head = Buffer.alloc(5);
  head.writeUInt8(copyData);
  head.writeUInt32BE(4 + chunk.length, 1);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.write(head);
  socket.write(chunk, () => resolve());
  await promise;
}

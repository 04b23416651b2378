// Opens a recorded file: its digest, and the bytes of what is in it, whether it is a zip, a gzip or
// plain, which its first bytes tell. Everything is read in pieces, so a file may be larger than
// memory; and a damaged one gives all that can be read before it fails.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { crc32, createGunzip, createInflateRaw, type Gunzip, type InflateRaw } from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { Failure, messageOf } from '../../base/failure.ts';

/** Digits of a file's digest that name it. */
const digestLength = 16;
const pieceBytes = 256 * 1024;

/** A file, or one file in a zip. */
export interface Part {
  /** The name inside a zip; null for the file itself. */
  readonly entry: string | null;
  /** Throws a Failure after the last byte that can be read, when that is not the end. */
  read(): AsyncGenerator<Buffer>;
}

export class RecordedFile {
  readonly path: string;
  /** The first 16 hex digits of the SHA-256 of the file as it lies on disk. */
  readonly digest: string;
  readonly bytesTotal: number;
  bytesRead = 0;
  readonly #kind: 'zip' | 'gzip' | 'plain';

  private constructor(path: string, digest: string, bytesTotal: number, start: Buffer) {
    this.path = path;
    this.digest = digest;
    this.bytesTotal = bytesTotal;
    this.#kind = kindOf(start);
  }

  static async open(path: string): Promise<RecordedFile> {
    try {
      const info = await stat(path);
      if (info.isDirectory()) {
        throw badFile(`${path} is a folder`, `Name the files in it: ${path}/*.`);
      }
      if (!info.isFile()) {
        throw badFile(`${path} is no plain file`, 'Save it as one: it is read more than once.');
      }
      if (info.size === 0) throw badFile(`${path} is empty`, 'Fetch it again.');
      const digest = await digestOf(path);
      return new RecordedFile(path, digest, info.size, await startOf(path));
    } catch (error) {
      throw asFailure(path, error);
    }
  }

  async *parts(): AsyncGenerator<Part> {
    if (this.#kind === 'zip') yield* this.#entries();
    else yield { entry: null, read: () => this.#read(0, this.bytesTotal, this.#unpacker()) };
  }

  #unpacker(): Unpacker | null {
    return this.#kind === 'gzip' ? createGunzip({ chunkSize: pieceBytes }) : null;
  }

  async *#entries(): AsyncGenerator<Part> {
    const zip = await this.#openZip();
    let count = 0;
    try {
      for await (const entry of zip.eachEntry()) {
        if (entry.fileName.endsWith('/') || entry.fileName.startsWith('__MACOSX/')) continue;
        count++;
        yield { entry: entry.fileName, read: () => this.#readEntry(zip, entry) };
      }
    } catch (error) {
      throw badZip(this.path, error);
    } finally {
      zip.close();
    }
    if (count === 0) throw badFile(`${this.path} is a zip with no file in it`, 'Fetch it again.');
  }

  async #openZip(): Promise<ZipFile> {
    try {
      return await openPromise(this.path, { autoClose: false, lazyEntries: true });
    } catch (error) {
      throw badZip(this.path, error);
    }
  }

  async *#readEntry(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
    const name = `${this.path}/${entry.fileName}`;
    const deflated = entry.compressionMethod === 8;
    if (entry.isEncrypted() || !(deflated || entry.compressionMethod === 0)) {
      const how = entry.isEncrypted() ? 'encrypted' : `packed by method ${entry.compressionMethod}`;
      throw badFile(
        `${name} is ${how}, which we cannot read`,
        'Unpack it, and replay what it held.',
      );
    }
    const from = await this.#dataStart(zip, entry);
    const unpacker = deflated ? createInflateRaw({ chunkSize: pieceBytes }) : null;
    let sum = 0;
    for await (const piece of this.#read(from, from + entry.compressedSize, unpacker)) {
      sum = crc32(piece, sum);
      yield piece;
    }
    if (sum !== entry.crc32) {
      throw badFile(`${name} is damaged: its checksum is wrong`, 'Fetch it again.');
    }
  }

  async #dataStart(zip: ZipFile, entry: Entry): Promise<number> {
    try {
      return (await zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
    } catch (error) {
      throw badZip(this.path, error);
    }
  }

  async *#read(from: number, to: number, unpacker: Unpacker | null): AsyncGenerator<Buffer> {
    const pieces = this.#pieces(from, to);
    try {
      if (unpacker) yield* unpack(pieces, unpacker);
      else yield* pieces;
    } catch (error) {
      throw asFailure(this.path, error);
    }
  }

  async *#pieces(from: number, to: number): AsyncGenerator<Buffer> {
    if (to <= from) return;
    const options = { start: from, end: to - 1, highWaterMark: pieceBytes };
    for await (const piece of createReadStream(this.path, options)) {
      this.bytesRead += (piece as Buffer).length;
      yield piece as Buffer;
    }
  }
}

type Unpacker = Gunzip | InflateRaw;

/**
 * Unpacks one piece ahead of the reader, on zlib's own thread. Its output is collected by event and
 * not by iterating the stream, which would drop what came just before an error.
 */
async function* unpack(pieces: AsyncIterable<Buffer>, unpacker: Unpacker): AsyncGenerator<Buffer> {
  const ended = Promise.withResolvers<Error | null>();
  const unpacked: Buffer[] = [];
  unpacker.on('data', (piece: Buffer) => unpacked.push(piece));
  unpacker.on('error', ended.resolve);
  // The last of its output comes before it closes, not before it has finished.
  unpacker.on('close', () => ended.resolve(null));
  // A piece that zlib chokes on is never answered.
  const unpackNext = (piece: Buffer): Promise<Error | null> => {
    const taken = Promise.withResolvers<null>();
    unpacker.write(piece, () => taken.resolve(null));
    return Promise.race([taken.promise, ended.promise]);
  };
  let working: Promise<Error | null> = Promise.resolve(null);
  try {
    for await (const piece of pieces) {
      if (await working) break;
      const ready = unpacked.splice(0);
      working = unpackNext(piece);
      yield* ready;
    }
    await working;
    unpacker.end();
    const failure = await ended.promise;
    yield* unpacked;
    if (failure) throw failure;
  } finally {
    unpacker.destroy();
  }
}

function kindOf(start: Buffer): 'zip' | 'gzip' | 'plain' {
  if (start.readUInt16BE(0) === 0x1f8b) return 'gzip';
  const mark = start.readUInt32BE(0);
  return mark === 0x504b0304 || mark === 0x504b0506 ? 'zip' : 'plain';
}

/** The first 4 bytes, zeros where there are fewer. */
async function startOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const start = Buffer.alloc(4);
    await file.read(start, 0, start.length, 0);
    return start;
  } finally {
    await file.close();
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: pieceBytes })) {
    hash.update(piece as Buffer);
  }
  return hash.digest('hex').slice(0, digestLength);
}

function badZip(path: string, error: unknown): Failure {
  return badFile(
    `${path} is a zip that is cut short or damaged (${messageOf(error)})`,
    'Fetch it again, and whole: a zip has its table of contents at its end.',
  );
}

export function badFile(message: string, cure: string): Failure {
  return new Failure('bad-file', message, cure);
}

const cures: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['there is no such file', 'Check the path.'],
  EACCES: ['it may not be read', 'Give this user the right to read it.'],
  Z_BUF_ERROR: ['it is cut short', 'Fetch it again, and whole.'],
  Z_DATA_ERROR: ['it is damaged', 'Fetch it again.'],
};

function asFailure(path: string, error: unknown): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  const [what, cure] = cures[code] ?? [error.message, 'Check the disk, or fetch the file again.'];
  return badFile(`${path}: ${what}`, cure);
}

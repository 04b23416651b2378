// Answers out of memory: made once between two changes of it, however many ask. What is kept is the
// text, the tag that names it, and what each encoding makes of it.

import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import negotiate from '@fastify/accept-negotiator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tagOf } from './etag.ts';
import type { GatewayLimits } from './limits.ts';

const brotliOptions = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

/** On this thread, and on another. */
const compressors = {
  zstd: [
    (text: Buffer) => zlib.zstdCompressSync(text),
    promisify<Buffer, Buffer>(zlib.zstdCompress),
  ],
  br: [
    (text: Buffer) => zlib.brotliCompressSync(text, brotliOptions),
    (text: Buffer) => promisify(zlib.brotliCompress)(text, brotliOptions),
  ],
  gzip: [(text: Buffer) => zlib.gzipSync(text), promisify<Buffer, Buffer>(zlib.gzip)],
} as const;

type Encoding = keyof typeof compressors;

/** Of an answer, the first that a client accepts equally well. */
export const encodings = Object.keys(compressors) as Encoding[];

class Answer {
  readonly version: number;
  readonly text: string;
  readonly tag: string;
  readonly #compressed = new Map<Encoding, Buffer | Promise<Buffer>>();

  constructor(version: number, text: string) {
    this.version = version;
    this.text = text;
    this.tag = tagOf(text);
  }

  compressed(encoding: Encoding, atOnceMax: number): Buffer | Promise<Buffer> {
    return this.#compressed.getOrInsertComputed(encoding, () => {
      const [atOnce, later] = compressors[encoding];
      return (this.text.length > atOnceMax ? later : atOnce)(Buffer.from(this.text));
    });
  }
}

/** Of one route: an answer to each thing that can be asked of it. */
export class Answers {
  readonly #limits: GatewayLimits;
  readonly #answers = new Map<string, Answer>();

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
  }

  /** What `make` says, unless it has said it for this `version` of `asked` already. */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    { asked, version, make }: { asked: string; version: number; make: () => object },
  ): FastifyReply | Promise<Buffer> {
    let answer = this.#answers.get(asked);
    if (answer?.version !== version) {
      answer = new Answer(version, reply.serialize(make()) as string);
      this.#answers.set(asked, answer);
    }
    reply.type('application/json; charset=utf-8').header('etag', answer.tag);
    const accepted = request.headers['accept-encoding'];
    const isLong = answer.text.length >= this.#limits.compressedBytesMin;
    const encoding = accepted !== undefined && isLong ? negotiate(accepted, encodings) : null;
    if (encoding === null) return reply.send(answer.text);
    reply.header('content-encoding', encoding);
    const packed = answer.compressed(encoding, this.#limits.compressedAtOnceBytesMax);
    return packed instanceof Promise ? packed : reply.send(packed);
  }
}

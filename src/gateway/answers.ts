// Answers out of memory: made once between two changes of it, however many ask. What is kept is the
// text, the tag that names it, and what each encoding makes of it.

import {
  brotliCompressSync,
  zstdCompressSync as compressZstd,
  constants,
  gzipSync,
} from 'node:zlib';
import negotiate from '@fastify/accept-negotiator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tagOf } from './etag.ts';
import type { GatewayLimits } from './limits.ts';

const brotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const compressors = {
  zstd: (text: Buffer) => compressZstd(text),
  br: (text: Buffer) => brotliCompressSync(text, brotliOptions),
  gzip: (text: Buffer) => gzipSync(text),
};

/** Of an answer, the first that a client accepts equally well. */
export const encodings = Object.keys(compressors) as (keyof typeof compressors)[];

class Answer {
  readonly version: number;
  readonly text: string;
  readonly tag: string;
  readonly #compressed = new Map<keyof typeof compressors, Buffer>();

  constructor(version: number, text: string) {
    this.version = version;
    this.text = text;
    this.tag = tagOf(text);
  }

  compressed(encoding: keyof typeof compressors): Buffer {
    return this.#compressed.getOrInsertComputed(encoding, () => {
      return compressors[encoding](Buffer.from(this.text));
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
  ): FastifyReply {
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
    return reply.header('content-encoding', encoding).send(answer.compressed(encoding));
  }
}

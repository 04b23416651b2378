// Histories as files, streamed from the store at the pace of whoever reads them. A file holds all
// that the log held when it was asked for: the store is given time to catch up. A few at a time.

import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Topic } from '../log/log.ts';
import type { Exports } from '../store/exports.ts';
import { contentTypes, type FileFormat } from './history-format.ts';
import type { GatewayLimits } from './limits.ts';
import type { SeamSources } from './seam/unstored.ts';
import type { ServedShards } from './served-shards.ts';

export interface FileQuestion {
  readonly format: FileFormat;
  /** Without its ending. */
  readonly name: string;
  /** What it is made of. */
  readonly topics: readonly Topic[];
  readonly rows: (exports: Exports, signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

const catchUpStepMs = 10;
/** What has no place in the question for a whole span. */
const pageParameters = ['limit', 'cursor', 'indicators'];

export class HistoryFiles {
  readonly #exports: Exports;
  readonly #shards: ServedShards;
  readonly #limits: GatewayLimits;
  readonly #clock: Clock;
  #open = 0;

  constructor(exports: Exports, shards: ServedShards, limits: GatewayLimits, clock: Clock) {
    this.#exports = exports;
    this.#shards = shards;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Milliseconds that one may take. */
  get msMax(): number {
    return this.#limits.fileMsMax;
  }

  /** Throws a Failure as long as nothing was sent; later the connection breaks off. */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    { format, name, topics, rows }: FileQuestion,
  ): Promise<FastifyReply> {
    requireWhole(request.url, format);
    const file = `${name.replaceAll(/[^\w.-]+/g, '-')}.${format}`;
    const head = { 'content-disposition': `attachment; filename="${file}"` };
    if (request.method === 'HEAD') {
      return reply.headers(head).type(contentTypes[format]).send(Readable.from([]));
    }
    const gone = this.#begin(reply);
    // An instrument that was renamed may be in several.
    for (const { sources } of this.#shards.all) {
      for (const topic of topics) await this.#caughtUp(sources, topic, gone);
    }
    const chunks = rows(this.#exports, gone)[Symbol.asyncIterator]();
    const first = await chunks.next();
    reply.raw.setTimeout(this.#limits.slowMsMax);
    return reply
      .headers(head)
      .type(contentTypes[format])
      .send(Readable.from(from(first, chunks)));
  }

  /** Aborts when the answer is over, whoever ended it. */
  #begin(reply: FastifyReply): AbortSignal {
    const { filesAtOnceMax } = this.#limits;
    if (this.#open >= filesAtOnceMax) {
      const what = `${filesAtOnceMax} files are being sent already.`;
      throw new Failure('limit-exceeded', what, 'Ask again in a moment.');
    }
    const gone = new AbortController();
    this.#open++;
    reply.raw.once('close', () => {
      this.#open--;
      gone.abort();
    });
    return gone.signal;
  }

  /** Resolves once the store holds what the log holds now. */
  async #caughtUp({ log, stored }: SeamSources, topic: Topic, gone: AbortSignal): Promise<void> {
    const { end } = log.range(topic);
    const { catchUpMsMax } = this.#limits;
    for (let waitedMs = 0; stored(topic) < end; waitedMs += catchUpStepMs) {
      gone.throwIfAborted();
      if (waitedMs >= catchUpMsMax) {
        const what = `The store is ${end - stored(topic)} records of ${topic} behind.`;
        throw new Failure('not-ready', what, 'Ask again in a moment, or for JSON, page by page.');
      }
      await this.#clock.wait(catchUpStepMs, gone);
    }
  }
}

/** Throws Failure `bad-request` where a part of the span is asked for. */
function requireWhole(url: string, format: FileFormat): void {
  const given = new URLSearchParams(url.split('?')[1]);
  const refused = pageParameters.find((name) => given.has(name));
  if (refused === undefined) return;
  throw new Failure(
    'bad-request',
    `A file as ${format} holds the whole span: it has no "${refused}".`,
    'Leave it out, and give from and to; or ask for JSON, page by page.',
  );
}

async function* from(
  { done, value }: IteratorResult<Uint8Array>,
  others: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (done) return;
  try {
    yield value;
    for (let next = await others.next(); !next.done; next = await others.next()) yield next.value;
  } finally {
    await others.return?.();
  }
}

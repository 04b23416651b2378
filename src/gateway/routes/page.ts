// The dashboard: one document for each of its pages, which a browser asks for again every time, and
// what that loads, which is named after its content and so is never asked for twice.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Failure } from '../../base/failure.ts';
import { isAmong } from '../etag.ts';
import type { PageFile } from '../page-files.ts';
import type { HttpServer } from '../server.ts';

/** What the router of the dashboard knows. */
const pages = ['/', '/symbols/:symbol', '/alerts', '/pipeline'];
/** The files are compressed beforehand. */
const asItIs = { schema: { hide: true }, compress: false } as const;
const documentPath = '/index.html';

export function pageRoutes(app: HttpServer, files: readonly PageFile[]): void {
  const document = files.find(({ path }) => path === documentPath);
  for (const page of pages) {
    app.get(page, asItIs, (request, reply) => {
      if (document) return send(document, 'no-cache', request, reply);
      const cure = 'Run `./tapeline build`, and start again.';
      throw new Failure('not-found', 'The dashboard is not built.', cure);
    });
  }
  for (const file of files) {
    if (file === document) continue;
    const isNamedByContent = file.path.startsWith('/assets/');
    const caching = isNamedByContent ? 'public, max-age=31536000, immutable' : 'no-cache';
    app.get(file.path, asItIs, (request, reply) => send(file, caching, request, reply));
  }
}

function send(
  { type, bytes, encoded, etag: content }: PageFile,
  caching: string,
  { headers }: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const accepted = headers['accept-encoding'] ?? '';
  const [encoding, body] = encoded.find(([one]) => accepts(accepted, one)) ?? ['identity', bytes];
  const etag = `"${content}-${encoding}"`;
  reply.headers({ etag, 'cache-control': caching });
  if (encoded.length > 0) reply.header('vary', 'accept-encoding');
  if (isAmong(headers['if-none-match'], etag)) return reply.code(304).send();
  if (encoding !== 'identity') reply.header('content-encoding', encoding);
  return reply.type(type).send(body);
}

/** Whether the header lists the encoding, and not with a weight of 0. */
function accepts(header: string, encoding: string): boolean {
  return header.split(',').some((item) => {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    return name === encoding && !parameters.some((one) => /^q=0(\.0*)?$/.test(one));
  });
}

// Answers that may be kept and must be asked for again each time: nothing of ours is closed for
// ever, since a late trade or a rebuild may change any candle. Who has the answer already is told
// so in a few bytes. The tag is weak, as the same answer goes out in several encodings.

import { hash } from 'node:crypto';
import type { HttpServer } from './server.ts';

const kept = 'no-cache';

/** As OpenAPI has it. */
const notModified = {
  type: 'null',
  description: 'The same as what If-None-Match names',
  headers: { ETag: { type: 'string', description: 'The tag of the answer, weak' } },
};

/** Of the routes that are added to `app` after it; errors are kept by nobody. */
export function revalidate(app: HttpServer): void {
  app.addHook('onRoute', (route) => {
    const { response } = (route.schema ?? {}) as { response?: object };
    route.schema = { ...route.schema, response: { ...response, 304: notModified } };
  });
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': kept, vary: 'accept-encoding' });
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const isKept = reply.statusCode === 200 && reply.getHeader('cache-control') === kept;
    if (!isKept || typeof payload !== 'string') return payload;
    const etag = `W/"${hash('sha1', payload, 'base64url')}"`;
    reply.header('etag', etag);
    if (!isAmong(request.headers['if-none-match'], etag)) return payload;
    reply.code(304);
    return null;
  });
}

/** Whether If-None-Match names a tag, compared weakly: RFC 9110, 13.1.2. */
export function isAmong(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  const tags: readonly string[] | null = header.match(/"[^"]*"/g);
  return tags?.includes(etag.replace('W/', '')) ?? false;
}

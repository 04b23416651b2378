// Answers that may be kept and must be asked for again each time: nothing of ours is closed for
// ever, since a late trade or a rebuild may change any candle. Who has the answer already is told
// so in a few bytes.

import { isAmong, tagOf } from './etag.ts';
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
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', kept).header('vary', 'accept-encoding');
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const isKept = reply.statusCode === 200 && reply.getHeader('cache-control') === kept;
    if (!isKept) return done(null, payload);
    let tag = reply.getHeader('etag');
    if (typeof tag !== 'string') {
      if (typeof payload !== 'string') return done(null, payload);
      tag = tagOf(payload);
      reply.header('etag', tag);
    }
    if (!isAmong(request.headers['if-none-match'], tag)) return done(null, payload);
    reply.code(304).removeHeader('content-encoding');
    done(null, null);
  });
}

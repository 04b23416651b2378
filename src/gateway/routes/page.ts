// The page at `/`: a handful of files, each with a validator, so that a browser asks again but
// loads only what has changed.

import type { PageFile } from '../page-files.ts';
import type { HttpServer } from '../server.ts';

export function pageRoutes(app: HttpServer, files: readonly PageFile[]): void {
  for (const { path, type, bytes, etag } of files) {
    app.get(path, { schema: { hide: true } }, (request, reply) => {
      reply.headers({ etag, 'cache-control': 'no-cache' });
      if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send();
      return reply.type(type).send(bytes);
    });
  }
}

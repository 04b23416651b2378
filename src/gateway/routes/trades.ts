// Trades of a symbol, newest first, page by page from memory into the store.

import { Type } from 'typebox';
import { tradeSchema } from '../../contracts/wire-objects.ts';
import { parseTradeCursor } from '../cursor.ts';
import { tradePage } from '../seam/trade-pages.ts';
import type { HttpServer } from '../server.ts';
import {
  knownSymbol,
  nextSchema,
  parseSpan,
  problems,
  type RouteContext,
  spanParameters,
  symbolParams,
} from './context.ts';

const query = Type.Object(
  { limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 100 }), ...spanParameters },
  { additionalProperties: false },
);

const answer = Type.Object({ trades: Type.Array(tradeSchema), next: nextSchema });

export function tradeRoutes(app: HttpServer, { live, sources }: RouteContext): void {
  app.get(
    '/trades/:symbol',
    {
      schema: {
        summary: 'Trades of a symbol, newest first by event time, then by sequence',
        tags: ['market'],
        params: symbolParams,
        querystring: query,
        response: { 200: answer, ...problems },
      },
    },
    async ({ params, query: { limit, cursor, ...span } }) => {
      const symbol = knownSymbol(live, params.symbol);
      const before = cursor === undefined ? undefined : parseTradeCursor(cursor);
      const asked = { limit, before, ...parseSpan(span) };
      return await tradePage(sources, symbol, live.trades(symbol), asked);
    },
  );
}

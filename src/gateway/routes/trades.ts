// Trades of a symbol: newest first, page by page from memory into the store, or all of a span as a
// file.

import { Type } from 'typebox';
import { tradeSchema } from '../../contracts/wire-objects.ts';
import { parseTradeCursor } from '../cursor.ts';
import { formatAsked, formatParameter, historyAnswer } from '../history-format.ts';
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
  {
    limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 100 }),
    ...spanParameters,
    ...formatParameter,
  },
  { additionalProperties: false },
);

const answer = Type.Object({ trades: Type.Array(tradeSchema), next: nextSchema });

export function tradeRoutes(app: HttpServer, { shards, files }: RouteContext): void {
  app.get(
    '/trades/:symbol',
    {
      schema: {
        summary: 'Trades of a symbol, newest first by event time, then by sequence; or as a file',
        tags: ['market'],
        params: symbolParams,
        querystring: query,
        response: { 200: historyAnswer(answer), ...problems },
      },
      handlerTimeout: files.msMax,
    },
    async (request, reply) => {
      const { limit, cursor, format: given, ...span } = request.query;
      const symbol = knownSymbol(shards, request.params.symbol);
      const format = formatAsked(request, reply, given);
      const times = parseSpan(span);
      if (format !== 'json') {
        return await files.send(request, reply, {
          format,
          name: `trades-${symbol}`,
          topics: ['market.trades'],
          rows: (exports, signal) => exports.trades({ format, symbol, ...times, signal }),
        });
      }
      const before = cursor === undefined ? undefined : parseTradeCursor(cursor);
      const { live, sources } = shards.of(symbol);
      return await tradePage(sources, symbol, live.trades(symbol), { limit, before, ...times });
    },
  );
}

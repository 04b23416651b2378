// Candles of a symbol, ascending, the newest of the span; older ones page by page.

import { Type } from 'typebox';
import { priceKinds } from '../../contracts/candle.ts';
import { intervals } from '../../contracts/interval.ts';
import { candleSchema } from '../../contracts/wire-objects.ts';
import { parseCandleCursor } from '../cursor.ts';
import { candlePage } from '../seam/candle-pages.ts';
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
    interval: Type.Enum([...intervals], { default: '1m' }),
    price: Type.Enum([...priceKinds], { default: 'trade', description: 'What candles are of' }),
    limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 500 }),
    ...spanParameters,
  },
  { additionalProperties: false },
);

const answer = Type.Object({ candles: Type.Array(candleSchema), next: nextSchema });

export function candleRoutes(app: HttpServer, { live, sources }: RouteContext): void {
  app.get(
    '/candles/:symbol',
    {
      schema: {
        summary: 'Candles of a symbol that start in a span: its newest, in ascending order',
        tags: ['market'],
        params: symbolParams,
        querystring: query,
        response: { 200: answer, ...problems },
      },
    },
    async ({ params, query: { interval, price, limit, cursor, ...span } }) => {
      const symbol = knownSymbol(live, params.symbol);
      const before = cursor === undefined ? undefined : parseCandleCursor(cursor);
      const ring = live.candles(symbol, price, interval);
      const asked = { interval, price, limit, before, ...parseSpan(span) };
      return await candlePage(sources, symbol, ring, asked);
    },
  );
}

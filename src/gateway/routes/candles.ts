// Candles of a symbol, ascending, the newest of the span; older ones page by page.

import { Type } from 'typebox';
import { calendarOf } from '../../calendars/calendar.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { intervals } from '../../contracts/interval.ts';
import { parseTime } from '../../contracts/time.ts';
import { candleSchema } from '../../contracts/wire-objects.ts';
import { parseIndicator } from '../../engine/indicators/indicators.ts';
import { parseCandleCursor } from '../cursor.ts';
import { candlesBefore, indicated, requireFew } from '../indicated.ts';
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
    indicators: Type.Optional(
      Type.String({
        maxLength: 512,
        description:
          'Indicators of each candle, separated by semicolons, such as sma:20;macd:12,26,9;vwap',
      }),
    ),
    ...spanParameters,
  },
  { additionalProperties: false },
);

const indicatedSchema = Type.Object({
  ...candleSchema.properties,
  indicators: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Union([Type.Record(Type.String(), Type.Number()), Type.Null()]),
      { description: 'By indicator, its values; null while there is too little history' },
    ),
  ),
});

const answer = Type.Object({ candles: Type.Array(indicatedSchema), next: nextSchema });

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
    async ({ params, query: { interval, price, limit, cursor, indicators, ...span } }) => {
      const symbol = knownSymbol(live, params.symbol);
      const before = cursor === undefined ? undefined : parseCandleCursor(cursor);
      const ring = live.candles(symbol, price, interval);
      const { days } = calendarOf(live.instrument(symbol).calendar);
      const asked = {
        interval,
        price,
        limit,
        before,
        ...parseSpan(span, interval === '1d' ? days : undefined),
      };
      const specs = (indicators?.split(';') ?? []).map(parseIndicator);
      requireFew(specs);
      const page = await candlePage(sources, symbol, ring, asked);
      const [first] = page.candles;
      if (specs.length === 0 || !first) return page;
      const earlier = { interval, price, limit: candlesBefore(specs, interval) };
      const toFirst = { ...earlier, before: parseTime(first.start) ?? 0 };
      const { candles } = await candlePage(sources, symbol, ring, toFirst);
      return { ...page, candles: indicated(specs, candles, page.candles, days) };
    },
  );
}

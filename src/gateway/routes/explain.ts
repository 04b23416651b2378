// Why a candle or a signal is what it is.

import { Type } from 'typebox';
import { micros } from '../../base/clock.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { candleExplanationSchema, signalExplanationSchema } from '../../contracts/explanation.ts';
import { intervals } from '../../contracts/interval.ts';
import { explainCandle } from '../explain.ts';
import { explainSignal, unknownSignal } from '../explain-signal.ts';
import { newestCandles } from '../seam/newest-candles.ts';
import type { HttpServer } from '../server.ts';
import { knownSymbol, problems, type RouteContext, requireReady, symbolParams } from './context.ts';

const candleParams = Type.Object({
  ...symbolParams.properties,
  interval: Type.Enum([...intervals]),
  start: Type.String({
    maxLength: 40,
    description:
      'ISO 8601, UTC unless it says otherwise; any time within the candle will do, and for 1d ' +
      'its date',
  }),
});

const candleQuery = Type.Object(
  {
    price: Type.Enum([...priceKinds], { default: 'trade', description: 'What the candle is of' }),
    limit: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description: 'Trades listed at once',
    }),
    cursor: Type.Optional(Type.String({ maxLength: 128, description: 'The `next` of a page' })),
  },
  { additionalProperties: false },
);

const signalParams = Type.Object({
  id: Type.String({ maxLength: 64, description: 'As /api/v1/alerts tells it' }),
});

export function explainRoutes(app: HttpServer, { shards, history }: RouteContext): void {
  // Of what has just been told, candles may not be stored yet.
  const newest: Parameters<typeof explainSignal>[0] = {
    candles: async (symbol, { from = micros(-Infinity), to = micros(Infinity), ...query }) => {
      const { live, sources } = shards.of(symbol);
      const ring = live.candles(symbol, query.price, query.interval);
      return await newestCandles(sources, symbol, ring, { ...query, from, to });
    },
    placedTrades: (symbol, span) => history.placedTrades(symbol, span),
  };
  app.get(
    '/explain/candle/:symbol/:interval/:start',
    {
      schema: {
        summary: 'Why a candle is what it is: its trades, their rules, and it computed anew',
        tags: ['market'],
        params: candleParams,
        querystring: candleQuery,
        response: { 200: candleExplanationSchema, ...problems },
      },
    },
    async ({ params: { symbol: given, interval, start }, query }) => {
      const symbol = knownSymbol(shards, given);
      const { calendar } = shards.instrument(symbol);
      return await explainCandle(history, { symbol, calendar, interval, start, ...query });
    },
  );

  app.get(
    '/explain/signal/:id',
    {
      schema: {
        summary: 'Why a signal was raised: its definition and the candles it rests on',
        tags: ['market'],
        params: signalParams,
        querystring: Type.Object({}, { additionalProperties: false }),
        response: { 200: signalExplanationSchema, ...problems },
      },
    },
    async ({ params: { id } }) => {
      requireReady(shards);
      const signal = shards.memory.signals.get(id) ?? (await history.signal(id));
      if (!signal) throw unknownSignal(id);
      return await explainSignal(newest, signal, shards.instrument(signal.symbol).calendar);
    },
  );
}

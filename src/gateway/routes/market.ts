// The market as it is: the symbols, their quotes, and a line on the day of each. All from memory.

import { type Static, Type } from 'typebox';
import { instrumentSchema } from '../../contracts/wire-objects.ts';
import { Answers } from '../answers.ts';
import type { Live } from '../live.ts';
import { summaryNow, summarySchema } from '../market-summary.ts';
import type { HttpServer } from '../server.ts';
import { knownSymbol, problems, type RouteContext, requireReady, symbolParams } from './context.ts';

const amount = Type.Union([Type.String(), Type.Null()], { description: 'Exact decimal' });
const time = Type.Union([Type.String(), Type.Null()], { description: 'ISO 8601 UTC' });

const quoteAnswer = Type.Object(
  {
    symbol: Type.String(),
    bid: amount,
    bidSize: amount,
    ask: amount,
    askSize: amount,
    /** Event time of the quote. */
    time,
    last: amount,
    lastSize: amount,
    /** Event time of the last trade. */
    lastTime: time,
  },
  {
    $id: 'LatestQuote',
    description: 'The latest quote, at `time`, and the latest trade, at `lastTime`; null for none',
  },
);

const noQuery = Type.Object({}, { additionalProperties: false });

export function marketRoutes(app: HttpServer, { live, limits }: RouteContext): void {
  const quotes = new Answers(limits);
  const summaries = new Answers(limits);
  app.get(
    '/symbols',
    {
      schema: {
        summary: 'The instruments',
        tags: ['market'],
        querystring: noQuery,
        response: { 200: Type.Object({ symbols: Type.Array(instrumentSchema) }), ...problems },
      },
    },
    () => {
      requireReady(live);
      return { symbols: live.instruments() };
    },
  );

  app.get(
    '/quotes/:symbol',
    {
      config: { isOfMemory: true },
      schema: {
        summary: 'The latest quote and the last trade of a symbol',
        tags: ['market'],
        params: symbolParams,
        querystring: noQuery,
        response: { 200: quoteAnswer, ...problems },
      },
    },
    (request, reply) => {
      const symbol = knownSymbol(live, request.params.symbol);
      const version = live.versionOf(symbol);
      const make = () => quoteOf(live, symbol);
      return quotes.send(request, reply, { asked: symbol, version, make });
    },
  );

  app.get(
    '/market-summary',
    {
      config: { isOfMemory: true },
      schema: {
        summary: 'The day of every symbol',
        tags: ['market'],
        querystring: noQuery,
        response: { 200: Type.Object({ summaries: Type.Array(summarySchema) }), ...problems },
      },
    },
    (request, reply) => {
      requireReady(live);
      const { version } = live;
      const make = () => ({
        summaries: live.instruments().map(({ symbol }) => summaryNow(live, symbol)),
      });
      return summaries.send(request, reply, { asked: 'all', version, make });
    },
  );
}

function quoteOf(live: Live, symbol: string): Static<typeof quoteAnswer> {
  const quote = live.quote(symbol).get();
  const trade = live.trades(symbol).latest();
  return {
    symbol,
    bid: quote?.bid ?? null,
    bidSize: quote?.bidSize ?? null,
    ask: quote?.ask ?? null,
    askSize: quote?.askSize ?? null,
    time: quote?.time ?? null,
    last: trade?.price ?? null,
    lastSize: trade?.size ?? null,
    lastTime: trade?.time ?? null,
  };
}

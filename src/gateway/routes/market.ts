// The market as it is: the symbols, their quotes, and a line on the day of each. All from memory.

import { type Static, Type } from 'typebox';
import { instrumentSchema } from '../../contracts/wire-objects.ts';
import { Answers } from '../answers.ts';
import type { Live } from '../live.ts';
import { type Summary, summaryNow, summarySchema } from '../market-summary.ts';
import type { ServedShards } from '../served-shards.ts';
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

export function marketRoutes(app: HttpServer, { shards, limits }: RouteContext): void {
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
      requireReady(shards);
      return { symbols: shards.instruments() };
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
      const symbol = knownSymbol(shards, request.params.symbol);
      const { live } = shards.of(symbol);
      const version = live.versionOf(symbol);
      return quotes.send(request, reply, {
        asked: symbol,
        version,
        make: () => quoteOf(live, symbol),
      });
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
      requireReady(shards);
      const { version } = shards;
      const make = () => ({ summaries: summariesNow(shards) });
      return summaries.send(request, reply, { asked: 'all', version, make });
    },
  );
}

function summariesNow(shards: ServedShards): Summary[] {
  const symbols = shards.instruments().map(({ symbol }) => symbol);
  return symbols.map((symbol) => summaryNow(shards.of(symbol).live, symbol));
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

// The market as it is: the symbols, their quotes, and a line on the day of each. All from memory.

import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { instrumentSchema } from '../../contracts/wire-objects.ts';
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

interface Cached {
  readonly version: number;
  readonly body: ReturnType<FastifyReply['serialize']>;
}

export function marketRoutes(app: HttpServer, { shards }: RouteContext): void {
  /** As they were last asked for: many ask for the same between two batches. */
  let summaries: Cached = { version: -1, body: '' };
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
      schema: {
        summary: 'The latest quote and the last trade of a symbol',
        tags: ['market'],
        params: symbolParams,
        querystring: noQuery,
        response: { 200: quoteAnswer, ...problems },
      },
    },
    ({ params }) => {
      const symbol = knownSymbol(shards, params.symbol);
      const { live } = shards.of(symbol);
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
    },
  );

  app.get(
    '/market-summary',
    {
      schema: {
        summary: 'The day of every symbol',
        tags: ['market'],
        querystring: noQuery,
        response: { 200: Type.Object({ summaries: Type.Array(summarySchema) }), ...problems },
      },
    },
    (_request, reply) => {
      requireReady(shards);
      const { version } = shards;
      if (summaries.version !== version) {
        summaries = { version, body: reply.serialize({ summaries: summariesNow(shards) }) };
      }
      return reply.type('application/json; charset=utf-8').send(summaries.body);
    },
  );
}

function summariesNow(shards: ServedShards): Summary[] {
  const symbols = shards.instruments().map(({ symbol }) => symbol);
  return symbols.map((symbol) => summaryNow(shards.of(symbol).live, symbol));
}

// The last closes of many symbols in one answer: what a list with a small line for each needs.

import { Type } from 'typebox';
import { micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { intervals } from '../../contracts/interval.ts';
import { newestCandles } from '../seam/newest-candles.ts';
import type { HttpServer } from '../server.ts';
import { Gate } from '../stream/gate.ts';
import { knownSymbol, problems, type RouteContext } from './context.ts';

const symbolsMax = 100;
/** How many symbols are read at a time, for all who ask. */
const readsAtOnce = 8;
const always = { from: micros(-Infinity), to: micros(Infinity) };

const query = Type.Object(
  {
    symbols: Type.String({ description: `Up to ${symbolsMax}, with commas between` }),
    interval: Type.Enum([...intervals], { default: '1m' }),
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 60 }),
  },
  { additionalProperties: false },
);

const answer = Type.Object({
  closes: Type.Record(Type.String(), Type.Array(Type.String()), {
    description: 'By symbol, as traded and in ascending order: of its last candles, also open ones',
  }),
});

export function closeRoutes(app: HttpServer, { shards }: RouteContext): void {
  const reads = new Gate(readsAtOnce);
  app.get(
    '/closes',
    {
      schema: {
        summary: 'The last closes of many symbols',
        tags: ['market'],
        querystring: query,
        response: { 200: answer, ...problems },
      },
    },
    async ({ query: { symbols: given, interval, limit } }) => {
      const symbols = [...new Set(given.split(',').map((one) => knownSymbol(shards, one)))];
      if (symbols.length > symbolsMax) {
        const detail = `"symbols" names ${symbols.length}.`;
        throw new Failure('limit-exceeded', detail, `Name at most ${symbolsMax}.`);
      }
      const span = { interval, price: 'trade' as const, limit, ...always };
      const closesOf = async (symbol: string): Promise<[string, string[]]> => {
        const { live, sources } = shards.of(symbol);
        const ring = live.candles(symbol, span.price, interval);
        const candles = await reads.run(() => newestCandles(sources, symbol, ring, span));
        return [symbol, candles.map(({ close }) => close)];
      };
      return { closes: Object.fromEntries(await Promise.all(symbols.map(closesOf))) };
    },
  );
}

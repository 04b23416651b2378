// The figures of one symbol: what a page about it shows beside its price.

import { Type } from 'typebox';
import { micros, microsPerSecond } from '../../base/clock.ts';
import { calendarOf } from '../../calendars/calendar.ts';
import type { PriceKind } from '../../contracts/candle.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Candle, Quote } from '../../contracts/wire-objects.ts';
import { newestCandles } from '../seam/newest-candles.ts';
import { silencesOf } from '../seam/silences.ts';
import { calendarOfSeries, knownSeries, readerOf, seriesPage } from '../series-page.ts';
import type { HttpServer } from '../server.ts';
import { daysMax, spreadMinutes, statisticsOf, statisticsSchema } from '../statistics.ts';
import { problems, type RouteContext, symbolParams } from './context.ts';

const spreadSpan = spreadMinutes * 60 * microsPerSecond;

export function statisticsRoutes(app: HttpServer, context: RouteContext): void {
  app.get(
    '/statistics/:symbol',
    {
      schema: {
        summary: 'The newest day of a symbol, its year, and what is usual for it',
        tags: ['market'],
        params: symbolParams,
        querystring: Type.Object({}, { additionalProperties: false }),
        response: { 200: statisticsSchema, ...problems },
      },
    },
    async ({ params }) => {
      const symbol = params.symbol.toUpperCase();
      const { live, sources } = context.shards.of(symbol);
      const series = await knownSeries(context, symbol, 'split', undefined);
      const calendar = calendarOfSeries(context, series);
      const { days } = calendarOf(calendar);
      const wanted = { interval: '1d', price: 'trade', limit: daysMax } as const;
      const quote = live.quote(symbol).get();
      const [page, bids, asks] = await Promise.all([
        seriesPage(readerOf(context, series, days), wanted),
        quotedMinutes(context, symbol, 'bid', quote),
        quotedMinutes(context, symbol, 'ask', quote),
      ]);
      const silences = await silencesOf(sources, symbol, calendar, wanted, page);
      const time = live.trades(symbol).latest()?.time ?? null;
      const facts = { symbol, calendar, time, days: page.candles, silences, quote, bids, asks };
      return statisticsOf(facts, days);
    },
  );
}

/** Those of the hour before a quote. */
async function quotedMinutes(
  { shards }: RouteContext,
  symbol: string,
  price: PriceKind,
  quote: Quote | null,
): Promise<readonly Candle[]> {
  if (!quote) return [];
  const { live, sources } = shards.of(symbol);
  const to = parseTime(quote.time) ?? 0;
  const minutes = { interval: '1m', price, limit: spreadMinutes } as const;
  const span = { ...minutes, from: micros(to - spreadSpan), to: micros(to + 1) };
  return await newestCandles(sources, symbol, live.candles(symbol, price, '1m'), span);
}

// Candles of a symbol, ascending: the newest of the span and older ones page by page, or all of it
// as a file.

import { type Static, Type } from 'typebox';
import { calendarOf } from '../../calendars/calendar.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { adjustments } from '../../contracts/corporate-action.ts';
import { intervals } from '../../contracts/interval.ts';
import {
  candleSchema,
  dividendSchema,
  markSchema,
  splitSchema,
} from '../../contracts/wire-objects.ts';
import { requireBearer, type Series } from '../../corporate-actions/series.ts';
import { parseCandleCursor } from '../cursor.ts';
import { formatAsked, formatParameter, historyAnswer } from '../history-format.ts';
import { candlesBefore, indicated, indicatorsSchema, parseIndicators } from '../indicated.ts';
import { silencesOf } from '../seam/silences.ts';
import {
  appliedTo,
  calendarOfSeries,
  knownSeries,
  readerOf,
  seriesPage,
  startOf,
} from '../series-page.ts';
import type { HttpServer } from '../server.ts';
import {
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
    adjustment: Type.Enum([...adjustments], {
      default: 'raw',
      description:
        'For which corporate actions prices and volumes are adjusted, back from asof; raw is as ' +
        'traded. Indicators are of the adjusted candles',
    }),
    asof: Type.Optional(
      Type.String({
        maxLength: 10,
        description:
          'A date of the exchange, such as 2014-06-09; today unless given. Meant is the ' +
          'instrument that had this symbol then, under all its names; actions up to and with ' +
          'this date are applied',
      }),
    ),
    indicators: Type.Optional(
      Type.String({
        maxLength: 512,
        description:
          'Indicators of each candle, separated by semicolons, such as sma:20;macd:12,26,9;vwap',
      }),
    ),
    empty: Type.Optional(
      Type.Boolean({ description: 'Also tell which intervals have no candle, and why' }),
    ),
    ...spanParameters,
    ...formatParameter,
  },
  { additionalProperties: false },
);

const adjustmentSchema = Type.Enum([...adjustments], {
  description: 'What was done to the figures',
});

const answeredCandleSchema = Type.Object({
  ...candleSchema.properties,
  symbol: Type.String({ description: 'The name at that time' }),
  adjustment: Type.Optional(adjustmentSchema),
  indicators: Type.Optional(indicatorsSchema),
});

const emptySchema = Type.Array(Type.Pick(markSchema, ['start', 'end', 'state']), {
  description: 'With empty=true: stretches of intervals without a candle, no_trades or no_data',
});

const answer = Type.Object({
  candles: Type.Array(answeredCandleSchema, {
    description: 'Each carries the adjustment that was made; one that carries none is as traded',
  }),
  adjustment: adjustmentSchema,
  asof: Type.String({ description: 'The date whose names and actions were the ones that count' }),
  actions: Type.Array(Type.Union([splitSchema, dividendSchema]), {
    description: 'The actions that were applied to the first candle, and to others before each',
  }),
  empty: Type.Optional(emptySchema),
  next: nextSchema,
});

type Asked = Static<typeof query>;

export function candleRoutes(app: HttpServer, context: RouteContext): void {
  const { files } = context;
  app.get(
    '/candles/:symbol',
    {
      schema: {
        summary: 'Candles of a symbol that start in a span: its newest, ascending; or as a file',
        tags: ['market'],
        params: symbolParams,
        querystring: query,
        response: { 200: historyAnswer(answer), ...problems },
      },
      handlerTimeout: files.msMax,
    },
    async (request, reply) => {
      const { params, query: asked } = request;
      const { interval, price, adjustment, asof, empty } = asked;
      const series = await knownSeries(context, params.symbol, adjustment, asof);
      const calendar = calendarOfSeries(context, series);
      const { days } = calendarOf(calendar);
      const times = parseSpan(asked, interval === '1d' ? days : undefined);
      const symbol = params.symbol.toUpperCase();
      const format = formatAsked(request, reply, asked.format);
      if (format === 'json') return await pageOf(context, symbol, series, calendar, asked, times);
      const which = { interval, price, adjustment, asof: series.asof, empty };
      return await files.send(request, reply, {
        format,
        name: `candles-${symbol}-${interval}${price === 'trade' ? '' : `-${price}`}`,
        topics: ['market.candles'],
        rows: (exports, signal) => exports.candles({ format, symbol, ...which, ...times, signal }),
      });
    },
  );
}

async function pageOf(
  context: RouteContext,
  symbol: string,
  series: Series,
  calendar: string,
  asked: Asked,
  times: ReturnType<typeof parseSpan>,
) {
  const { interval, price, limit, adjustment, cursor, indicators, empty } = asked;
  const before = cursor === undefined ? undefined : parseCandleCursor(cursor);
  const specs = indicators === undefined ? [] : parseIndicators(indicators);
  const { days } = calendarOf(calendar);
  const wanted = { interval, price, limit, before, ...times };
  const reader = readerOf(context, series, days);
  const page = await seriesPage(reader, wanted);
  const [first] = page.candles;
  if (!first) requireBearer(series);
  const actions = appliedTo(series, page.candles);
  const silences = empty
    ? { empty: await silencesOf(context.shards.of(symbol).sources, symbol, calendar, wanted, page) }
    : {};
  const whole = { ...page, ...silences, adjustment, asof: series.asof, actions };
  if (specs.length === 0 || !first) return whole;
  const earlier = { interval, price, limit: candlesBefore(specs, interval) };
  const { candles, next } = await seriesPage(reader, { ...earlier, before: startOf(first) });
  const earlierOnes = { candles, isWhole: next === null };
  return { ...whole, candles: indicated(specs, earlierOnes, page.candles, days) };
}

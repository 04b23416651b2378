// Why a candle or a signal is what it is, as people and programs see it.

import { type Static, Type } from 'typebox';
import { priceKinds } from './candle.ts';
import { intervals } from './interval.ts';
import { verdicts } from './verdict.ts';
import { candleSchema, signalSchema } from './wire-objects.ts';

const figure = Type.String({ description: 'Exact decimal' });
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

const madeNames = ['open', 'high', 'low', 'close'] as const;
export type MadeName = (typeof madeNames)[number];

const explainedTradeSchema = Type.Object({
  position: Type.Object(
    { epoch: Type.String(), partition: Type.Integer(), offset: Type.Integer() },
    { description: 'Where it stands in the log, in the topic market.trades' },
  ),
  time: Type.String({ description: 'Event time, ISO 8601 UTC' }),
  delayMicros: Type.Integer({ description: 'From the event to our receiving it' }),
  price: figure,
  size: figure,
  id: nullable(Type.String()),
  venue: Type.String(),
  source: Type.String(),
  verdict: Type.Enum([...verdicts]),
  tape: Type.String({ description: 'Whose conditions they are; empty for a source without' }),
  conditions: Type.String({ description: 'As the source writes them' }),
  moves: Type.Object(
    { openClose: Type.Boolean(), highLow: Type.Boolean(), volume: Type.Boolean() },
    { description: 'What it may move in a candle of this interval' },
  ),
  rules: Type.Array(Type.Object({ code: Type.String(), meaning: Type.String() }), {
    description: 'The rules of its tape that say so; none where it may move everything',
  }),
  made: Type.Array(Type.Enum([...madeNames]), {
    description: 'Which prices of the candle it made',
  }),
  isRepeat: Type.Boolean({
    description: 'The same trade in another epoch of the log: it is not counted again',
  }),
});

export type ExplainedTrade = Static<typeof explainedTradeSchema>;

const maker = nullable(explainedTradeSchema);

const recomputedSchema = Type.Pick(candleSchema, [
  'open',
  'high',
  'low',
  'close',
  'volume',
  'notional',
  'vwap',
  'trades',
  'priced',
]);

export type RecomputedCandle = Static<typeof recomputedSchema>;

/** What is compared; VWAP is made of two of these. */
export const comparedFields = [
  'open',
  'high',
  'low',
  'close',
  'volume',
  'notional',
  'trades',
  'priced',
] as const satisfies readonly (keyof RecomputedCandle)[];
export type ComparedField = (typeof comparedFields)[number];

const counts = Type.Object({
  trades: Type.Integer({ description: 'All in the span of the candle' }),
  late: Type.Integer(),
  repeats: Type.Integer(),
  openClose: Type.Integer({ description: 'Those that may move open and close' }),
  highLow: Type.Integer(),
  volume: Type.Integer(),
});

export const candleExplanationSchema = Type.Object(
  {
    symbol: Type.String(),
    price: Type.Enum([...priceKinds]),
    interval: Type.Enum([...intervals]),
    start: Type.String({ description: 'ISO 8601 UTC' }),
    end: Type.String({ description: 'ISO 8601 UTC, not included' }),
    stored: Type.Union([candleSchema, Type.Null()], { description: 'As it is stored' }),
    recomputed: Type.Union([recomputedSchema, Type.Null()], {
      description: 'From exactly these trades; null where none made one',
    }),
    matches: Type.Union([Type.Boolean(), Type.Null()], {
      description: 'Whether both are the same; null where there is nothing to recompute from',
    }),
    differences: Type.Array(
      Type.Object({
        field: Type.Enum([...comparedFields]),
        stored: nullable(Type.String()),
        recomputed: nullable(Type.String()),
      }),
    ),
    made: Type.Object(
      { open: maker, high: maker, low: maker, close: maker },
      { description: 'The trade that made each price' },
    ),
    counts,
    trades: Type.Array(explainedTradeSchema, {
      description: 'By event time and place in the log: a page of them, see `next`',
    }),
    next: nullable(Type.String({ description: 'Give it as `cursor` for the trades that follow' })),
    notes: Type.Array(Type.String(), { description: 'For a person' }),
  },
  { $id: 'CandleExplanation' },
);

export type CandleExplanation = Static<typeof candleExplanationSchema>;

export const signalExplanationSchema = Type.Object(
  {
    signal: signalSchema,
    definition: Type.String({ description: 'For a person; docs/SIGNALS.md has all of them' }),
    parameters: Type.Record(Type.String(), Type.Number()),
    candles: Type.Array(
      Type.Object({
        role: Type.String({ description: 'What the definition takes it for' }),
        candle: candleSchema,
        explain: Type.String({ description: 'Where the candle is explained' }),
        print: Type.Union([explainedTradeSchema, Type.Null()], {
          description: 'The trade that made the price, where the signal is about a single print',
        }),
      }),
      { description: 'Exactly those that the definition reads' },
    ),
    notes: Type.Array(Type.String(), { description: 'For a person' }),
  },
  { $id: 'SignalExplanation' },
);

export type SignalExplanation = Static<typeof signalExplanationSchema>;

// A trade as a row of a topic that others than us read: for people, for Flink, and for what takes
// Avro. What SQL needs and cannot know stands in it, and amounts say how wide they may be.

import { type Static, Type } from 'typebox';

/** Digits of SQL's widest decimal that rows have room for: in all, and behind the point. */
const amountDigits = { precision: 28, scale: 12 };
export const notionalDigits = { precision: 38, scale: 20 };

const movesDescription =
  'What the rules of its tape let it move: open and close, high and low, volume, as YYY or NNY';

export const tradeRowSchema = Type.Object(
  {
    symbol: Type.String(),
    time: Type.String({ format: 'date-time', description: 'Event time' }),
    price: Type.String({ decimal: amountDigits }),
    size: Type.String({ decimal: amountDigits }),
    notional: Type.String({ decimal: notionalDigits, description: 'price x size, exact' }),
    side: Type.String({ description: 'Aggressor: buy, sell, or empty when unknown' }),
    venue: Type.String(),
    conditions: Type.String({ description: 'Sale conditions as the source writes them' }),
    source: Type.String({ description: 'The feed that it came from' }),
    verdict: Type.String({ description: 'on time, late, correction or the like' }),
    eventTime: Type.Integer({ description: 'Event time, microseconds since 1970' }),
    order: Type.Integer({ description: 'Orders the trades of one microsecond' }),
    moves: Type.String({ description: movesDescription }),
    dayMoves: Type.String({ description: 'The same in the candle of a day' }),
    dayStart: Type.Integer({
      description: "Where its day starts by its exchange's calendar, microseconds since 1970",
    }),
    session: Type.Union([Type.Integer(), Type.Null()], {
      description:
        'When the regular session that it is of opened, microseconds since 1970; null outside of ' +
        'sessions, and where there are none',
    }),
    sizeDigits: Type.Integer({ description: 'Digits behind the point of the sizes of its symbol' }),
  },
  { $id: 'Trade', description: 'A trade that counts' },
);

export type TradeRow = Static<typeof tradeRowSchema>;

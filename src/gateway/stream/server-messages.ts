// What the server says on WebSockets, as schemas: tests hold every message against them, and
// AsyncAPI is made of them.

import { type TProperties, Type } from 'typebox';
import { articleSchema } from '../../contracts/article.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { intervals } from '../../contracts/interval.ts';
import { severities } from '../../contracts/signal.ts';
import {
  candleSchema,
  markSchema,
  quoteSchema,
  signalSchema,
  tradeSchema,
} from '../../contracts/wire-objects.ts';
import { indicatorsSchema } from '../indicated.ts';
import { summarySchema } from '../market-summary.ts';
import { policies, streams } from './client-messages.ts';
import { absences } from './indicated-series.ts';

const strict = { additionalProperties: false };
const nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

const cursor = Type.String({
  description: 'epoch:partition:offset; whoever goes on from here misses nothing of the partition',
});
const cursors = Type.String({
  description: 'A cursor of each partition that the subscription is of, with commas between',
});
const id = Type.String({ description: 'That of the subscription' });
const ofSubscription = { id: nullable(id), stream: Type.Enum([...streams]) };
const list = Type.Union([Type.Literal('*'), Type.Array(Type.String())]);
const rows = Type.Array(Type.Object({}), { description: 'Objects without type and cursor' });
const indicators = Type.Optional(nullable(indicatorsSchema));
const indicatorsAbsent = Type.Optional(
  Type.Enum([...absences], { description: 'Why indicators are null' }),
);
const ofCandles = {
  interval: Type.Optional(Type.Enum([...intervals])),
  price: Type.Optional(Type.Enum([...priceKinds])),
  indicators: Type.Optional(Type.Array(Type.String())),
};

const limitsSchema = Type.Object(
  {
    subscriptions: Type.Integer(),
    symbols: Type.Integer({ description: 'In all lists of a connection' }),
    messageBytes: Type.Integer(),
    messagesPerSecond: Type.Integer(),
    historyRows: Type.Integer({ description: 'Of one snapshot' }),
  },
  strict,
);

const telling = (type: string, properties: TProperties) =>
  Type.Object({ type: Type.Literal(type), ...properties }, strict);

/** The first message of a ready-made stream, and what it has in place of `subscribed`. */
export const streamHello = telling('hello', {
  stream: Type.Enum([...streams]),
  symbol: nullable(Type.String()),
  ...ofCandles,
  cursor: cursors,
  snapshot: nullable(Type.Object({}, { description: 'The newest object' })),
});

/** By type. */
export const serverMessages = {
  hello: telling('hello', {
    version: Type.Integer({ description: 'Of this protocol' }),
    epoch: Type.String({ description: 'Of the log' }),
    limits: limitsSchema,
  }),
  history: telling('history', { id, rows }),
  subscribed: telling('subscribed', {
    id,
    stream: ofSubscription.stream,
    symbols: list,
    ...ofCandles,
    severity: Type.Optional(nullable(Type.Enum([...severities]))),
    policy: Type.Enum([...policies]),
    cursor: cursors,
    snapshot: rows,
  }),
  trade: telling('trade', { cursor, ...tradeSchema.properties }),
  quote: telling('quote', { cursor, ...quoteSchema.properties }),
  candle: telling('candle', { cursor, ...candleSchema.properties, indicators, indicatorsAbsent }),
  mark: telling('mark', { cursor, ...markSchema.properties }),
  alert: telling('alert', { cursor, ...signalSchema.properties }),
  article: telling('article', { cursor, ...articleSchema.properties }),
  summary: telling('summary', { cursor, ...summarySchema.properties }),
  gap: telling('gap', {
    ...ofSubscription,
    symbols: list,
    reason: Type.Enum(['retention', 'damaged', 'epoch']),
    from: Type.String({ description: 'Cursor of the first record that is missing' }),
    to: Type.String({ description: 'Cursor of the first record after that' }),
  }),
  skip: telling('skip', {
    ...ofSubscription,
    count: Type.Integer({ description: 'Messages' }),
    from: Type.String({ description: 'Cursor of the first that was skipped' }),
    to: Type.String({ description: 'Cursor of the last that was skipped' }),
  }),
  unsubscribed: telling('unsubscribed', { id }),
  pong: telling('pong', {}),
  error: telling('error', {
    id: nullable(id),
    code: Type.String(),
    detail: Type.String({ description: 'What is wrong' }),
    cure: Type.String({ description: 'How to mend it' }),
  }),
};

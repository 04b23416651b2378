// The objects that people and programs see, over REST, WebSocket and in exports: schemas, which
// validate and document, and how a row of a columnar batch becomes one. Kept apart from the
// batches, which the hot path needs without any of this.

import { type Static, Type } from 'typebox';
import {
  type CandleBatch,
  type CandleColumn,
  type CandleState,
  type CandleSymbol,
  candleStates,
  notionalOf,
  type PriceKind,
  priceKinds,
  vwapOf,
  vwapScale,
} from './candle.ts';
import { formatBigDecimal, formatDecimal } from './decimal.ts';
import { formatId } from './identity.ts';
import type { BatchInstrument } from './instrument.ts';
import { type Interval, intervals } from './interval.ts';
import { type MarkBatch, type MarkState, markStates } from './mark.ts';
import type { QuoteBatch } from './quote.ts';
import { severities, signalKinds, signalStates } from './signal.ts';
import { formatTime } from './time.ts';
import type { TradeBatch, TradeTag } from './trade.ts';
import { verdictName, verdicts } from './verdict.ts';
import { wideToBigInt } from './wide.ts';

export const instrumentSchema = Type.Object(
  {
    symbol: Type.String({ minLength: 1, maxLength: 32, description: 'Unique, upper case' }),
    name: Type.String(),
    exchange: Type.String({ description: 'Market identifier or venue; empty when unknown' }),
    currency: Type.String({ description: 'ISO 4217 code or crypto ticker; empty when unknown' }),
    assetClass: Type.Union([
      Type.Literal('equity'),
      Type.Literal('crypto'),
      Type.Literal('fx'),
      Type.Literal('unknown'),
    ]),
    priceIncrement: Type.Union([Type.String(), Type.Null()], {
      description: 'Smallest price step as a decimal; null when the source does not say',
    }),
    sizeIncrement: Type.Union([Type.String(), Type.Null()], {
      description: 'Smallest size step as a decimal; null when the source does not say',
    }),
    calendar: Type.String({
      description:
        'The exchange calendar that its days follow: XNYS, XLON, XTKS, CMES, XTSE, FX or 24/7',
    }),
    source: Type.String({ description: 'The feed that defined it' }),
  },
  { $id: 'Instrument' },
);

export type Instrument = Static<typeof instrumentSchema>;

export const signalSchema = Type.Object(
  {
    id: Type.String({ description: 'Derived from the cause: a replay gives the same' }),
    kind: Type.Enum([...signalKinds]),
    symbol: Type.String(),
    time: Type.String({ description: 'When the cause was complete, event time, ISO 8601 UTC' }),
    start: Type.String({ description: 'Start of the window that it is about, ISO 8601 UTC' }),
    severity: Type.Enum([...severities]),
    state: Type.Enum([...signalStates], {
      description: 'retracted once a late trade or a correction has undone the cause',
    }),
    revision: Type.Integer(),
    text: Type.String({ description: 'For a person' }),
    values: Type.Record(Type.String(), Type.String(), {
      description: 'What was found and compared with, exact decimals; see docs/SIGNALS.md',
    }),
  },
  { $id: 'Signal' },
);

export type Signal = Static<typeof signalSchema>;

export const tradeSchema = Type.Object(
  {
    symbol: Type.String(),
    time: Type.String({ description: 'Event time, ISO 8601 UTC' }),
    received: Type.String({ description: 'When it reached us, ISO 8601 UTC' }),
    price: Type.String({ description: 'Exact decimal' }),
    size: Type.String({ description: 'Exact decimal' }),
    side: Type.String({ description: 'Aggressor: buy, sell, or empty when unknown' }),
    id: Type.Union([Type.String(), Type.Null()]),
    venue: Type.String(),
    conditions: Type.String({ description: 'Sale conditions as the source writes them' }),
    source: Type.String(),
    sequence: Type.Integer({ description: 'Gap-free per symbol' }),
    verdict: Type.Enum([...verdicts], {
      description:
        'A cancel is a row of its own, with the time and id of the trade it takes back and price ' +
        'and size 0; that trade is cancelled. What came too late changed no candle.',
    }),
  },
  { $id: 'Trade' },
);

export type Trade = Static<typeof tradeSchema>;

const side = Type.Union([Type.String(), Type.Null()], { description: 'Exact decimal' });

export const quoteSchema = Type.Object(
  {
    symbol: Type.String(),
    time: Type.String({ description: 'Event time, ISO 8601 UTC' }),
    received: Type.String({ description: 'When it reached us, ISO 8601 UTC' }),
    bid: side,
    bidSize: side,
    ask: side,
    askSize: side,
    source: Type.String(),
    sequence: Type.Integer({ description: 'Gap-free per symbol' }),
  },
  { $id: 'Quote' },
);

export type Quote = Static<typeof quoteSchema>;

export const candleSchema = Type.Object(
  {
    symbol: Type.String(),
    price: Type.Enum([...priceKinds]),
    interval: Type.Enum([...intervals]),
    start: Type.String({
      description:
        'Start of the interval, ISO 8601 UTC. Up to 4h on the grid of UTC; a day starts where ' +
        "that of the instrument's calendar does, for XNYS at midnight in New York",
    }),
    open: Type.String({ description: 'Exact decimal' }),
    high: Type.String({ description: 'Exact decimal' }),
    low: Type.String({ description: 'Exact decimal' }),
    close: Type.String({ description: 'Exact decimal' }),
    volume: Type.String({ description: 'Exact decimal' }),
    notional: Type.Union([Type.String(), Type.Null()], {
      description: 'Sum of price x size, exact decimal; null where it holds bars, which do not say',
    }),
    vwap: Type.Union([Type.String(), Type.Null()], {
      description:
        'notional / volume, rounded half up to 8 digits; null without volume or notional',
    }),
    trades: Type.Integer({
      description: 'Number of trades, or of quote updates, without those that bars stand for',
    }),
    priced: Type.Integer({
      description:
        'How many of them, and of bars, may set open and close by the rules of their tape; when ' +
        'it is 0, the prices are those of trades that count to the volume only',
    }),
    revision: Type.Integer(),
    state: Type.Enum([...candleStates], {
      description: 'A candle that lost its last trade to cancels comes once with all figures 0',
    }),
  },
  { $id: 'Candle' },
);

export type Candle = Static<typeof candleSchema>;

const ofAction = {
  symbol: Type.String({ description: 'The name under which the source lists it' }),
  date: Type.String({
    description:
      'The first day on which it holds, in the time of its exchange, such as 2014-06-09: the ' +
      'ex-date of a split or dividend, the first day of a new symbol',
  }),
};

export const splitSchema = Type.Object(
  {
    ...ofAction,
    kind: Type.Literal('split'),
    ratio: Type.String({ description: 'New shares to old ones, in lowest terms, such as 7:1' }),
  },
  { $id: 'Split' },
);

export type Split = Static<typeof splitSchema>;

export const dividendSchema = Type.Object(
  {
    ...ofAction,
    kind: Type.Literal('dividend'),
    amount: Type.String({ description: 'Cash for each share held before its date, exact decimal' }),
    reference: Type.Union([Type.String(), Type.Null()], {
      description: 'The raw close before its date, exact decimal; null where it was not told',
    }),
  },
  { $id: 'CashDividend' },
);

export type Dividend = Static<typeof dividendSchema>;

export const renameSchema = Type.Object(
  {
    ...ofAction,
    kind: Type.Literal('rename'),
    to: Type.String({ description: 'The new symbol' }),
  },
  { $id: 'Rename' },
);

export type Rename = Static<typeof renameSchema>;

export const markSchema = Type.Object(
  {
    symbol: Type.String(),
    price: Type.Enum([...priceKinds]),
    interval: Type.Enum([...intervals]),
    start: Type.String({ description: 'Start of the first interval, ISO 8601 UTC' }),
    end: Type.String({ description: 'End of the last interval, ISO 8601 UTC' }),
    state: Type.Enum([...markStates], {
      description:
        'Of every interval from start to end: no_trades when the feed was proven alive and ' +
        'nothing came, no_data when it was not; traded when there is a candle',
    }),
  },
  { $id: 'Mark' },
);

export type Mark = Static<typeof markSchema>;

/** One row as the wire object. */
export function tradeAt(batch: TradeBatch, row: number, sequence: number): Trade {
  const instrument = batch.instruments[batch.instrument[row] as number] as BatchInstrument;
  const tag = batch.tags[batch.tag[row] as number] as TradeTag;
  return {
    symbol: instrument.symbol,
    time: formatTime(batch.eventTime[row] as number),
    received: formatTime(batch.receiveTime[row] as number),
    price: formatDecimal(batch.price[row] as number, instrument.priceScale),
    size: formatDecimal(batch.size[row] as number, instrument.sizeScale),
    side: tag.side,
    id: formatId(batch, row),
    venue: tag.venue,
    conditions: tag.conditions,
    source: batch.source,
    sequence,
    verdict: verdictName(batch.verdict[row] as number),
  };
}

/** One row as the wire object. */
export function quoteAt(batch: QuoteBatch, row: number, sequence: number): Quote {
  const instrument = batch.instruments[batch.instrument[row] as number] as BatchInstrument;
  const { priceScale, sizeScale } = instrument;
  const bid = batch.bid[row] as number;
  const ask = batch.ask[row] as number;
  return {
    symbol: instrument.symbol,
    time: formatTime(batch.eventTime[row] as number),
    received: formatTime(batch.receiveTime[row] as number),
    bid: bid === 0 ? null : formatDecimal(bid, priceScale),
    bidSize: bid === 0 ? null : formatDecimal(batch.bidSize[row] as number, sizeScale),
    ask: ask === 0 ? null : formatDecimal(ask, priceScale),
    askSize: ask === 0 ? null : formatDecimal(batch.askSize[row] as number, sizeScale),
    source: batch.source,
    sequence,
  };
}

/** One row as the wire object. */
export function candleAt(batch: CandleBatch, row: number): Candle {
  const { symbol, priceScale, sizeScale } = batch.symbols[
    batch.symbol[row] as number
  ] as CandleSymbol;
  const price = (column: CandleColumn): string =>
    formatDecimal(batch[column][row] as number, priceScale);
  const volume = wideToBigInt(batch.volumeHigh[row] as number, batch.volumeLow[row] as number);
  const notional = notionalOf(batch, row);
  const vwap = vwapOf(notional, volume, priceScale);
  return {
    symbol,
    price: priceKinds[batch.price[row] as number] as PriceKind,
    interval: intervals[batch.interval[row] as number] as Interval,
    start: formatTime(batch.start[row] as number),
    open: price('open'),
    high: price('high'),
    low: price('low'),
    close: price('close'),
    volume: formatBigDecimal(volume, sizeScale),
    notional: notional === null ? null : formatBigDecimal(notional, priceScale + sizeScale),
    vwap: vwap === null ? null : formatBigDecimal(vwap, vwapScale),
    trades: batch.trades[row] as number,
    priced: batch.priced[row] as number,
    revision: batch.revision[row] as number,
    state: candleStates[batch.state[row] as number] as CandleState,
  };
}

/** One row as the wire object. */
export function markAt(batch: MarkBatch, row: number): Mark {
  return {
    symbol: batch.symbols[batch.symbol[row] as number] as string,
    price: priceKinds[batch.price[row] as number] as PriceKind,
    interval: intervals[batch.interval[row] as number] as Interval,
    start: formatTime(batch.start[row] as number),
    end: formatTime(batch.end[row] as number),
    state: markStates[batch.state[row] as number] as MarkState,
  };
}

// Quotes: best bid and ask with their sizes. A side that is absent has price 0 in a batch and null
// on the wire; no real quote has price 0.

import { type Static, Type } from 'typebox';
import { formatDecimal } from './decimal.ts';
import { type EventBatch, EventColumns, type EventMeta } from './event-columns.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import type { BatchInstrument } from './instrument.ts';
import { formatTime } from './time.ts';

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

/** Prices and sizes are integer counts in the scales of the row's instrument. */
export interface QuoteBatch extends EventBatch {
  readonly bid: Float64Array;
  readonly bidSize: Float64Array;
  readonly ask: Float64Array;
  readonly askSize: Float64Array;
}

export class QuoteColumns extends EventColumns implements QuoteBatch {
  bid = new Float64Array(this.eventTime.length);
  bidSize = new Float64Array(this.eventTime.length);
  ask = new Float64Array(this.eventTime.length);
  askSize = new Float64Array(this.eventTime.length);

  /** Appends one quote whose prices and sizes are already in the instrument's scales. */
  push(
    instrument: number,
    eventTime: number,
    receiveTime: number,
    bid: number,
    bidSize: number,
    ask: number,
    askSize: number,
    id: number,
  ): void {
    const row = this.append(instrument, eventTime, receiveTime, id);
    this.bid[row] = bid;
    this.bidSize[row] = bidSize;
    this.ask[row] = ask;
    this.askSize[row] = askSize;
  }

  columns() {
    return [
      this.eventTime,
      this.receiveTime,
      this.id,
      this.bid,
      this.bidSize,
      this.ask,
      this.askSize,
      this.instrument,
      this.verdict,
    ];
  }

  protected prices() {
    return [this.bid, this.ask];
  }

  protected sizes() {
    return [this.bidSize, this.askSize];
  }

  protected resize(grow: (column: Float64Array) => Float64Array): void {
    this.bid = grow(this.bid) as Float64Array<ArrayBuffer>;
    this.bidSize = grow(this.bidSize) as Float64Array<ArrayBuffer>;
    this.ask = grow(this.ask) as Float64Array<ArrayBuffer>;
    this.askSize = grow(this.askSize) as Float64Array<ArrayBuffer>;
  }
}

export function encodeQuotes(columns: QuoteColumns): Uint8Array {
  const { source, scope, instruments, textIds } = columns;
  const meta: EventMeta = { source, scope, instruments, textIds };
  return encodeFrame('quotes', columns.count, meta, columns.columns());
}

export function decodeQuotes(bytes: Uint8Array): QuoteBatch {
  const frame = new FrameReader(bytes);
  return {
    ...(frame.meta as EventMeta),
    count: frame.count,
    eventTime: frame.column(Float64Array),
    receiveTime: frame.column(Float64Array),
    id: frame.column(Float64Array),
    bid: frame.column(Float64Array),
    bidSize: frame.column(Float64Array),
    ask: frame.column(Float64Array),
    askSize: frame.column(Float64Array),
    instrument: frame.column(Uint16Array),
    verdict: frame.column(Uint8Array),
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

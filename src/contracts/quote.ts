// Quotes: best bid and ask with their sizes. A side that is absent has price 0 in a batch and null
// on the wire; no real quote has price 0.

import { type EventBatch, EventColumns, type EventMeta } from './event-columns.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import { counts, uncounted } from './verdict.ts';

/** Prices and sizes are integer counts in the scales of the row's instrument. */
export interface QuoteBatch extends EventBatch {
  readonly bid: Float64Array;
  readonly bidSize: Float64Array;
  readonly ask: Float64Array;
  readonly askSize: Float64Array;
}

export class QuoteColumns extends EventColumns implements QuoteBatch {
  bid: Float64Array<ArrayBuffer>;
  bidSize: Float64Array<ArrayBuffer>;
  ask: Float64Array<ArrayBuffer>;
  askSize: Float64Array<ArrayBuffer>;

  constructor(spent?: QuoteColumns) {
    super(spent);
    const { length } = this.eventTime;
    this.bid = spent?.bid ?? new Float64Array(length);
    this.bidSize = spent?.bidSize ?? new Float64Array(length);
    this.ask = spent?.ask ?? new Float64Array(length);
    this.askSize = spent?.askSize ?? new Float64Array(length);
  }

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

/** The batch without the prices that candles are not made of: itself, nearly always. */
export function countingQuotes(batch: QuoteBatch): QuoteBatch {
  const { verdict } = batch;
  if (!uncounted.some((code) => verdict.includes(code))) return batch;
  const counting = (prices: Float64Array): Float64Array =>
    prices.map((price, row) => (counts(verdict[row] as number) ? price : 0));
  return { ...batch, bid: counting(batch.bid), ask: counting(batch.ask) };
}

export function encodeQuotes(columns: QuoteColumns): Uint8Array {
  const { source, scope, recording, instruments, textIds } = columns;
  const meta: EventMeta = { source, scope, recording, instruments, textIds };
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

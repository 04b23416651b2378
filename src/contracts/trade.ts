// Trades: the wire object at the edges, and the columnar batch of the hot path.

import { type Static, Type } from 'typebox';
import { formatDecimal } from './decimal.ts';
import { type EventBatch, EventColumns, type EventMeta } from './event-columns.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import { formatId } from './identity.ts';
import type { BatchInstrument } from './instrument.ts';
import { formatTime } from './time.ts';
import { verdictName, verdicts } from './verdict.ts';

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
    verdict: Type.Enum([...verdicts]),
  },
  { $id: 'Trade' },
);

export type Trade = Static<typeof tradeSchema>;

/** What few trades differ in: kept once per batch. */
export interface TradeTag {
  readonly venue: string;
  readonly conditions: string;
  readonly side: '' | 'buy' | 'sell';
}

interface TradeMeta extends EventMeta {
  readonly tags: readonly TradeTag[];
}

/** Prices and sizes are integer counts in the scales of the row's instrument. */
export interface TradeBatch extends EventBatch, TradeMeta {
  readonly price: Float64Array;
  readonly size: Float64Array;
  /** Index into `tags`. */
  readonly tag: Uint16Array;
}

export class TradeColumns extends EventColumns implements TradeBatch {
  tags: TradeTag[] = [];
  price = new Float64Array(this.eventTime.length);
  size = new Float64Array(this.eventTime.length);
  tag = new Uint16Array(this.eventTime.length);
  readonly #tags = new Map<string, number>();

  tagOf(venue: string, conditions: string, side: TradeTag['side']): number {
    const key = `${venue}\n${conditions}\n${side}`;
    let index = this.#tags.get(key);
    if (index === undefined) {
      index = this.tags.push({ venue, conditions, side }) - 1;
      this.#tags.set(key, index);
    }
    return index;
  }

  /** Appends one trade whose price and size are already in the instrument's scales. */
  push(
    instrument: number,
    tag: number,
    eventTime: number,
    receiveTime: number,
    price: number,
    size: number,
    id: number,
  ): void {
    const row = this.append(instrument, eventTime, receiveTime, id);
    this.price[row] = price;
    this.size[row] = size;
    this.tag[row] = tag;
  }

  columns() {
    return [
      this.eventTime,
      this.receiveTime,
      this.id,
      this.price,
      this.size,
      this.instrument,
      this.tag,
      this.verdict,
    ];
  }

  protected prices() {
    return [this.price];
  }

  protected sizes() {
    return [this.size];
  }

  protected resize(grow: <C extends Float64Array | Uint16Array>(column: C) => C): void {
    this.price = grow(this.price);
    this.size = grow(this.size);
    this.tag = grow(this.tag);
  }
}

export function encodeTrades(columns: TradeColumns): Uint8Array {
  const { source, scope, instruments, textIds, tags } = columns;
  const meta: TradeMeta = { source, scope, instruments, textIds, tags };
  return encodeFrame('trades', columns.count, meta, columns.columns());
}

export function decodeTrades(bytes: Uint8Array): TradeBatch {
  const frame = new FrameReader(bytes);
  return {
    ...(frame.meta as TradeMeta),
    count: frame.count,
    eventTime: frame.column(Float64Array),
    receiveTime: frame.column(Float64Array),
    id: frame.column(Float64Array),
    price: frame.column(Float64Array),
    size: frame.column(Float64Array),
    instrument: frame.column(Uint16Array),
    tag: frame.column(Uint16Array),
    verdict: frame.column(Uint8Array),
  };
}

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

// Trades: the columnar batch of the hot path.

import { type EventBatch, EventColumns, type EventMeta } from './event-columns.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import { counts, uncounted } from './verdict.ts';

/** What few trades differ in: kept once per batch. */
export interface TradeTag {
  readonly venue: string;
  readonly conditions: string;
  readonly side: '' | 'buy' | 'sell';
}

/**
 * Whose conditions a batch's trades carry, which says what each may move in a candle (see
 * engine/tape-rules.ts): LEAN's flags, or the codes of the consolidated tapes A and B, C, or O.
 * Without a tape every trade moves everything.
 */
export const tapes = ['', 'lean', 'sip-ab', 'sip-c', 'sip-o'] as const;
export type Tape = (typeof tapes)[number];

export function isTape(text: string): text is Tape {
  return (tapes as readonly string[]).includes(text);
}

interface TradeMeta extends EventMeta {
  readonly tape: Tape;
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
  tape: Tape = '';
  tags: TradeTag[] = [];
  price: Float64Array<ArrayBuffer>;
  size: Float64Array<ArrayBuffer>;
  tag: Uint16Array<ArrayBuffer>;
  readonly #tags = new Map<string, number>();

  constructor(spent?: TradeColumns) {
    super(spent);
    const { length } = this.eventTime;
    this.price = spent?.price ?? new Float64Array(length);
    this.size = spent?.size ?? new Float64Array(length);
    this.tag = spent?.tag ?? new Uint16Array(length);
  }

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

/** The rows of a batch, in the order given. */
export function tradeRows(batch: TradeBatch, rows: readonly number[]): TradeBatch {
  const { textIds } = batch;
  const pick = <C extends Float64Array | Uint16Array | Uint8Array>(column: C): C => {
    const picked = new (column.constructor as new (length: number) => C)(rows.length);
    for (const [to, row] of rows.entries()) picked[to] = column[row] as number;
    return picked;
  };
  return {
    ...batch,
    count: rows.length,
    textIds: textIds && rows.map((row) => textIds[row] as string),
    eventTime: pick(batch.eventTime),
    receiveTime: pick(batch.receiveTime),
    id: pick(batch.id),
    price: pick(batch.price),
    size: pick(batch.size),
    instrument: pick(batch.instrument),
    tag: pick(batch.tag),
    verdict: pick(batch.verdict),
  };
}

/** The trades that candles are made of: the batch itself, nearly always. */
export function countingTrades(batch: TradeBatch): TradeBatch {
  const { count, verdict } = batch;
  if (!uncounted.some((code) => verdict.includes(code))) return batch;
  const rows = Array.from({ length: count }, (_, row) => row);
  return tradeRows(
    batch,
    rows.filter((row) => counts(verdict[row] as number)),
  );
}

export function encodeTrades(columns: TradeColumns): Uint8Array {
  const { source, scope, recording, instruments, textIds, tape, tags } = columns;
  const meta: TradeMeta = { source, scope, recording, instruments, textIds, tape, tags };
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

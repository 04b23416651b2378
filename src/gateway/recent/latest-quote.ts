// The latest quote of one symbol, by event time: numbers only, an object when somebody asks.

import { formatDecimal } from '../../contracts/decimal.ts';
import type { BatchInstrument } from '../../contracts/instrument.ts';
import type { QuoteBatch } from '../../contracts/quote.ts';
import { formatTime } from '../../contracts/time.ts';
import type { Quote } from '../../contracts/wire-objects.ts';
import type { RowsBySymbol } from './rows-by-symbol.ts';

export class LatestQuote {
  #time = Number.NEGATIVE_INFINITY;
  #received = 0;
  #bid = 0;
  #bidSize = 0;
  #ask = 0;
  #askSize = 0;
  #offset = -1;
  #source = '';
  #instrument: Pick<BatchInstrument, 'symbol' | 'priceScale' | 'sizeScale' | 'sequence'> = {
    symbol: '',
    priceScale: 0,
    sizeScale: 0,
    sequence: 0,
  };

  /** Log offset of the quote; -1 before the first. */
  get offset(): number {
    return this.#offset;
  }

  /** Takes the rows of one instrument of a batch whose first record is at `offset`. */
  push(batch: QuoteBatch, rows: RowsBySymbol, instrument: number, offset: number): void {
    const from = rows.starts[instrument];
    const to = rows.starts[instrument + 1];
    let newest = -1;
    let time = this.#time;
    for (let index = from; index < to; index++) {
      if (batch.eventTime[rows.order[index]] < time) continue;
      time = batch.eventTime[rows.order[index]];
      newest = index;
    }
    if (newest < 0) return;
    const row = rows.order[newest];
    const { symbol, priceScale, sizeScale, sequence } = batch.instruments[instrument];
    this.#instrument = { symbol, priceScale, sizeScale, sequence: sequence + newest - from };
    this.#time = time;
    this.#received = batch.receiveTime[row];
    this.#bid = batch.bid[row];
    this.#bidSize = batch.bidSize[row];
    this.#ask = batch.ask[row];
    this.#askSize = batch.askSize[row];
    this.#offset = offset + row;
    this.#source = batch.source;
  }

  get(): Quote | null {
    if (this.#offset < 0) return null;
    const { symbol, priceScale, sizeScale, sequence } = this.#instrument;
    const hasBid = this.#bid !== 0;
    const hasAsk = this.#ask !== 0;
    return {
      symbol,
      time: formatTime(this.#time),
      received: formatTime(this.#received),
      bid: hasBid ? formatDecimal(this.#bid, priceScale) : null,
      bidSize: hasBid ? formatDecimal(this.#bidSize, sizeScale) : null,
      ask: hasAsk ? formatDecimal(this.#ask, priceScale) : null,
      askSize: hasAsk ? formatDecimal(this.#askSize, sizeScale) : null,
      source: this.#source,
      sequence,
    };
  }
}

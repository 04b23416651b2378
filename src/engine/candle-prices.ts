// What a batch brings to candles of one price kind, in the form that the fold takes.

import type { PriceKind } from '../contracts/candle.ts';
import { powerOfTen } from '../contracts/decimal.ts';
import type { EventBatch } from '../contracts/event-columns.ts';
import type { TradeBatch } from '../contracts/trade.ts';
import { extraDigitsOf, type Series } from './candle-book.ts';
import type { FoldInput } from './candle-slots.ts';

/** A batch's prices of one kind; `moves` says by tag what its trades may move, null everything. */
export interface Prices extends EventBatch {
  readonly kind: PriceKind;
  readonly price: Float64Array;
  readonly size: Float64Array | null;
  readonly tag: Uint16Array;
  readonly moves: Uint8Array | null;
}

export function tradePrices(batch: TradeBatch, moves: Uint8Array | null): Prices {
  return { ...batch, kind: 'trade', moves };
}

/** `series` are those of the batch's instruments. */
export function foldInput(prices: Prices, series: readonly Series[]): FoldInput {
  const { count, instrument, eventTime, id, price, size, tag, moves } = prices;
  const extraDigits = extraDigitsOf(prices.kind);
  const priceFactor = new Float64Array(series.length);
  const sizeFactor = new Float64Array(series.length);
  const run = new Int32Array(series.length);
  for (const [index, entry] of prices.instruments.entries()) {
    const { priceScale, sizeScale, run: slot } = series[index] as Series;
    priceFactor[index] = powerOfTen(priceScale - extraDigits - entry.priceScale);
    sizeFactor[index] = powerOfTen(sizeScale - entry.sizeScale);
    run[index] = slot;
  }
  const rows = { count, instrument, eventTime, id, price, size, tag, moves };
  return { ...rows, priceFactor, sizeFactor, run };
}

// Rows of candle batches in another order, and stored candles as rows of one.

import {
  type CandleBatch,
  type CandleColumn,
  type CandleSymbol,
  candleColumns,
  candleStates,
  priceKinds,
} from '../contracts/candle.ts';
import { intervalMicros, intervals } from '../contracts/interval.ts';
import type { PlacedInstrument } from '../contracts/placed-trades.ts';
import { wideFromBigInt } from '../contracts/wide.ts';
import type { StoredFigures } from '../store/rework.ts';

const hour = intervals.indexOf('1h');

interface Place {
  readonly batch: CandleBatch;
  readonly row: number;
  readonly symbol: string;
  readonly end: number;
  readonly interval: number;
}

export function picked(candles: CandleBatch, rows: readonly number[]): CandleBatch {
  const codes = (of: Uint8Array): Uint8Array => Uint8Array.from(rows, (row) => of[row]);
  return {
    ...candles,
    ...columnsOf((column) => Float64Array.from(rows, (row) => candles[column][row])),
    count: rows.length,
    symbol: Uint16Array.from(rows, (row) => candles.symbol[row]),
    price: codes(candles.price),
    interval: codes(candles.interval),
    state: codes(candles.state),
  };
}

/**
 * The candles of up to an hour that start in a span, by symbol and as they close, which is how
 * signals are found; those of one batch that follow each other together.
 */
export function* asTheyClose(
  batches: readonly CandleBatch[],
  span: { readonly from: number; readonly to: number },
): Generator<CandleBatch> {
  const places: Place[] = [];
  for (const batch of batches) {
    for (let row = 0; row < batch.count; row++) {
      const [start, interval] = [batch.start[row], batch.interval[row]];
      if (start < span.from || start >= span.to || interval > hour) continue;
      const { symbol } = batch.symbols[batch.symbol[row]];
      places.push({ batch, row, symbol, end: start + intervalMicros[interval], interval });
    }
  }
  places.sort((a, b) => {
    if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1;
    return a.end - b.end || a.interval - b.interval;
  });
  for (let from = 0, to = 0; from < places.length; from = to) {
    const { batch } = places[from];
    while (to < places.length && places[to].batch === batch) to++;
    yield picked(
      batch,
      places.slice(from, to).map(({ row }) => row),
    );
  }
}

/** Candles as they are stored; which trades made their prices is not in them. */
export function storedBatch(
  stored: readonly StoredFigures[],
  instruments: ReadonlyMap<number, PlacedInstrument>,
): CandleBatch {
  const symbols = new Map<string, CandleSymbol>();
  const rows = stored.map(({ instrumentId, start, revision, figures }) => {
    const prices = [figures.open, figures.high, figures.low, figures.close];
    const priceScale = Math.max(...prices.map(scaleOf));
    const sizeScale = scaleOf(figures.volume);
    const [open, high, low, close] = prices.map((price) => Number(countOf(price, priceScale)));
    const volume = wideFromBigInt(countOf(figures.volume, sizeScale));
    const notional =
      figures.notional === null
        ? { high: Number.NaN, low: Number.NaN }
        : wideFromBigInt(countOf(figures.notional, priceScale + sizeScale));
    const columns: Partial<Record<CandleColumn, number>> = {
      start,
      open,
      high,
      low,
      close,
      volumeHigh: volume.high,
      volumeLow: volume.low,
      notionalHigh: notional.high,
      notionalLow: notional.low,
      trades: Number(figures.trades),
      priced: Number(figures.priced),
      revision,
    };
    const { symbol, calendar } = instruments.get(instrumentId) as PlacedInstrument;
    const key = `${symbol} ${priceScale} ${sizeScale}`;
    symbols.getOrInsert(key, { symbol, calendar, priceScale, sizeScale });
    return { columns, key };
  });
  const keys = [...symbols.keys()];
  return {
    ...columnsOf((column) => Float64Array.from(rows, ({ columns }) => columns[column] ?? 0)),
    count: rows.length,
    symbols: [...symbols.values()],
    symbol: Uint16Array.from(rows, ({ key }) => keys.indexOf(key)),
    price: Uint8Array.from(stored, ({ price }) => priceKinds.indexOf(price)),
    interval: Uint8Array.from(stored, ({ interval }) => intervals.indexOf(interval)),
    state: Uint8Array.from(stored, ({ state }) => candleStates.indexOf(state)),
    receiveTime: 0,
  };
}

function columnsOf(column: (name: CandleColumn) => Float64Array) {
  const columns = candleColumns.map((name) => [name, column(name)]);
  return Object.fromEntries(columns) as Record<CandleColumn, Float64Array>;
}

/** Digits after the point of a plain decimal. */
function scaleOf(decimal: string): number {
  return decimal.split('.')[1]?.length ?? 0;
}

function countOf(decimal: string, scale: number): bigint {
  const [whole, fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(scale, '0'));
}

// A batch as a stream tells it: rows in the order of the log, a message each, sorted into groups
// of one symbol and key (see Watchers). Everything after knows no difference between the streams.

import type { Article } from '../../contracts/article.ts';
import { type CandleBatch, candleStates } from '../../contracts/candle.ts';
import type { MarkBatch } from '../../contracts/mark.ts';
import type { QuoteBatch } from '../../contracts/quote.ts';
import { severities } from '../../contracts/signal.ts';
import type { TradeBatch } from '../../contracts/trade.ts';
import { type Candle, candleAt, markAt, type Signal } from '../../contracts/wire-objects.ts';
import { candleKey } from '../live.ts';
import type { Summary } from '../market-summary.ts';
import type { Stream } from './client-messages.ts';
import { writeQuotes } from './quote-frames.ts';
import type { TextFrames } from './text-frames.ts';
import { writeTrades } from './trade-frames.ts';

export interface Group {
  readonly symbol: string;
  /** Further symbols that its rows are of: an article may have many. */
  readonly also?: readonly string[];
  readonly key: number;
}

export interface StreamBatch {
  readonly stream: Stream;
  /** Log offset of the first row, and one past that of the last. */
  readonly offset: number;
  readonly end: number;
  readonly count: number;
  /** When the record behind its oldest row reached us, microseconds. */
  readonly receiveTime: number;
  readonly groups: readonly Group[];
  /** Index into `groups`, by row. */
  readonly groupOf: ArrayLike<number>;
  /** Writes the message of each of these rows. */
  write(frames: TextFrames, rows: readonly number[]): void;
}

/** Log offset of the first row, and `epoch:partition:`. */
export interface Place {
  readonly offset: number;
  readonly cursorHead: string;
}

export function tradeBatch(place: Place, batch: TradeBatch): StreamBatch {
  const { offset, cursorHead } = place;
  return {
    stream: 'trades',
    ...spanOf(place, batch.count),
    receiveTime: batch.receiveTime[0],
    groups: batch.instruments.map(({ symbol }) => ({ symbol, key: 0 })),
    groupOf: batch.instrument,
    write: (frames, rows) => writeTrades(frames, batch, rows, cursorHead, offset),
  };
}

export function quoteBatch(place: Place, batch: QuoteBatch): StreamBatch {
  const { offset, cursorHead } = place;
  return {
    stream: 'quotes',
    ...spanOf(place, batch.count),
    receiveTime: batch.receiveTime[0],
    groups: batch.instruments.map(({ symbol }) => ({ symbol, key: 0 })),
    groupOf: batch.instrument,
    write: (frames, rows) => writeQuotes(frames, batch, rows, cursorHead, offset),
  };
}

/** Candles as they are told: their sums need BigInt, so they go through their wire object. */
export interface CandleStreamBatch extends StreamBatch {
  candleAt(row: number): Candle;
  isOpen(row: number): boolean;
}

export function candleBatch(place: Place, batch: CandleBatch): CandleStreamBatch {
  const made: Candle[] = [];
  const at = (row: number): Candle => {
    made[row] ??= candleAt(batch, row);
    return made[row];
  };
  return {
    stream: 'candles',
    ...spanOf(place, batch.count),
    receiveTime: batch.receiveTime,
    ...seriesOf(
      batch,
      batch.symbols.map(({ symbol }) => symbol),
    ),
    candleAt: at,
    isOpen: (row) => batch.state[row] === open,
    write: (frames, rows) => writeObjects(frames, 'candle', place, rows, at),
  };
}

export function markBatch(place: Place, batch: MarkBatch): StreamBatch {
  return {
    stream: 'candles',
    ...spanOf(place, batch.count),
    receiveTime: batch.receiveTime,
    ...seriesOf(batch, batch.symbols),
    write: (frames, rows) => writeObjects(frames, 'mark', place, rows, (row) => markAt(batch, row)),
  };
}

export function alertBatch(place: Place, signals: readonly Signal[]): StreamBatch {
  return {
    stream: 'alerts',
    ...spanOf(place, signals.length),
    receiveTime: Number.NaN,
    groups: signals.map(({ symbol, severity }) => ({ symbol, key: severities.indexOf(severity) })),
    groupOf: signals.map((_, row) => row),
    write: (frames, rows) => writeObjects(frames, 'alert', place, rows, (row) => signals[row]),
  };
}

export function newsBatch(place: Place, articles: readonly Article[]): StreamBatch {
  return {
    stream: 'news',
    ...spanOf(place, articles.length),
    receiveTime: Number.NaN,
    groups: articles.map(({ symbols: [symbol = '', ...also] }) => ({ symbol, also, key: 0 })),
    groupOf: articles.map((_, row) => row),
    write: (frames, rows) => writeObjects(frames, 'article', place, rows, (row) => articles[row]),
  };
}

/** Made of memory as it is before an offset of the log: all messages have the same cursor. */
export function summaryBatch(place: Place, summaries: readonly Summary[]): StreamBatch {
  const cursor = `${place.cursorHead}${place.offset - 1}`;
  return {
    stream: 'summary',
    ...spanOf(place, summaries.length),
    receiveTime: Number.NaN,
    groups: summaries.map(({ symbol }) => ({ symbol, key: 0 })),
    groupOf: summaries.map((_, row) => row),
    write(frames, rows) {
      for (const row of rows) frames.message({ type: 'summary', cursor, ...summaries[row] });
    },
  };
}

export function writeObjects(
  frames: TextFrames,
  type: string,
  { offset, cursorHead }: Place,
  rows: readonly number[],
  objectAt: (row: number) => object,
): void {
  for (const row of rows) {
    frames.message({ type, cursor: `${cursorHead}${offset + row}`, ...objectAt(row) });
  }
}

const open = candleStates.indexOf('open');

function spanOf({ offset }: Place, count: number) {
  return { offset, end: offset + count, count };
}

/** What candles and marks have in common: each row is of a symbol, price kind and interval. */
type SeriesRows = Pick<CandleBatch, 'count' | 'symbol' | 'price' | 'interval'>;

function seriesOf({ count, symbol, price, interval }: SeriesRows, symbols: readonly string[]) {
  const groups: Group[] = [];
  const groupOf = new Uint32Array(count);
  const known = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const key = candleKey(price[row], interval[row]);
    const place = key * symbols.length + symbol[row];
    let group = known.get(place);
    if (group === undefined) {
      group = groups.push({ symbol: symbols[symbol[row]], key }) - 1;
      known.set(place, group);
    }
    groupOf[row] = group;
  }
  return { groups, groupOf };
}

// Writes a small market to a log: instruments, trades, quotes and candles as ingest and engine
// would.

import type { Article } from '../../src/contracts/article.ts';
import { BarColumns, barTime, encodeBars } from '../../src/contracts/bar.ts';
import {
  type CandleBatch,
  type CandleColumn,
  type CandleState,
  candleColumns,
  candleStates,
  encodeCandles,
  type PriceKind,
  priceKinds,
} from '../../src/contracts/candle.ts';
import { encodeJson } from '../../src/contracts/frame.ts';
import {
  bucketStart,
  type Interval,
  intervalLength,
  intervals,
} from '../../src/contracts/interval.ts';
import { encodeMarks } from '../../src/contracts/mark.ts';
import { encodeQuotes, QuoteColumns } from '../../src/contracts/quote.ts';
import { encodeTrades, TradeColumns } from '../../src/contracts/trade.ts';
import { type Verdict, verdicts } from '../../src/contracts/verdict.ts';
import type { Instrument, Signal } from '../../src/contracts/wire-objects.ts';
import type { Log, Topic } from '../../src/log/log.ts';
import { markBatch } from '../mark-batch.ts';

/** 2024-05-06T14:30:00Z, a Monday. */
export const monday = 1_715_005_800_000_000;
export const second = 1_000_000;

export interface TapeTrade {
  readonly symbol?: string;
  readonly time: number;
  readonly received?: number;
  /** In cents. */
  readonly price: number;
  readonly size?: number;
  readonly id?: number;
  readonly textId?: string;
  readonly verdict?: Verdict;
  readonly side?: 'buy' | 'sell' | '';
}

export interface TapeQuote {
  readonly symbol?: string;
  readonly time: number;
  readonly received?: number;
  readonly bid: number;
  readonly ask: number;
}

export interface TapeCandle {
  readonly symbol?: string;
  readonly price?: PriceKind;
  readonly interval: Interval;
  readonly time: number;
  /** Open, high, low and close in cents. */
  readonly ohlc: readonly [number, number, number, number];
  readonly volume?: number;
  /** Of the cents; that of the volume at the close when not given. */
  readonly notional?: number;
  readonly state?: CandleState;
  readonly revision?: number;
}

export class Tape {
  readonly #log: Log;
  readonly #sequences = new Map<string, number>();
  #ids = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  async introduce(...symbols: readonly string[]): Promise<void> {
    await this.introduceAs(symbols.map((symbol) => [symbol, `${symbol} Inc.`]));
  }

  async introduceAs(names: readonly (readonly [symbol: string, name: string, ...unknown[]])[]) {
    const bytes = encodeJson(names.map(([symbol, name]) => instrument(symbol, name)));
    const count = names.length;
    await this.#log.commit({ appends: [{ topic: 'instruments', count, bytes }] });
  }

  /** One batch; answers the offset of its first trade. */
  async trades(...trades: readonly TapeTrade[]): Promise<number> {
    const columns = new TradeColumns();
    columns.source = 'test';
    columns.scope = 'test:1';
    for (const trade of trades) {
      const { symbol = 'AAPL', time, price, size = 100, side = 'buy', textId } = trade;
      const index = columns.instrumentOf(symbol, 2, 0);
      this.#number('t', symbol, columns.instruments[index]);
      const tag = columns.tagOf('XNAS', '', side);
      const id = trade.id ?? ++this.#ids;
      columns.push(index, tag, time, trade.received ?? time, price, size, id);
      columns.verdict[columns.count - 1] = verdicts.indexOf(trade.verdict ?? 'on time');
      if (textId !== undefined) columns.nameLast(textId);
    }
    const bytes = encodeTrades(columns);
    return await this.#append('market.trades', trades.length, bytes);
  }

  async quotes(...quotes: readonly TapeQuote[]): Promise<number> {
    const columns = new QuoteColumns();
    columns.source = 'test';
    columns.scope = 'test:1';
    for (const { symbol = 'AAPL', time, received = time, bid, ask } of quotes) {
      const index = columns.instrumentOf(symbol, 2, 0);
      this.#number('q', symbol, columns.instruments[index]);
      columns.push(index, time, received, bid, 300, ask, 200, ++this.#ids);
    }
    return await this.#append('market.quotes', quotes.length, encodeQuotes(columns));
  }

  /** A minute's bar of AAPL. */
  async bar(start: number): Promise<number> {
    const columns = new BarColumns();
    const index = columns.instrumentOf('AAPL', 2, 0);
    this.#number('t', 'AAPL', columns.instruments[index]);
    const time = barTime(start, '1m');
    columns.push(index, time, time, [100, 100, 100, 100], 1, ++this.#ids);
    return await this.#append('market.trades', 1, encodeBars(columns));
  }

  /** More than a slow reader can hold: seconds that change 59 times before they close. */
  async manyCandles(from: number, count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const time = from + index * intervalLength('1s');
      const versions = Array.from({ length: 60 }, (_, row): TapeCandle => {
        const state = row === 59 ? 'final' : 'open';
        return { interval: '1s', time, ohlc: [1, row + 1, 1, row + 1], state };
      });
      await this.candles(...versions);
    }
  }

  async candles(...candles: readonly TapeCandle[]): Promise<number> {
    const symbols = [...new Set(candles.map(({ symbol = 'AAPL' }) => symbol))];
    const column = (value: (candle: TapeCandle) => number): Float64Array =>
      Float64Array.from(candles, value);
    const zeros = candleColumns.map((name) => [name, new Float64Array(candles.length)]);
    const batch: CandleBatch = {
      ...(Object.fromEntries(zeros) as Record<CandleColumn, Float64Array>),
      start: column(({ time, interval }) => bucketStart(time, intervalLength(interval))),
      open: column(({ ohlc }) => ohlc[0]),
      high: column(({ ohlc }) => ohlc[1]),
      low: column(({ ohlc }) => ohlc[2]),
      close: column(({ ohlc }) => ohlc[3]),
      volumeLow: column(({ volume = 100 }) => volume),
      notionalLow: column(({ volume = 100, ohlc, notional }) => notional ?? volume * ohlc[3]),
      notionalHigh: column(({ notional = 0 }) => (Number.isNaN(notional) ? notional : 0)),
      trades: column(() => 1),
      priced: column(() => 1),
      revision: column(({ revision = 0 }) => revision),
      count: candles.length,
      symbols: symbols.map((symbol) => ({ symbol, priceScale: 2, sizeScale: 0, calendar: '24/7' })),
      symbol: Uint16Array.from(candles, ({ symbol = 'AAPL' }) => symbols.indexOf(symbol)),
      price: Uint8Array.from(candles, ({ price = 'trade' }) => priceKinds.indexOf(price)),
      interval: Uint8Array.from(candles, ({ interval }) => intervals.indexOf(interval)),
      state: Uint8Array.from(candles, ({ state = 'open' }) => candleStates.indexOf(state)),
      receiveTime: candles[0].time,
    };
    return await this.#append('market.candles', candles.length, encodeCandles(batch));
  }

  async marks(...marks: Parameters<typeof markBatch>[0]): Promise<number> {
    return await this.#append('market.candles', marks.length, encodeMarks(markBatch(marks)));
  }

  async signals(...signals: readonly Signal[]): Promise<number> {
    return await this.#append('market.signals', signals.length, encodeJson(signals));
  }

  async articles(...articles: readonly Article[]): Promise<number> {
    return await this.#append('news.articles', articles.length, encodeJson(articles));
  }

  #number(stream: string, symbol: string, entry: { sequence: number }): void {
    const key = `${stream} ${symbol}`;
    const next = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, next + 1);
    // The batch names the sequence of its first row; the rows after it follow on.
    if (!this.#numbered.has(entry)) entry.sequence = next;
    this.#numbered.add(entry);
  }

  readonly #numbered = new WeakSet<object>();

  async #append(topic: Topic, count: number, bytes: Uint8Array): Promise<number> {
    const [offset] = await this.#log.commit({ appends: [{ topic, count, bytes }] });
    return offset;
  }
}

function instrument(symbol: string, name: string): Instrument {
  return {
    symbol,
    name,
    exchange: 'XNAS',
    currency: 'USD',
    assetClass: 'equity',
    priceIncrement: '0.01',
    sizeIncrement: '1',
    calendar: 'XNYS',
    source: 'test',
  };
}

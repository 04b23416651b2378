// What is true now of a shard: the end of its log and the last days of the store, held in memory
// per symbol. Everything else in the gateway reads from here first. The tail is the only writer,
// and each batch is in memory before the streams are told of it.

import type { Clock } from '../base/clock.ts';
import { Failure, messageOf } from '../base/failure.ts';
import type { Article } from '../contracts/article.ts';
import {
  type CandleBatch,
  decodeCandles,
  type PriceKind,
  priceKinds,
} from '../contracts/candle.ts';
import { decodeJson, frameKind } from '../contracts/frame.ts';
import { alwaysOpenCalendar } from '../contracts/instrument.ts';
import { type Interval, intervals } from '../contracts/interval.ts';
import { decodeMarks, type MarkBatch } from '../contracts/mark.ts';
import { partitionOf } from '../contracts/partition.ts';
import { decodeQuotes, type QuoteBatch } from '../contracts/quote.ts';
import { formatTime, parseTime } from '../contracts/time.ts';
import { decodeTrades, type TradeBatch } from '../contracts/trade.ts';
import { counts, verdicts } from '../contracts/verdict.ts';
import type { Candle, Instrument, Signal } from '../contracts/wire-objects.ts';
import type { Log, LostRange, StoredBatch, Topic } from '../log/log.ts';
import type { History } from '../store/history.ts';
import type { GatewayLimits } from './limits.ts';
import type { GatewayLogger } from './logger.ts';
import type { GatewayMetrics } from './metrics.ts';
import { CandleRing, columnsOf } from './recent/candle-ring.ts';
import { LatestQuote } from './recent/latest-quote.ts';
import { type RowsBySymbol, rowsBySymbol } from './recent/rows-by-symbol.ts';
import type { SharedMemory } from './recent/shared-memory.ts';
import { Tail, type TailReader } from './recent/tail.ts';
import { TradeRing } from './recent/trade-ring.ts';

export interface Arrival<Batch> {
  /** Log offset of the batch's first record. */
  readonly offset: number;
  readonly batch: Batch;
}

export interface EventArrival<Batch> extends Arrival<Batch> {
  readonly rows: RowsBySymbol;
}

/** Who hears of each batch, once memory has it. */
export interface LiveListener {
  trades(arrival: EventArrival<TradeBatch>): void;
  quotes(arrival: EventArrival<QuoteBatch>): void;
  candles(arrival: Arrival<CandleBatch>): void;
  marks(arrival: Arrival<MarkBatch>): void;
  signals(arrival: Arrival<readonly Signal[]>): void;
  articles(arrival: Arrival<readonly Article[]>): void;
  lost(topic: Topic, range: LostRange): void;
}

interface SymbolState {
  /** Counts the changes of its trades and its quote. */
  version: number;
  readonly trades: TradeRing;
  readonly quote: LatestQuote;
  /** By price kind and interval; see candleKey. */
  readonly candles: (CandleRing | undefined)[];
  /** The last days that the store knew at start, oldest first. */
  days: readonly Candle[];
}

export interface LiveOptions {
  readonly log: Log;
  /** How many shards there are: this one is the log's. */
  readonly shards: number;
  readonly memory: SharedMemory;
  readonly history: History;
  readonly limits: GatewayLimits;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
}

/** One number for a price kind and an interval, given by their places in their lists. */
export function candleKey(price: number, interval: number): number {
  return price * intervals.length + interval;
}

const retryMs = 1_000;
/** Cancels and what they took back are passed over. */
const latestAmong = 20;
/** How many last prices are asked of the store at a time. */
const asksAtOnce = 16;

/** What is known of an instrument that no feed has defined. */
const undefinedInstrument = {
  exchange: '',
  currency: '',
  assetClass: 'unknown',
  priceIncrement: null,
  sizeIncrement: null,
  calendar: alwaysOpenCalendar,
  source: '',
} as const;

/** What is read of a log, and how many records of the end of each at first. */
function tailedTopics(limits: GatewayLimits, shards: number): (readonly [Topic, number])[] {
  const fills = [
    ['instruments', Number.POSITIVE_INFINITY],
    ['market.trades', limits.fillRecords],
    ['market.quotes', limits.fillRecords],
    ['market.candles', limits.fillCandles],
    ['market.signals', limits.recentSignalsMax],
    ['news.articles', limits.recentArticlesMax],
  ] as const;
  return fills.map(([topic, records]) => [topic, Math.ceil(records / shards)]);
}

export class Live implements TailReader {
  readonly tail: Tail;
  readonly #options: LiveOptions;
  readonly #symbols = new Map<string, SymbolState>();
  readonly #instruments = new Map<string, Instrument>();
  /** Where the tail began to read each topic. */
  readonly #filledFrom = new Map<Topic, number>();
  #listener: LiveListener | null = null;
  #version = 0;
  #waitsFor: string | null = 'the log is being read';

  constructor(options: LiveOptions) {
    const { log, shards, limits, clock, logger } = options;
    this.#options = options;
    const topics = tailedTopics(limits, shards);
    this.tail = new Tail(log, topics, this, clock, logger);
    for (const [topic] of topics) this.#filledFrom.set(topic, this.tail.position(topic));
  }

  /** Why it cannot answer yet; null once it can. */
  get waitsFor(): string | null {
    return this.#waitsFor;
  }

  /** Another one whenever anything here but quotes may have changed. */
  get version(): number {
    return this.#version;
  }

  /** Another one whenever the trades or the quote of a symbol may have changed. */
  versionOf(symbol: string): number {
    return this.#stateOf(symbol).version;
  }

  listen(listener: LiveListener): void {
    this.#listener = listener;
  }

  /** Fills the memory from log and store, and follows the log until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const following = this.tail.run(signal);
    const filled = this.tail.filled.then(() => this.#recall(signal));
    await Promise.all([following, filled]);
  }

  /** The instruments by symbol; of one that was never introduced only the symbol is known. */
  instruments(): Instrument[] {
    const known = [...this.#symbols.keys()].map((symbol) => this.instrument(symbol));
    return known.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  }

  has(symbol: string): boolean {
    return this.#symbols.has(symbol);
  }

  instrument(symbol: string): Instrument {
    return this.#instruments.get(symbol) ?? { ...undefinedInstrument, symbol, name: symbol };
  }

  trades(symbol: string): TradeRing {
    return this.#stateOf(symbol).trades;
  }

  quote(symbol: string): LatestQuote {
    return this.#stateOf(symbol).quote;
  }

  candles(symbol: string, price: PriceKind, interval: Interval): CandleRing {
    const key = candleKey(priceKinds.indexOf(price), intervals.indexOf(interval));
    return this.#ringOf(this.#stateOf(symbol), key);
  }

  /** The newest two daily candles, oldest first: what the log brought over what was stored. */
  lastDays(symbol: string): Candle[] {
    const days = new Map<string, Candle>();
    for (const day of this.#stateOf(symbol).days) days.set(day.start, day);
    const ring = this.candles(symbol, 'trade', '1d');
    for (const [, day] of ring.within(-Infinity, Infinity, 2)) days.set(day.start, day);
    for (const start of ring.emptied(-Infinity, Infinity)) days.delete(formatTime(start));
    return [...days.values()].sort((a, b) => (a.start < b.start ? -1 : 1)).slice(-2);
  }

  batch(topic: Topic, { offset, bytes }: StoredBatch): void {
    const kind = frameKind(bytes);
    if (kind !== 'quotes' && kind !== 'marks') this.#version++;
    if (kind === 'trades') this.#takeTrades(offset, decodeTrades(bytes));
    if (kind === 'quotes') this.#takeQuotes(offset, decodeQuotes(bytes));
    if (kind === 'candles') this.#takeCandles(offset, decodeCandles(bytes));
    if (kind === 'marks') this.#listener?.marks({ offset, batch: decodeMarks(bytes) });
    if (topic === 'market.signals') this.#takeSignals(offset, decodeJson<Signal>(bytes));
    if (topic === 'news.articles') this.#takeArticles(offset, decodeJson<Article>(bytes));
    if (topic === 'instruments') this.#introduce(decodeJson<Instrument>(bytes));
  }

  lost(topic: Topic, range: LostRange): void {
    const { metrics } = this.#options;
    this.#version++;
    metrics.lost.inc({ topic, reason: range.reason }, range.to - range.from);
    if (topic === 'market.candles') {
      for (const { candles } of this.#symbols.values()) {
        for (const ring of candles) ring?.lose(range.to);
      }
    }
    this.#listener?.lost(topic, range);
  }

  #takeTrades(offset: number, batch: TradeBatch): void {
    const rows = rowsBySymbol(batch);
    for (const [index, { symbol }] of batch.instruments.entries()) {
      if (rows.starts[index] === rows.starts[index + 1]) continue;
      const state = this.#stateOf(symbol);
      state.trades.push(batch, rows, index, offset);
      state.version++;
    }
    this.#listener?.trades({ offset, batch, rows });
  }

  #takeQuotes(offset: number, batch: QuoteBatch): void {
    const rows = rowsBySymbol(batch);
    for (const [index, { symbol }] of batch.instruments.entries()) {
      if (rows.starts[index] === rows.starts[index + 1]) continue;
      const state = this.#stateOf(symbol);
      state.quote.push(batch, rows, index, offset);
      state.version++;
    }
    this.#listener?.quotes({ offset, batch, rows });
  }

  #takeCandles(offset: number, batch: CandleBatch): void {
    const states = batch.symbols.map(({ symbol }) => this.#stateOf(symbol));
    const columns = columnsOf(batch);
    for (let row = 0; row < batch.count; row++) {
      const key = candleKey(batch.price[row], batch.interval[row]);
      this.#ringOf(states[batch.symbol[row]], key).put(batch, columns, row, offset + row);
    }
    this.#listener?.candles({ offset, batch });
  }

  #takeSignals(offset: number, signals: readonly Signal[]): void {
    for (const signal of signals) this.#options.memory.signals.put(signal);
    this.#listener?.signals({ offset, batch: signals });
  }

  #takeArticles(offset: number, articles: readonly Article[]): void {
    for (const article of articles) this.#options.memory.articles.put(article);
    this.#listener?.articles({ offset, batch: articles });
  }

  #introduce(instruments: readonly Instrument[]): void {
    for (const instrument of instruments) {
      this.#stateOf(instrument.symbol);
      this.#instruments.set(instrument.symbol, instrument);
    }
  }

  #stateOf(symbol: string): SymbolState {
    let state = this.#symbols.get(symbol);
    if (!state) {
      const { limits, memory } = this.#options;
      const completeFrom = this.#filledFrom.get('market.trades') ?? 0;
      state = {
        version: 0,
        trades: new TradeRing(symbol, limits.recentTradesMax, memory.trades, completeFrom),
        quote: new LatestQuote(),
        candles: [],
        days: [],
      };
      this.#symbols.set(symbol, state);
    }
    return state;
  }

  #ringOf(state: SymbolState, key: number): CandleRing {
    const { limits, memory } = this.#options;
    const completeFrom = this.#filledFrom.get('market.candles') ?? 0;
    state.candles[key] ??= new CandleRing(limits.recentCandlesMax, memory.candles, completeFrom);
    return state.candles[key];
  }

  /** Asks the store, until it answers, for what the end of the log may no longer say. */
  async #recall(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#recallOnce();
        this.#version++;
        this.#waitsFor = null;
        return;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        this.#waitsFor = `the store does not answer: ${messageOf(error)}`;
        logger.warn({ error: error.message, cure: error.cure }, 'the gateway waits for the store');
        await clock.wait(retryMs, signal);
      }
    }
  }

  async #recallOnce(): Promise<void> {
    const { history, log, shards } = this.#options;
    const isOurs = (symbol: string): boolean => partitionOf(symbol, shards) === log.partition;
    const [instruments, days] = await Promise.all([history.instruments(), history.lastDays()]);
    for (const instrument of instruments.filter(({ symbol }) => isOurs(symbol))) {
      this.#stateOf(instrument.symbol);
      if (!this.#instruments.has(instrument.symbol)) this.#introduce([instrument]);
    }
    const ours = days.filter(({ symbol }) => isOurs(symbol));
    const bySymbol = Map.groupBy(ours, (day) => day.symbol);
    for (const [symbol, own] of bySymbol) this.#stateOf(symbol).days = own;
    const silent = [...bySymbol.keys()].filter((symbol) => !this.trades(symbol).latest());
    for (let index = 0; index < silent.length; index += asksAtOnce) {
      const asked = silent.slice(index, index + asksAtOnce);
      await Promise.all(asked.map((symbol) => this.#recallTrade(symbol)));
    }
  }

  async #recallTrade(symbol: string): Promise<void> {
    const { trades } = await this.#options.history.trades(symbol, { limit: latestAmong });
    const trade = trades.find(({ verdict }) => counts(verdicts.indexOf(verdict)));
    if (trade) this.trades(symbol).keepLatest(trade, parseTime(trade.time) ?? 0);
  }
}

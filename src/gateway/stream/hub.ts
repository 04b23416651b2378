// Who is subscribed to what, and the fan-out: for each batch and stream that somebody watches, its
// messages are encoded once, and the same bytes are handed to every subscriber.

import type { Clock } from '../../base/clock.ts';
import type { CandleBatch } from '../../contracts/candle.ts';
import type { MarkBatch } from '../../contracts/mark.ts';
import type { QuoteBatch } from '../../contracts/quote.ts';
import type { TradeBatch } from '../../contracts/trade.ts';
import { type Candle, candleAt, markAt, type Signal } from '../../contracts/wire-objects.ts';
import type { LostRange, Topic } from '../../log/log.ts';
import { type Arrival, candleKey, type EventArrival, type LiveListener } from '../live.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { isWanted, type SignalFilter } from '../recent/recent-signals.ts';
import type { ConflatedSubscription } from './conflated.ts';
import type { IndicatedSeries } from './indicated-series.ts';
import type { LosslessSubscription, Messages } from './lossless.ts';
import { writeQuotes } from './quote-frames.ts';
import { TextFrames } from './text-frames.ts';
import { writeTrades } from './trade-frames.ts';
import { type Stream, streams } from './wanted.ts';

export const topicOf = {
  trades: 'market.trades',
  quotes: 'market.quotes',
  candles: 'market.candles',
  alerts: 'market.signals',
} as const satisfies Record<Stream, Topic>;

/** What candles and marks have in common: each row is of a symbol, price kind and interval. */
export type SeriesRows = Pick<CandleBatch, 'count' | 'symbol' | 'price' | 'interval'>;

export class Hub implements LiveListener {
  readonly #cursorHead: string;
  readonly #clock: Clock;
  readonly #metrics: GatewayMetrics;
  readonly #frames = new TextFrames();
  readonly #trades = new Watchers<LosslessSubscription>();
  readonly #quotes = new Watchers<ConflatedSubscription>();
  readonly #candles = new Watchers<LosslessSubscription>();
  readonly #series = new Watchers<IndicatedSeries>();
  readonly #alerts = new Map<LosslessSubscription, SignalFilter>();
  #onCandlesLost: (range: LostRange) => void = () => undefined;

  constructor(cursorHead: string, clock: Clock, metrics: GatewayMetrics) {
    this.#cursorHead = cursorHead;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  watchTrades(symbol: string, subscription: LosslessSubscription): () => void {
    return this.#trades.add(symbol, 0, subscription);
  }

  watchQuotes(symbol: string, subscription: ConflatedSubscription): () => void {
    return this.#quotes.add(symbol, 0, subscription);
  }

  /** `key` is a candleKey. */
  watchCandles(symbol: string, key: number, subscription: LosslessSubscription): () => void {
    return this.#candles.add(symbol, key, subscription);
  }

  /** Keeps a series up to date, and tells its subscriptions. `key` is a candleKey. */
  watchSeries(symbol: string, key: number, series: IndicatedSeries): () => void {
    return this.#series.add(symbol, key, series);
  }

  /** Who keeps series is told of what was lost before those who are subscribed to them. */
  whenCandlesAreLost(listener: (range: LostRange) => void): void {
    this.#onCandlesLost = listener;
  }

  /** Of all symbols: alerts are few, so each subscription is asked what it wants. */
  watchAlerts(filter: SignalFilter, subscription: LosslessSubscription): () => void {
    this.#alerts.set(subscription, filter);
    return () => {
      this.#alerts.delete(subscription);
    };
  }

  counts(): [Stream, number][] {
    return [
      ['trades', this.#trades.count],
      ['quotes', this.#quotes.count],
      ['candles', this.#candles.count + [...this.#indicated()].length],
      ['alerts', this.#alerts.size],
    ];
  }

  trades({ offset, batch, rows }: EventArrival<TradeBatch>): void {
    if (this.#trades.count === 0) return;
    for (const [index, { symbol }] of batch.instruments.entries()) {
      const count = rows.starts[index + 1] - rows.starts[index];
      const watchers = count > 0 ? this.#trades.of(symbol)?.[0] : undefined;
      if (!watchers) continue;
      writeTrades(this.#frames, batch, rows, index, this.#cursorHead, offset);
      const messages = { frames: this.#frames.take(), count };
      for (const subscription of watchers) subscription.deliver(offset, messages);
      this.#observe('trades', batch.receiveTime[rows.order[rows.starts[index]]]);
    }
  }

  quotes({ offset, batch, rows }: EventArrival<QuoteBatch>): void {
    if (this.#quotes.count === 0) return;
    for (const [index, { symbol }] of batch.instruments.entries()) {
      const count = rows.starts[index + 1] - rows.starts[index];
      const watchers = count > 0 ? this.#quotes.of(symbol)?.[0] : undefined;
      if (!watchers) continue;
      writeQuotes(this.#frames, batch, rows, index, this.#cursorHead, offset);
      const messages = { frames: this.#frames.take(), count };
      for (const subscription of watchers) subscription.deliver(messages);
      this.#observe('quotes', batch.receiveTime[rows.order[rows.starts[index]]]);
    }
  }

  candles({ offset, batch }: Arrival<CandleBatch>): void {
    const symbols = batch.symbols.map(({ symbol }) => symbol);
    for (const [watchers, rows] of watchedRows(this.#candles, batch, symbols)) {
      const candles = rows.map((row) => candleAt(batch, row));
      this.#tellCandles(watchers, { offset, batch }, rows, candles);
    }
    for (const [series, rows] of watchedRows(this.#series, batch, symbols)) {
      const candles = rows.map((row) => candleAt(batch, row));
      for (const one of series) {
        for (const candle of candles) one.put(candle);
        if (one.subscriptions.size === 0) continue;
        const told = candles.map((candle) => ({ ...candle, ...one.of(candle) }));
        this.#tellCandles(one.subscriptions, { offset, batch }, rows, told);
      }
    }
  }

  marks({ offset, batch }: Arrival<MarkBatch>): void {
    const tell = (watchers: Iterable<LosslessSubscription>, rows: readonly number[]): void => {
      const messages = markMessages(this.#frames, batch, rows, this.#cursorHead, offset);
      for (const subscription of watchers) subscription.deliver(offset, messages);
    };
    const { symbols } = batch;
    for (const [watchers, rows] of watchedRows(this.#candles, batch, symbols)) tell(watchers, rows);
    for (const [series, rows] of watchedRows(this.#series, batch, symbols)) {
      for (const { subscriptions } of series) tell(subscriptions, rows);
    }
  }

  #tellCandles(
    watchers: ReadonlySet<LosslessSubscription>,
    { offset, batch }: Arrival<CandleBatch>,
    rows: readonly number[],
    candles: readonly Candle[],
  ): void {
    const messages = candleMessages(this.#frames, candles, rows, this.#cursorHead, offset);
    for (const subscription of watchers) subscription.deliver(offset, messages);
    this.#observe('candles', batch.receiveTime);
  }

  signals({ offset, batch }: Arrival<readonly Signal[]>): void {
    for (const [subscription, filter] of this.#alerts) {
      const messages = alertMessages(this.#frames, batch, filter, this.#cursorHead, offset);
      if (messages.count > 0) subscription.deliver(offset, messages);
    }
  }

  lost(topic: Topic, range: LostRange): void {
    const watchers = {
      trades: () => this.#trades.all(),
      quotes: () => this.#quotes.all(),
      candles: () => [...this.#candles.all(), ...this.#indicated()],
      alerts: () => this.#alerts.keys(),
    };
    const stream = streams.find((one) => topicOf[one] === topic);
    if (!stream) return;
    if (stream === 'candles') this.#onCandlesLost(range);
    for (const subscription of watchers[stream]()) subscription.lost(range);
  }

  *#indicated(): Generator<LosslessSubscription> {
    for (const series of this.#series.all()) yield* series.subscriptions;
  }

  #observe(stream: Stream, receiveTime: number): void {
    this.#metrics.served.observe({ stream }, (this.#clock.now() - receiveTime) / 1e6);
  }
}

/** Candles are few beside trades, and their sums need BigInt: they go through their wire object. */
export function candleMessages(
  frames: TextFrames,
  candles: readonly Candle[],
  rows: readonly number[],
  cursorHead: string,
  offset: number,
): Messages {
  for (const [index, row] of rows.entries()) {
    const cursor = `${cursorHead}${offset + row}`;
    frames.message({ type: 'candle', cursor, ...candles[index] });
  }
  return { frames: frames.take(), count: rows.length };
}

export function markMessages(
  frames: TextFrames,
  batch: MarkBatch,
  rows: readonly number[],
  cursorHead: string,
  offset: number,
): Messages {
  for (const row of rows) {
    const cursor = `${cursorHead}${offset + row}`;
    frames.message({ type: 'mark', cursor, ...markAt(batch, row) });
  }
  return { frames: frames.take(), count: rows.length };
}

export function alertMessages(
  frames: TextFrames,
  signals: readonly Signal[],
  filter: SignalFilter,
  cursorHead: string,
  offset: number,
): Messages {
  let count = 0;
  for (const [index, signal] of signals.entries()) {
    if (!isWanted(signal, filter)) continue;
    frames.message({ type: 'alert', cursor: `${cursorHead}${offset + index}`, ...signal });
    count++;
  }
  return { frames: frames.take(), count };
}

/** The rows of a batch that are watched, by those who watch them. */
function watchedRows<Watcher>(
  watchers: Watchers<Watcher>,
  { count, symbol, price, interval }: SeriesRows,
  symbols: readonly string[],
): Map<ReadonlySet<Watcher>, number[]> {
  const watched = new Map<ReadonlySet<Watcher>, number[]>();
  if (watchers.count === 0) return watched;
  const ofSymbols = symbols.map((name) => watchers.of(name));
  for (let row = 0; row < count; row++) {
    const ofKey = ofSymbols[symbol[row]]?.[candleKey(price[row], interval[row])];
    if (ofKey) watched.getOrInsertComputed(ofKey, () => []).push(row);
  }
  return watched;
}

/** The subscriptions to a kind of stream, by symbol and, for candles, by candleKey. */
class Watchers<Subscription> {
  readonly #bySymbol = new Map<string, (Set<Subscription> | undefined)[]>();
  count = 0;

  of(symbol: string): readonly (ReadonlySet<Subscription> | undefined)[] | undefined {
    return this.#bySymbol.get(symbol);
  }

  *all(): Generator<Subscription> {
    for (const ofSymbol of this.#bySymbol.values()) {
      for (const watchers of ofSymbol) if (watchers) yield* watchers;
    }
  }

  /** Answers how to end it. */
  add(symbol: string, key: number, subscription: Subscription): () => void {
    const ofSymbol = this.#bySymbol.getOrInsertComputed(symbol, () => []);
    ofSymbol[key] ??= new Set();
    const watchers = ofSymbol[key].add(subscription);
    this.count++;
    return () => {
      if (!watchers.delete(subscription)) return;
      this.count--;
      if (watchers.size === 0) ofSymbol[key] = undefined;
    };
  }
}

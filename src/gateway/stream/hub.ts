// The fan-out of a shard: who is subscribed to what, and for each batch the same bytes for all who
// want them.

import type { Clock } from '../../base/clock.ts';
import type { Article } from '../../contracts/article.ts';
import type { CandleBatch } from '../../contracts/candle.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { intervals } from '../../contracts/interval.ts';
import type { MarkBatch } from '../../contracts/mark.ts';
import type { QuoteBatch } from '../../contracts/quote.ts';
import type { TradeBatch } from '../../contracts/trade.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import type { LostRange, Topic } from '../../log/log.ts';
import {
  type Arrival,
  candleKey,
  type EventArrival,
  type Live,
  type LiveListener,
} from '../live.ts';
import { summaryNow } from '../market-summary.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { type Stream, streams } from './client-messages.ts';
import { indicatorsText, type SeriesPool } from './series-pool.ts';
import { selections } from './shared-messages.ts';
import {
  alertBatch,
  type CandleStreamBatch,
  candleBatch,
  markBatch,
  newsBatch,
  quoteBatch,
  type StreamBatch,
  summaryBatch,
  tradeBatch,
  writeObjects,
} from './stream-batch.ts';
import type { Subscription } from './subscription.ts';
import { TextFrames } from './text-frames.ts';
import { keysOf, type Wanted } from './wanted.ts';
import { Watchers } from './watchers.ts';

export const topicOf = {
  trades: 'market.trades',
  quotes: 'market.quotes',
  candles: 'market.candles',
  alerts: 'market.signals',
  news: 'news.articles',
  summary: 'market.candles',
} as const satisfies Record<Stream, Topic>;

const dayKey = candleKey(priceKinds.indexOf('trade'), intervals.indexOf('1d'));

export class Hub implements LiveListener {
  readonly #live: Live;
  readonly #series: SeriesPool;
  readonly #cursorHead: string;
  readonly #clock: Clock;
  readonly #metrics: GatewayMetrics;
  readonly #frames = new TextFrames();
  readonly #subscriptions: Readonly<Record<Stream, Set<Subscription>>>;
  readonly #watchers: Readonly<Record<Stream, Watchers<Subscription>>>;
  /** Of candles with indicators, by their text. */
  readonly #indicated = new Map<string, { users: number; watchers: Watchers<Subscription> }>();
  /** Symbols whose summary has changed since it was told. */
  readonly #changed = new Set<string>();

  constructor(
    live: Live,
    series: SeriesPool,
    cursorHead: string,
    clock: Clock,
    metrics: GatewayMetrics,
  ) {
    this.#live = live;
    this.#series = series;
    this.#cursorHead = cursorHead;
    this.#clock = clock;
    this.#metrics = metrics;
    const each = <Value>(make: () => Value): Record<Stream, Value> =>
      Object.fromEntries(streams.map((stream) => [stream, make()])) as Record<Stream, Value>;
    this.#subscriptions = each(() => new Set());
    this.#watchers = each(() => new Watchers());
  }

  /** From now on the subscription is told of every batch; answers how to end that. */
  watch(wanted: Wanted, subscription: Subscription): () => void {
    const subscriptions = this.#subscriptions[wanted.stream];
    const text = indicatorsText(wanted);
    const remove = this.#watchersOf(wanted.stream, text).add(
      wanted.symbols,
      keysOf(wanted),
      subscription,
    );
    subscriptions.add(subscription);
    return () => {
      subscriptions.delete(subscription);
      remove();
      const indicated = this.#indicated.get(text);
      if (indicated && --indicated.users === 0) this.#indicated.delete(text);
    };
  }

  trades({ offset, batch }: EventArrival<TradeBatch>): void {
    const told = tradeBatch(this.#place(offset), batch);
    this.#tell(this.#watchers.trades, told);
    this.#change(told.groups.map(({ symbol }) => symbol));
  }

  quotes({ offset, batch }: EventArrival<QuoteBatch>): void {
    this.#tell(this.#watchers.quotes, quoteBatch(this.#place(offset), batch));
  }

  candles({ offset, batch }: Arrival<CandleBatch>): void {
    const told = candleBatch(this.#place(offset), batch);
    this.#series.put(told);
    this.#tell(this.#watchers.candles, told);
    for (const [text, { watchers }] of this.#indicated) {
      this.#tell(watchers, this.#withIndicators(told, text));
    }
    this.#change(told.groups.filter(({ key }) => key === dayKey).map(({ symbol }) => symbol));
  }

  marks({ offset, batch }: Arrival<MarkBatch>): void {
    const told = markBatch(this.#place(offset), batch);
    this.#tell(this.#watchers.candles, told);
    for (const { watchers } of this.#indicated.values()) this.#tell(watchers, told);
  }

  signals({ offset, batch }: Arrival<readonly Signal[]>): void {
    this.#tell(this.#watchers.alerts, alertBatch(this.#place(offset), batch));
  }

  articles({ offset, batch }: Arrival<readonly Article[]>): void {
    this.#tell(this.#watchers.news, newsBatch(this.#place(offset), batch));
  }

  lost(topic: Topic, range: LostRange): void {
    if (topic === topicOf.candles) this.#series.lose(range);
    for (const stream of streams) {
      if (topicOf[stream] !== topic || stream === 'summary') continue;
      for (const subscription of this.#subscriptions[stream]) subscription.lost(range);
    }
  }

  /** Tells the summaries that have changed since the last time. */
  tellSummaries(): void {
    if (this.#changed.size === 0) return;
    const summaries = [...this.#changed].map((symbol) => summaryNow(this.#live, symbol));
    this.#changed.clear();
    const position = this.#live.tail.position(topicOf.summary);
    this.#tell(this.#watchers.summary, summaryBatch(this.#place(position), summaries));
  }

  #change(symbols: readonly string[]): void {
    if (this.#subscriptions.summary.size === 0) return;
    for (const symbol of symbols) this.#changed.add(symbol);
  }

  #tell(watchers: Watchers<Subscription>, batch: StreamBatch): void {
    let isTold = false;
    for (const [subscription, selection] of selections(batch, watchers, this.#frames)) {
      subscription.deliver(selection);
      isTold = true;
    }
    if (!isTold || Number.isNaN(batch.receiveTime)) return;
    const seconds = (this.#clock.now() - batch.receiveTime) / 1e6;
    this.#metrics.served.observe({ stream: batch.stream }, seconds);
  }

  #withIndicators(batch: CandleStreamBatch, text: string): StreamBatch {
    return {
      ...batch,
      write: (frames, rows) =>
        writeObjects(frames, 'candle', this.#place(batch.offset), rows, (row) => {
          const candle = batch.candleAt(row);
          const group = batch.groups[batch.groupOf[row]];
          return { ...candle, ...this.#series.indicatorsOf(group, text, candle) };
        }),
    };
  }

  #watchersOf(stream: Stream, text: string): Watchers<Subscription> {
    if (text === '') return this.#watchers[stream];
    const fresh = (): { users: number; watchers: Watchers<Subscription> } => ({
      users: 0,
      watchers: new Watchers(),
    });
    const indicated = this.#indicated.getOrInsertComputed(text, fresh);
    indicated.users++;
    return indicated.watchers;
  }

  #place(offset: number) {
    return { offset, cursorHead: this.#cursorHead };
  }
}

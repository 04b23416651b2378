// Tells one shard's part of subscriptions: the newest that there is, all that comes live, and what
// is read from the log. Of candles that are read again, open ones that were overtaken by a newer
// version are passed over, and only the newest has its indicators: a slow client could have us make
// them for long stretches of the past.

import type { Article } from '../../contracts/article.ts';
import { decodeCandles } from '../../contracts/candle.ts';
import { decodeJson, frameKind } from '../../contracts/frame.ts';
import { decodeMarks } from '../../contracts/mark.ts';
import { decodeQuotes } from '../../contracts/quote.ts';
import { decodeTrades } from '../../contracts/trade.ts';
import type { Candle, Signal } from '../../contracts/wire-objects.ts';
import type { Log, StoredBatch } from '../../log/log.ts';
import { cursorHead } from '../cursor.ts';
import type { Live } from '../live.ts';
import { summaryNow } from '../market-summary.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { ServedShard } from '../served-shards.ts';
import type { Stream } from './client-messages.ts';
import type { Outlet } from './connection.ts';
import type { Gate } from './gate.ts';
import { type Hub, topicOf } from './hub.ts';
import type { ToldIndicators } from './indicated-series.ts';
import { indicatorsText, type SeriesPool } from './series-pool.ts';
import { type Messages, messagesOf } from './shared-messages.ts';
import {
  alertBatch,
  type CandleStreamBatch,
  candleBatch,
  type Group,
  markBatch,
  newsBatch,
  quoteBatch,
  type StreamBatch,
  tradeBatch,
  writeObjects,
} from './stream-batch.ts';
import { type Source, type StreamCounts, Subscription } from './subscription.ts';
import { TextFrames } from './text-frames.ts';
import { keysOf, type Wanted } from './wanted.ts';

const readBytesMax = 1 << 18;
const readAgain: ToldIndicators = { indicators: null, indicatorsAbsent: 'read again' };
const none: Messages = { frames: Buffer.alloc(0), count: 0 };

const typeOf = {
  trades: 'trade',
  quotes: 'quote',
  candles: 'candle',
  alerts: 'alert',
  news: 'article',
  summary: 'summary',
} as const satisfies Record<Stream, string>;

export interface TellerParts {
  readonly shard: ServedShard;
  readonly hub: Hub;
  readonly series: SeriesPool;
  /** Lets few of all who read from a log go on at once. */
  readonly reads: Gate;
  readonly metrics: GatewayMetrics;
}

export class Teller {
  readonly log: Log;
  readonly series: SeriesPool;
  readonly #live: Live;
  readonly #hub: Hub;
  readonly #reads: Gate;
  readonly #metrics: GatewayMetrics;
  readonly #cursorHead: string;
  readonly #frames = new TextFrames();

  constructor({ shard, hub, series, reads, metrics }: TellerParts) {
    this.log = shard.sources.log;
    this.series = series;
    this.#live = shard.live;
    this.#hub = hub;
    this.#reads = reads;
    this.#metrics = metrics;
    this.#cursorHead = cursorHead(this.log);
  }

  /** The offset up to which everything is in memory and told. */
  position(stream: Stream): number {
    return this.#live.tail.position(topicOf[stream]);
  }

  cursor(offset: number): string {
    return `${this.#cursorHead}${offset}`;
  }

  /** The newest of each symbol; none of streams whose messages all count. */
  newest(wanted: Wanted): object[] {
    const [key] = keysOf(wanted);
    const symbols = wanted.symbols ?? this.#live.instruments().map(({ symbol }) => symbol);
    return symbols.flatMap((symbol) => this.#newestOf(wanted, { symbol, key }) ?? []);
  }

  /** From now on the client is told everything from this offset on; answers how to end it. */
  subscribe(outlet: Outlet, wanted: Wanted, id: string | null, from: number): () => void {
    const subscription = new Subscription(outlet, this.#sourceOf(wanted, id), from);
    const unwatch = this.#hub.watch(wanted, subscription);
    return () => {
      subscription.end();
      unwatch();
    };
  }

  #newestOf(wanted: Wanted, { symbol, key }: Group): object | null {
    const live = this.#live;
    switch (wanted.stream) {
      case 'trades':
        return live.trades(symbol).latest();
      case 'quotes':
        return live.quote(symbol).get();
      case 'candles': {
        const candle = live.candles(symbol, wanted.price, wanted.interval).newest();
        return candle && this.#withIndicators(wanted, { symbol, key }, candle);
      }
      case 'summary':
        return summaryNow(live, symbol);
      case 'alerts':
      case 'news':
        return null; // each counts
    }
  }

  #withIndicators(wanted: Wanted, group: Group, candle: Candle): object {
    const text = indicatorsText(wanted);
    if (text === '') return candle;
    return { ...candle, ...this.series.indicatorsOf(group, text, candle) };
  }

  #sourceOf(wanted: Wanted, id: string | null): Source {
    const { stream, policy, symbols } = wanted;
    const topic = topicOf[stream];
    const keys = keysOf(wanted);
    const ours = symbols && new Set(symbols);
    const isOurs = ({ symbol, also = [], key }: Group): boolean =>
      keys.includes(key) && (!ours || ours.has(symbol) || also.some((one) => ours.has(one)));
    const span = (from: number, to: number) => ({ from: this.cursor(from), to: this.cursor(to) });
    const counted = this.#counts(stream);
    return {
      id,
      policy,
      position: () => this.position(stream),
      read: (offset) => this.log.read(topic, offset, readBytesMax),
      inTurn: (work) => this.#reads.run(() => withinTurn(work)),
      encode: (stored, from) => this.#encode(stored, from, wanted, isOurs, counted),
      newest: (group) => {
        const newest = this.#newestOf(wanted, group);
        const cursor = this.cursor(this.position(stream) - 1);
        return newest && { type: typeOf[stream], cursor, ...newest };
      },
      gap: ({ from, to, reason }) => ({ ...gapOf(wanted, id), reason, ...span(from, to) }),
      skip: ({ count, from, to }) => ({ type: 'skip', id, stream, count, ...span(from, to) }),
      counted,
    };
  }

  #encode(
    stored: StoredBatch,
    from: number,
    wanted: Wanted,
    isOurs: (group: Group) => boolean,
    counted: StreamCounts,
  ): Messages {
    const isNew = (row: number): boolean => stored.offset + row >= from;
    const kind = frameKind(stored.bytes);
    if (wanted.stream !== 'candles' || kind !== 'candles') {
      const batch = this.#decode(stored, wanted.stream);
      return batch ? messagesOf(batch, this.#frames, isOurs, isNew) : none;
    }
    const batch = candleBatch(this.#place(stored.offset), decodeCandles(stored.bytes));
    let overtaken = 0;
    const isTold = (row: number): boolean => {
      if (!isNew(row)) return false;
      const { symbol } = batch.groups[batch.groupOf[row]];
      const ring = this.#live.candles(symbol, wanted.price, wanted.interval);
      const isOvertaken = batch.isOpen(row) && ring.newestOffset !== stored.offset + row;
      if (isOvertaken) overtaken++;
      return !isOvertaken;
    };
    const messages = messagesOf(this.#again(batch, wanted), this.#frames, isOurs, isTold);
    counted.conflated(overtaken);
    return messages;
  }

  /** Candles as they are told when they are read again. */
  #again(batch: CandleStreamBatch, wanted: Wanted): StreamBatch {
    if (wanted.indicators.length === 0) return batch;
    return {
      ...batch,
      write: (frames, rows) =>
        writeObjects(frames, 'candle', this.#place(batch.offset), rows, (row) => {
          const candle = batch.candleAt(row);
          if (!batch.isOpen(row)) return { ...candle, ...readAgain };
          return this.#withIndicators(wanted, batch.groups[batch.groupOf[row]], candle);
        }),
    };
  }

  #decode({ offset, bytes }: StoredBatch, stream: Stream): StreamBatch | null {
    const kind = frameKind(bytes);
    const place = this.#place(offset);
    if (stream === 'alerts') return alertBatch(place, decodeJson<Signal>(bytes));
    if (stream === 'news') return newsBatch(place, decodeJson<Article>(bytes));
    if (kind === 'trades') return tradeBatch(place, decodeTrades(bytes));
    if (kind === 'quotes') return quoteBatch(place, decodeQuotes(bytes));
    if (kind === 'marks') return markBatch(place, decodeMarks(bytes));
    return null;
  }

  #place(offset: number) {
    return { offset, cursorHead: this.#cursorHead };
  }

  #counts(stream: Stream): StreamCounts {
    const labels = { stream };
    const { messages, conflated, fallbacks, dropped, skipped } = this.#metrics;
    return {
      messages: (count) => messages.inc(labels, count),
      conflated: (count) => conflated.inc(labels, count),
      fellBack: () => fallbacks.inc(labels),
      dropped: (count) => dropped.inc(labels, count),
      missed: (records) => skipped.inc(labels, records),
    };
  }
}

/** Ends no sooner than the event loop's turn: reads may be done at once, and are many. */
async function withinTurn(work: () => Promise<void> | null): Promise<void> {
  const done = work();
  if (!done) return;
  await done;
  await new Promise(setImmediate);
}

/** Not all that is missing need have been of these symbols. */
export function gapOf({ stream, symbols }: Wanted, id: string | null): object {
  return { type: 'gap', id, stream, symbols: symbols ?? '*' };
}

// Joins a client to a stream: with what a subscription begins, how it is told live, and how it is
// read from the log. Of candles that are read again, open ones that were overtaken by a newer
// version are passed over, and only the newest has its indicators: a slow client could have us make
// them for long stretches of the past.

import { micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import type { Article } from '../../contracts/article.ts';
import { decodeCandles } from '../../contracts/candle.ts';
import { decodeJson, frameKind } from '../../contracts/frame.ts';
import { decodeMarks } from '../../contracts/mark.ts';
import { decodeQuotes } from '../../contracts/quote.ts';
import { decodeTrades } from '../../contracts/trade.ts';
import type { Candle, Signal } from '../../contracts/wire-objects.ts';
import type { StoredBatch } from '../../log/log.ts';
import { cursorHead, parseStreamCursor } from '../cursor.ts';
import type { GatewayLimits } from '../limits.ts';
import type { Live } from '../live.ts';
import { summaryNow } from '../market-summary.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { unknownSymbol } from '../problem.ts';
import { type Past, PastReader } from '../seam/past.ts';
import type { SeamSources } from '../seam/unstored.ts';
import { isOfEvents, type Stream } from './client-messages.ts';
import type { Outlet } from './connection.ts';
import { Gate } from './gate.ts';
import { type Hub, topicOf } from './hub.ts';
import type { ToldIndicators } from './indicated-series.ts';
import { indicatorsText, type Joined, type SeriesPool } from './series-pool.ts';
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

/** With what a subscription begins. */
export interface Beginning {
  /** Everything up to it is in the snapshot, or was told before. */
  readonly cursor: string;
  readonly snapshot: readonly object[];
  /** What cannot be told any more, where that is known already. */
  readonly gap: object | null;
  /** The log offset from which on everything is told. */
  readonly from: number;
}

export class Subscriber {
  readonly #sources: SeamSources;
  readonly #live: Live;
  readonly #hub: Hub;
  readonly #series: SeriesPool;
  readonly #past: PastReader;
  readonly #histories: Gate;
  readonly #reads: Gate;
  readonly #limits: GatewayLimits;
  readonly #metrics: GatewayMetrics;
  readonly #cursorHead: string;
  readonly #frames = new TextFrames();

  constructor(
    sources: SeamSources,
    live: Live,
    hub: Hub,
    series: SeriesPool,
    limits: GatewayLimits,
    metrics: GatewayMetrics,
  ) {
    this.#sources = sources;
    this.#live = live;
    this.#hub = hub;
    this.#series = series;
    this.#past = new PastReader(sources, live);
    this.#histories = new Gate(limits.historiesAtOnceMax);
    this.#reads = new Gate(limits.readsPerTurnMax);
    this.#limits = limits;
    this.#metrics = metrics;
    this.#cursorHead = cursorHead(sources.log);
  }

  /**
   * Throws Failure `not-found` for a symbol that nobody knows, `bad-request` for a cursor, or
   * `limit-exceeded` for too much of the past.
   */
  check(wanted: Wanted): void {
    const { stream, symbols, past } = wanted;
    const unknown = symbols?.find((one) => !isOfEvents(stream) && !this.#live.has(one));
    if (unknown !== undefined) throw unknownSymbol(unknown);
    this.#resumed(wanted);
    if (past === null || !('limit' in past)) return;
    const rowsMax = this.#pastRowsMax(wanted);
    if (past.limit <= rowsMax) return;
    const lists = this.#pastLists(wanted);
    throw new Failure(
      'limit-exceeded',
      `"history" is ${past.limit}, and there is room for ${rowsMax} of each of ${lists}.`,
      'Ask for less of the past or for fewer symbols; REST pages through it all.',
    );
  }

  /** What has to be there before it can be subscribed to. Throws Failure `limit-exceeded`. */
  prepare(wanted: Wanted): Joined {
    return this.#series.join(wanted);
  }

  /** The past that is wanted; null where none is. Rejects with a Failure. */
  async past(wanted: Wanted): Promise<Past | null> {
    const { stream, past, severity } = wanted;
    if (!past) return null;
    const query =
      'limit' in past
        ? { limit: past.limit, from: null }
        : { limit: this.#pastRowsMax(wanted), from: micros(past.from) };
    const symbols = wanted.symbols ?? this.#allSymbols();
    return await this.#histories.run(async () => {
      if (stream === 'alerts') return await this.#past.signals(wanted.symbols, query, severity);
      if (stream === 'news') return await this.#past.articles(wanted.symbols, query);
      if (stream === 'trades') return await this.#past.trades(symbols, query);
      return await this.#past.candles(symbols, query, wanted);
    });
  }

  /** What it begins with, if it is subscribed to before anything else happens. */
  begin(wanted: Wanted, id: string | null, past: Past | null): Beginning {
    const at = (from: number) => ({ from, cursor: this.#cursor(from - 1), gap: null });
    if (past) return { ...at(past.cut), snapshot: past.rows };
    const resumed = this.#resumed(wanted);
    if (typeof resumed === 'number' && wanted.policy !== 'conflate') {
      return { ...at(resumed), snapshot: [] };
    }
    const position = this.#live.tail.position(topicOf[wanted.stream]);
    const now = { ...at(position), snapshot: this.#newest(wanted) };
    if (resumed !== 'epoch') return now;
    const span = { from: wanted.cursor, to: now.cursor };
    return { ...now, gap: { ...gapOf(wanted, id), reason: resumed, ...span } };
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

  /** Rows of the past of each of its lists. */
  #pastRowsMax(wanted: Wanted): number {
    return Math.floor(this.#limits.historyRowsMax / Math.max(1, this.#pastLists(wanted)));
  }

  #pastLists({ stream, symbols }: Wanted): number {
    if (stream === 'news') return 1;
    return symbols?.length ?? (stream === 'alerts' ? 1 : this.#allSymbols().length);
  }

  #allSymbols(): string[] {
    return this.#live.instruments().map(({ symbol }) => symbol);
  }

  /** The offset after the cursor, or why it has none in this log; null without a cursor. */
  #resumed({ stream, cursor }: Wanted): number | 'epoch' | null {
    if (cursor === null) return null;
    const { epoch, partition, offset } = parseStreamCursor(cursor);
    const { log } = this.#sources;
    if (epoch !== log.epoch || partition !== log.partition) return 'epoch';
    if (offset < log.range(topicOf[stream]).end) return offset + 1;
    throw new Failure(
      'bad-request',
      `The cursor "${cursor}" is ahead of all ${stream} that there are.`,
      'Give the cursor of a message of this stream, or leave it out to begin anew.',
    );
  }

  #newest(wanted: Wanted): object[] {
    const { stream, severity } = wanted;
    const [key] = keysOf(wanted);
    if (stream === 'alerts') {
      const symbols = wanted.symbols && { symbols: new Set(wanted.symbols) };
      const filter = { ...symbols, ...(severity === null ? {} : { severity }) };
      return this.#live.signals.with([], filter, 1);
    }
    if (stream === 'news') {
      return this.#live.articles.with([], wanted.symbols && new Set(wanted.symbols), 1);
    }
    const symbols = wanted.symbols ?? this.#allSymbols();
    return symbols.flatMap((symbol) => this.#newestOf(wanted, { symbol, key }) ?? []);
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
    return { ...candle, ...this.#series.indicatorsOf(group, text, candle) };
  }

  #sourceOf(wanted: Wanted, id: string | null): Source {
    const { stream, policy, symbols } = wanted;
    const { log } = this.#sources;
    const topic = topicOf[stream];
    const keys = keysOf(wanted);
    const ours = symbols && new Set(symbols);
    const isOurs = ({ symbol, also = [], key }: Group): boolean =>
      keys.includes(key) && (!ours || ours.has(symbol) || also.some((one) => ours.has(one)));
    const span = (from: number, to: number) => ({ from: this.#cursor(from), to: this.#cursor(to) });
    const counted = this.#counts(stream);
    return {
      id,
      policy,
      position: () => this.#live.tail.position(topic),
      read: (offset) => log.read(topic, offset, readBytesMax),
      inTurn: (work) => this.#reads.run(() => withinTurn(work)),
      encode: (stored, from) => this.#encode(stored, from, wanted, isOurs, counted),
      newest: (group) => {
        const newest = this.#newestOf(wanted, group);
        const cursor = this.#cursor(this.#live.tail.position(topic) - 1);
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

  #cursor(offset: number): string {
    return `${this.#cursorHead}${offset}`;
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
function gapOf({ stream, symbols }: Wanted, id: string | null): object {
  return { type: 'gap', id, stream, symbols: symbols ?? '*' };
}

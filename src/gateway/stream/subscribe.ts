// Joins a client to a stream: what it is told first, what it is told live, and how it reads on from
// the log when it was too slow. Trades and closed candles are lossless; quotes and open candles are
// conflated. Of candles with indicators that are read again, the values are not told.

import { candleStates, decodeCandles, priceKinds } from '../../contracts/candle.ts';
import { decodeJson, frameKind } from '../../contracts/frame.ts';
import { intervals } from '../../contracts/interval.ts';
import { decodeMarks } from '../../contracts/mark.ts';
import { decodeTrades } from '../../contracts/trade.ts';
import { type Candle, candleAt } from '../../contracts/wire-objects.ts';
import type { Log, LostRange, StoredBatch, Topic } from '../../log/log.ts';
import { candleKey, type Live } from '../live.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { SignalFilter } from '../recent/recent-signals.ts';
import { rowsBySymbol } from '../recent/rows-by-symbol.ts';
import { partition } from '../recent/tail.ts';
import { ConflatedSubscription } from './conflated.ts';
import type { Connection } from './connection.ts';
import {
  alertMessages,
  candleMessages,
  type Hub,
  markMessages,
  type SeriesRows,
  topicOf,
} from './hub.ts';
import type { IndicatedSeries, ToldIndicators } from './indicated-series.ts';
import type { StreamCounts } from './lossless.ts';
import { type LosslessStream, LosslessSubscription, type Messages } from './lossless.ts';
import { TextFrames, textFrame } from './text-frames.ts';
import { writeTrades } from './trade-frames.ts';
import type { Stream, Wanted } from './wanted.ts';

const readBytesMax = 1 << 18;
const open = candleStates.indexOf('open');
const readAgain: ToldIndicators = { indicators: null, indicatorsAbsent: 'read again' };
const none: Messages = { frames: Buffer.alloc(0), count: 0 };

export class Subscriber {
  readonly #log: Log;
  readonly #live: Live;
  readonly #hub: Hub;
  readonly #metrics: GatewayMetrics;
  readonly #cursorHead: string;
  readonly #frames = new TextFrames();

  constructor(log: Log, live: Live, hub: Hub, metrics: GatewayMetrics, cursorHead: string) {
    this.#log = log;
    this.#live = live;
    this.#hub = hub;
    this.#metrics = metrics;
    this.#cursorHead = cursorHead;
  }

  /**
   * Greets the client and subscribes it, with no message between; answers how to end it. `series`
   * has the indicators where they are wanted.
   */
  subscribe(connection: Connection, wanted: Wanted, series: IndicatedSeries | null): () => void {
    connection.write(textFrame(this.#hello(wanted, series)));
    const symbol = wanted.symbol ?? '';
    switch (wanted.stream) {
      case 'trades':
        return this.#subscribeTrades(connection, symbol);
      case 'quotes':
        return this.#subscribeQuotes(connection, symbol);
      case 'candles':
        return this.#subscribeCandles(connection, symbol, wanted, series);
      case 'alerts':
        return this.#subscribeAlerts(connection, wanted);
    }
  }

  #hello(wanted: Wanted, series: IndicatedSeries | null): object {
    const { stream, symbol, interval, price } = wanted;
    const ofCandles = stream === 'candles' ? { interval, price } : {};
    const indicators = series ? { indicators: series.specs.map(({ text }) => text) } : {};
    const cursor = this.#cursor(this.#live.tail.position(topicOf[stream]) - 1);
    const snapshot = this.#snapshot(wanted, series);
    return { type: 'hello', stream, symbol, ...ofCandles, ...indicators, cursor, snapshot };
  }

  #snapshot(wanted: Wanted, series: IndicatedSeries | null): object | null {
    const { stream, interval, price } = wanted;
    const symbol = wanted.symbol ?? '';
    switch (stream) {
      case 'alerts':
        return this.#live.signals.with([], filterOf(wanted), 1)[0] ?? null;
      case 'trades':
        return this.#live.trades(symbol).latest();
      case 'quotes':
        return this.#live.quote(symbol).get();
      case 'candles':
        return withIndicators(this.#live.candles(symbol, price, interval).newest(), series);
    }
  }

  #subscribeTrades(connection: Connection, symbol: string): () => void {
    const subscription = new LosslessSubscription(connection, {
      ...this.#losslessFrom('trades', symbol),
      encode: (stored) => this.#encodeTrades(stored, symbol),
      trailing: () => null,
    });
    return this.#hub.watchTrades(symbol, subscription);
  }

  #subscribeQuotes(connection: Connection, symbol: string): () => void {
    const subscription = new ConflatedSubscription(connection, {
      newest: () => {
        const quote = this.#live.quote(symbol);
        const cursor = this.#cursor(quote.offset);
        return textFrame({ type: 'quote', cursor, ...quote.get() });
      },
      gap: (range) => this.#gap('quotes', symbol, range),
      counted: this.#counts('quotes'),
    });
    return this.#hub.watchQuotes(symbol, subscription);
  }

  #subscribeCandles(
    connection: Connection,
    symbol: string,
    { interval, price }: Wanted,
    series: IndicatedSeries | null,
  ): () => void {
    const key = candleKey(priceKinds.indexOf(price), intervals.indexOf(interval));
    const subscription = new LosslessSubscription(connection, {
      ...this.#losslessFrom('candles', symbol),
      encode: (stored) => this.#encodeCandles(stored, symbol, key, series),
      trailing: () => {
        const ring = this.#live.candles(symbol, price, interval);
        const candle = withIndicators(ring.newest(), series);
        if (candle?.state !== 'open') return null;
        return textFrame({ type: 'candle', cursor: this.#cursor(ring.newestOffset), ...candle });
      },
    });
    if (!series) return this.#hub.watchCandles(symbol, key, subscription);
    series.subscriptions.add(subscription);
    return () => series.subscriptions.delete(subscription);
  }

  #subscribeAlerts(connection: Connection, wanted: Wanted): () => void {
    const filter = filterOf(wanted);
    const subscription = new LosslessSubscription(connection, {
      ...this.#losslessFrom('alerts', wanted.symbol),
      encode: ({ offset, bytes }) =>
        alertMessages(this.#frames, decodeJson(bytes), filter, this.#cursorHead, offset),
      trailing: () => null,
    });
    return this.#hub.watchAlerts(filter, subscription);
  }

  #losslessFrom(stream: Stream, symbol: string | null) {
    const topic: Topic = topicOf[stream];
    return {
      position: () => this.#live.tail.position(topic),
      read: (offset) => this.#log.read(topic, partition, offset, readBytesMax),
      gap: (range) => this.#gap(stream, symbol, range),
      counted: this.#counts(stream),
    } satisfies Partial<LosslessStream>;
  }

  #encodeTrades({ offset, bytes }: StoredBatch, symbol: string): Messages {
    if (frameKind(bytes) !== 'trades') return none;
    const batch = decodeTrades(bytes);
    const instrument = batch.instruments.findIndex((entry) => entry.symbol === symbol);
    if (instrument < 0) return none;
    const rows = rowsBySymbol(batch);
    writeTrades(this.#frames, batch, rows, instrument, this.#cursorHead, offset);
    const count = rows.starts[instrument + 1] - rows.starts[instrument];
    return { frames: this.#frames.take(), count };
  }

  /**
   * Of what is read again, only closed candles: an open one has been overtaken by then. And without
   * their indicators, which a slow client could have us make for long stretches of the past.
   */
  #encodeCandles(
    { offset, bytes }: StoredBatch,
    symbol: string,
    key: number,
    series: IndicatedSeries | null,
  ): Messages {
    const kind = frameKind(bytes);
    if (kind === 'marks') {
      const batch = decodeMarks(bytes);
      const rows = rowsOf(batch, batch.symbols.indexOf(symbol), key);
      return markMessages(this.#frames, batch, rows, this.#cursorHead, offset);
    }
    if (kind !== 'candles') return none;
    const batch = decodeCandles(bytes);
    const index = batch.symbols.findIndex((entry) => entry.symbol === symbol);
    const ours = rowsOf(batch, index, key);
    const closed = ours.filter((row) => batch.state[row] !== open);
    this.#counts('candles').conflated(ours.length - closed.length);
    const candles = closed.map((row) => {
      const candle = candleAt(batch, row);
      return series ? { ...candle, ...readAgain } : candle;
    });
    return candleMessages(this.#frames, candles, closed, this.#cursorHead, offset);
  }

  /** Records from `from` to before `to` are missing; not all need have been this symbol's. */
  #gap(stream: Stream, symbol: string | null, { from, to, reason }: LostRange): object {
    const span = { from: this.#cursor(from), to: this.#cursor(to) };
    return { type: 'gap', stream, symbol, reason, ...span };
  }

  #cursor(offset: number): string {
    return `${this.#cursorHead}${offset}`;
  }

  #counts(stream: Stream): StreamCounts {
    const labels = { stream };
    const { messages, conflated, fallbacks, skipped } = this.#metrics;
    return {
      messages: (count) => messages.inc(labels, count),
      conflated: (count) => conflated.inc(labels, count),
      fellBack: () => fallbacks.inc(labels),
      skipped: (records) => skipped.inc(labels, records),
    };
  }
}

function filterOf({ symbol, severity }: Wanted): SignalFilter {
  return { ...(symbol === null ? {} : { symbol }), ...(severity === null ? {} : { severity }) };
}

function withIndicators(
  candle: Candle | null,
  series: IndicatedSeries | null,
): (Candle & Partial<ToldIndicators>) | null {
  return candle && series ? { ...candle, ...series.of(candle) } : candle;
}

function rowsOf(batch: SeriesRows, index: number, key: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < batch.count; row++) {
    if (batch.symbol[row] !== index) continue;
    if (candleKey(batch.price[row], batch.interval[row]) === key) rows.push(row);
  }
  return rows;
}

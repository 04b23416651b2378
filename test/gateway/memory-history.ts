// A store in memory that keeps the contract of history.ts, and that can be held at any position of
// the log: what the log holds after it is not in the store yet.

import type { Micros } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { decodeCandles, isEmptied } from '../../src/contracts/candle.ts';
import type { CorporateAction } from '../../src/contracts/corporate-action.ts';
import type { DeadLetter } from '../../src/contracts/dead-letter.ts';
import { sequencesOf } from '../../src/contracts/event-columns.ts';
import { decodeJson, frameKind } from '../../src/contracts/frame.ts';
import { alwaysOpenCalendar } from '../../src/contracts/instrument.ts';
import { decodeMarks } from '../../src/contracts/mark.ts';
import type { PlacedTag, PlacedTrades } from '../../src/contracts/placed-trades.ts';
import { parseTime } from '../../src/contracts/time.ts';
import { decodeTrades, type TradeBatch } from '../../src/contracts/trade.ts';
import {
  type Candle,
  candleAt,
  type Instrument,
  type Mark,
  markAt,
  type Signal,
  type Trade,
  tradeAt,
} from '../../src/contracts/wire-objects.ts';
import type { Log, Topic } from '../../src/log/log.ts';
import type { Exports } from '../../src/store/exports.ts';
import type {
  CandleQuery,
  History,
  Holdings,
  SignalQuery,
  Span,
  TradeCursor,
  TradePage,
} from '../../src/store/history.ts';

interface StoredTrade {
  readonly trade: Trade;
  readonly time: Micros;
  readonly offset: number;
  readonly batch: TradeBatch;
  readonly row: number;
}

/** Files are tested with a real database. */
export const noExports: Exports = { candles: noDatabase, trades: noDatabase };

function noDatabase(): never {
  throw new Failure('database-unavailable', 'There is no database.', 'Give the rig a store.');
}

/** How far a log is stored. */
class Stored {
  readonly positions = new Map<Topic, number>();
  readonly lost = new Map<Topic, number>();

  /** As the gateway asks: one past the last offset that is stored. */
  readonly stored = (topic: Topic): number => this.positions.get(topic) ?? 0;

  /** As the gateway asks: where the newest range ends that the log lost before it was stored. */
  readonly storeLost = (topic: Topic): number => this.lost.get(topic) ?? 0;
}

export class MemoryHistory implements History {
  readonly #logs: readonly Log[];
  readonly #stored: readonly Stored[];
  readonly #instruments = new Map<string, Instrument>();
  readonly #trades: StoredTrade[] = [];
  readonly #candles = new Map<string, Candle>();
  readonly #marks: Mark[] = [];
  readonly #signals = new Map<string, Signal>();
  corporateActions: readonly CorporateAction[] = [];
  /** Set to make every answer fail. */
  failure: Error | null = null;

  /** By partition. */
  constructor(...logs: readonly Log[]) {
    this.#logs = logs;
    this.#stored = logs.map(() => new Stored());
  }

  /** How far a partition is stored. */
  of(partition: number): Pick<Stored, 'stored' | 'storeLost'> {
    return this.#stored[partition];
  }

  /** Stores what a log holds before `offset`, whole batches. */
  async persist(topic: Topic, offset = Number.POSITIVE_INFINITY, partition = 0): Promise<void> {
    const { positions, lost: losses } = this.#stored[partition];
    for (;;) {
      const from = positions.get(topic) ?? 0;
      const { batches, lost, next } = await this.#logs[partition].read(topic, from, 1 << 24);
      for (const { to } of lost) losses.set(topic, to);
      if (batches.length === 0) {
        positions.set(topic, next);
        return;
      }
      for (const { offset: start, count, bytes } of batches) {
        if (start + count > offset) return;
        this.#store(topic, start, bytes);
        positions.set(topic, start + count);
      }
    }
  }

  /** All that every log holds. */
  async persistAll(): Promise<void> {
    const topics = ['instruments', 'market.trades', 'market.candles', 'market.signals'] as const;
    for (const partition of this.#logs.keys()) {
      for (const topic of topics) await this.persist(topic, Number.POSITIVE_INFINITY, partition);
    }
  }

  /** As a rebuild does. */
  put(candle: Candle): void {
    const { symbol, price, interval, start } = candle;
    this.#candles.set([symbol, price, interval, start].join(' '), candle);
  }

  async instruments(): Promise<readonly Instrument[]> {
    this.#mayFail();
    return [...this.#instruments.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  }

  async trades(
    symbol: string,
    { from, to, before, limit }: Span & { readonly limit: number; readonly before?: TradeCursor },
  ): Promise<TradePage> {
    this.#mayFail();
    const found = this.#trades
      .filter(({ trade }) => trade.symbol === symbol)
      .filter(({ time }) => (from === undefined || time >= from) && (to === undefined || time < to))
      .filter(
        ({ time, offset }) =>
          !before || time < before.time || (time === before.time && offset < before.offset),
      )
      .sort((a, b) => b.time - a.time || b.offset - a.offset);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const next = found.length > limit && last ? { time: last.time, offset: last.offset } : null;
    return { trades: page.map(({ trade }) => trade), next };
  }

  async *placedTrades(
    symbol: string,
    { from = -Infinity as Micros, to = Infinity as Micros }: Span,
  ): AsyncGenerator<PlacedTrades> {
    this.#mayFail();
    const found = this.#trades
      .filter(({ trade, time }) => trade.symbol === symbol && time >= from && time < to)
      .sort((a, b) => a.time - b.time || a.offset - b.offset);
    const column = (value: (of: StoredTrade) => number) => Float64Array.from(found, value);
    yield {
      count: found.length,
      eventTime: column(({ time }) => time),
      receiveTime: column(({ batch, row }) => batch.receiveTime[row]),
      id: column(({ batch, row }) => batch.id[row]),
      price: column(({ batch, row }) => batch.price[row]),
      size: column(({ batch, row }) => batch.size[row]),
      offset: column(({ offset }) => offset),
      instrumentId: new Int32Array(found.length),
      tagId: Int32Array.from(found.keys()),
      cancelled: Uint8Array.from(found, ({ trade }) => Number(trade.verdict === 'cancelled')),
      instruments: new Map([[0, { symbol, calendar: alwaysOpenCalendar }]]),
      tags: new Map(found.map((one, tagId) => [tagId, this.#tagOf(one)])),
      textIds: new Map(),
    };
  }

  #tagOf({ trade, batch, row }: StoredTrade): PlacedTag {
    const { priceScale, sizeScale } = batch.instruments[batch.instrument[row]];
    const { source, scope, tape } = batch;
    const { verdict } = trade;
    const place = { epoch: this.#logs[0].epoch, partition: 0 };
    const tag = batch.tags[batch.tag[row]];
    return { ...place, ...tag, source, scope, tape, verdict, priceScale, sizeScale };
  }

  async silences(
    symbol: string,
    { interval, price, from, to }: Omit<CandleQuery, 'limit'>,
  ): Promise<readonly Mark[]> {
    this.#mayFail();
    return this.#marks
      .filter((one) => one.symbol === symbol && one.interval === interval && one.price === price)
      .filter(
        ({ start, end }) => timeOf(end) > (from ?? -Infinity) && timeOf(start) < (to ?? Infinity),
      )
      .sort((a, b) => timeOf(a.start) - timeOf(b.start));
  }

  async candles(symbol: string, query: CandleQuery): Promise<readonly Candle[]> {
    this.#mayFail();
    const { interval, price, limit, from = -Infinity, to = Infinity } = query;
    return [...this.#candles.values()]
      .filter((one) => one.symbol === symbol && one.interval === interval && one.price === price)
      .filter((one) => startOf(one) >= from && startOf(one) < to)
      .sort((a, b) => startOf(a) - startOf(b))
      .slice(-limit);
  }

  /** Those of all symbols: a series takes its own of them. */
  async actions(): Promise<readonly CorporateAction[]> {
    this.#mayFail();
    return this.corporateActions;
  }

  async lastDays(): Promise<readonly Candle[]> {
    this.#mayFail();
    const days = [...this.#candles.values()].filter(
      (one) => one.interval === '1d' && one.price === 'trade',
    );
    const bySymbol = Map.groupBy(
      days.sort((a, b) => startOf(a) - startOf(b)),
      (one) => one.symbol,
    );
    return [...bySymbol.values()].flatMap((own) => own.slice(-2));
  }

  async signals({ symbol, severity, limit, ...query }: SignalQuery): Promise<readonly Signal[]> {
    this.#mayFail();
    const { from = -Infinity, to = Infinity, before } = query;
    const timeOf = ({ time }: Signal): number => parseTime(time) ?? 0;
    const isAfter = (one: Signal): boolean =>
      !before || timeOf(one) < before.time || (timeOf(one) === before.time && one.id > before.id);
    return [...this.#signals.values()]
      .filter((one) => symbol === undefined || one.symbol === symbol)
      .filter((one) => severity === undefined || one.severity === severity)
      .filter((one) => timeOf(one) >= from && timeOf(one) < to && isAfter(one))
      .sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  async signal(id: string): Promise<Signal | null> {
    this.#mayFail();
    return this.#signals.get(id) ?? null;
  }

  async deadLetters(): Promise<readonly DeadLetter[]> {
    return [];
  }

  async holdings(): Promise<Holdings> {
    return { symbols: [], deadLetterCount: 0 };
  }

  async bytes(): Promise<number> {
    return 0;
  }

  #store(topic: Topic, offset: number, bytes: Uint8Array): void {
    const kind = frameKind(bytes);
    if (kind === 'trades') {
      const batch = decodeTrades(bytes);
      for (const [row, sequence] of sequencesOf(batch).entries()) {
        const time = batch.eventTime[row] as Micros;
        const trade = tradeAt(batch, row, sequence);
        this.#trades.push({ trade, time, offset: offset + row, batch, row });
      }
    }
    if (kind === 'candles') {
      const batch = decodeCandles(bytes);
      for (let row = 0; row < batch.count; row++) {
        const candle = candleAt(batch, row);
        const { symbol, price, interval, start } = candle;
        if (isEmptied(batch, row)) {
          this.#candles.delete([symbol, price, interval, start].join(' '));
        } else {
          this.put(candle);
        }
      }
    }
    if (kind === 'marks') {
      const batch = decodeMarks(bytes);
      for (let row = 0; row < batch.count; row++) {
        const mark = markAt(batch, row);
        if (mark.state !== 'traded') this.#marks.push(mark);
      }
    }
    if (topic === 'market.signals') {
      for (const one of decodeJson<Signal>(bytes)) this.#signals.set(one.id, one);
    } else if (kind === 'json') {
      for (const one of decodeJson<Instrument>(bytes)) this.#instruments.set(one.symbol, one);
    }
  }

  #mayFail(): void {
    if (this.failure) throw this.failure;
  }
}

function startOf(candle: Candle): number {
  return parseTime(candle.start) ?? 0;
}

function timeOf(text: string): number {
  return parseTime(text) ?? 0;
}

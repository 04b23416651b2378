// The past with which a subscription begins: all that came before one offset of each log, the cut,
// so that whoever is told everything from the cuts on has no hole and no duplicate. Store and
// memory are read first, and may be ahead of each other; what the logs hold from where memory was
// to the cut is then laid over them, and nobody can have been further than the logs' ends.

import { type Micros, micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { calendarOf } from '../../calendars/calendar.ts';
import type { Article } from '../../contracts/article.ts';
import type { PriceKind } from '../../contracts/candle.ts';
import { decodeJson } from '../../contracts/frame.ts';
import type { Interval } from '../../contracts/interval.ts';
import type { Severity } from '../../contracts/signal.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Candle, Signal, Trade } from '../../contracts/wire-objects.ts';
import type { IndicatorSpec } from '../../engine/indicators/indicators.ts';
import type { Topic } from '../../log/log.ts';
import type { History } from '../../store/history.ts';
import { candlesBefore, indicated, startOf } from '../indicated.ts';
import { RecentArticles } from '../recent/recent-articles.ts';
import { RecentSignals } from '../recent/recent-signals.ts';
import type { ServedShard, ServedShards } from '../served-shards.ts';
import { candlesSince, newestCandles, withCandlesSince } from './newest-candles.ts';
import { newerThanStored } from './signal-pages.ts';
import { tradePage, tradesSince, withTradesSince } from './trade-pages.ts';
import { unstored } from './unstored.ts';

export interface Past {
  /** Symbol after symbol, each ascending in time. */
  readonly rows: readonly object[];
  /** By partition. */
  readonly cuts: readonly number[];
}

export interface PastQuery {
  /** How many of each symbol, at most. */
  readonly limit: number;
  /** Where there is no `limit` that was asked for: more than it are refused. */
  readonly from: Micros | null;
}

interface CandlesWanted {
  readonly interval: Interval;
  readonly price: PriceKind;
  readonly indicators: readonly IndicatorSpec[];
}

/** How many symbols are read at a time. */
const readsAtOnce = 8;
/** Candles that may lose all their trades while others are read. */
const spareCandles = 16;
const always = { from: micros(-Infinity), to: micros(Infinity) };

/** What may have come to a log while all else was read, up to its cut. */
type Gap = readonly [from: number, cut: number];

export class PastReader {
  readonly #shards: ServedShards;
  readonly #history: Pick<History, 'signals'>;

  constructor(shards: ServedShards, history: Pick<History, 'signals'>) {
    this.#shards = shards;
    this.#history = history;
  }

  async trades(symbols: readonly string[], { limit, from }: PastQuery): Promise<Past> {
    const query = { limit: limit + 1, ...(from === null ? {} : { from }) };
    const read = async (symbol: string): Promise<readonly Trade[]> => {
      const { live, sources } = this.#shards.of(symbol);
      return (await tradePage(sources, symbol, live.trades(symbol), query)).trades;
    };
    const { pages, gaps, cuts } = await this.#read('market.trades', symbols, read);
    const since = await this.#since(symbols, gaps, ({ sources }, ours, gap) =>
      tradesSince(sources, ours, gap),
    );
    const rows = symbols.flatMap((symbol, index) => {
      const newest = withTradesSince(pages[index], since.get(symbol) ?? [], query);
      return requireAll(newest.reverse(), limit, from);
    });
    return { rows, cuts };
  }

  async candles(
    symbols: readonly string[],
    { limit, from }: PastQuery,
    of: CandlesWanted,
  ): Promise<Past> {
    const { interval, price } = of;
    const span = { interval, price, ...always, ...(from === null ? {} : { from }) };
    const read = (symbol: string): Promise<readonly Candle[]> => {
      const { live, sources } = this.#shards.of(symbol);
      const wider = { ...span, limit: limit + 1 + spareCandles };
      return newestCandles(sources, symbol, live.candles(symbol, price, interval), wider);
    };
    const { pages, gaps, cuts } = await this.#read('market.candles', symbols, read);
    const since = await this.#since(symbols, gaps, ({ sources }, ours, gap) =>
      candlesSince(sources, ours, gap, of),
    );
    const rows = await inTurns([...symbols.entries()], async ([index, symbol]) => {
      const whole = { ...span, limit: limit + 1 };
      const newest = withCandlesSince(pages[index], since.get(symbol), whole);
      const candles = requireAll(newest, limit, from);
      return await this.#indicated(symbol, candles, of);
    });
    return { rows: rows.flat(), cuts };
  }

  async #indicated(
    symbol: string,
    candles: readonly Candle[],
    { interval, price, indicators }: CandlesWanted,
  ): Promise<readonly Candle[]> {
    if (indicators.length === 0 || candles.length === 0) return candles;
    const needed = candlesBefore(indicators, interval);
    const to = micros(startOf(candles[0]));
    const before = { interval, price, from: micros(-Infinity), to, limit: needed + 1 };
    const { live, sources } = this.#shards.of(symbol);
    const ring = live.candles(symbol, price, interval);
    const found = await newestCandles(sources, symbol, ring, before);
    const earlier = { candles: found.slice(-needed), isWhole: found.length <= needed };
    const { days } = calendarOf(live.instrument(symbol).calendar);
    return indicated(indicators, earlier, candles, days);
  }

  /** Of all symbols together when `symbols` is null. */
  async signals(
    symbols: readonly string[] | null,
    { limit, from }: PastQuery,
    severity: Severity | null,
  ): Promise<Past> {
    let newer: Promise<RecentSignals> | null = null;
    const filterOf = (symbol: string | null) => ({
      ...(symbol === null ? {} : { symbol, symbols: new Set([symbol]) }),
      ...(severity === null ? {} : { severity }),
    });
    const read = async (symbol: string | null): Promise<readonly Signal[]> => {
      newer ??= newerThanStored(this.#shards);
      const held = await newer;
      const { symbols: _, ...query } = { symbols: null, ...filterOf(symbol) };
      const stored = await this.#history.signals({ ...query, limit: limit + 1 });
      return held.with(stored, filterOf(symbol), limit + 1);
    };
    const each = symbols ?? [null];
    const { pages, gaps, cuts } = await this.#read('market.signals', each, read);
    const since = new RecentSignals(Number.POSITIVE_INFINITY);
    for (const signal of await this.#recordsSince<Signal>('market.signals', gaps)) {
      since.put(signal);
    }
    const rows = each.flatMap((symbol, index) => {
      const newest = since.with(pages[index], filterOf(symbol), limit + 1);
      const within = newest.filter(({ time }) => from === null || (parseTime(time) ?? 0) >= from);
      return requireAll(within.reverse(), limit, from);
    });
    return { rows, cuts };
  }

  /**
   * All together, whichever of the symbols they are of. Nothing stores them yet: what there is of
   * the past is what memory holds.
   */
  async articles(symbols: readonly string[] | null, { limit, from }: PastQuery): Promise<Past> {
    const filter = symbols && new Set(symbols);
    const read = async (): Promise<readonly Article[]> =>
      this.#shards.memory.articles.with([], filter, limit + 1);
    const { pages, gaps, cuts } = await this.#read('news.articles', [null], read);
    const since = new RecentArticles(Number.POSITIVE_INFINITY);
    for (const article of await this.#recordsSince<Article>('news.articles', gaps)) {
      since.put(article);
    }
    const newest = since.with(pages[0], filter, limit + 1);
    const within = newest.filter(({ time }) => from === null || (parseTime(time) ?? 0) >= from);
    return { rows: requireAll(within.reverse(), limit, from), cuts };
  }

  /** By symbol, what the logs hold of the gaps. */
  async #since<Found>(
    symbols: readonly string[],
    gaps: readonly Gap[],
    find: (shard: ServedShard, ours: ReadonlySet<string>, gap: Gap) => Promise<Map<string, Found>>,
  ): Promise<Map<string, Found>> {
    const found: (readonly [string, Found])[] = [];
    const byPartition = Map.groupBy(symbols, (symbol) => this.#shards.partitionOf(symbol));
    for (const [partition, ours] of byPartition) {
      const ofShard = await find(this.#shards.all[partition], new Set(ours), gaps[partition]);
      found.push(...ofShard);
    }
    return new Map(found);
  }

  async #recordsSince<Row>(topic: Topic, gaps: readonly Gap[]): Promise<Row[]> {
    const rows: Row[] = [];
    for (const [partition, [from, to]] of gaps.entries()) {
      const { log, unstoredRecordsMax } = this.#shards.all[partition].sources;
      for await (const { bytes } of unstored(log, topic, from, to, unstoredRecordsMax)) {
        rows.push(...decodeJson<Row>(bytes));
      }
    }
    return rows;
  }

  /** Reads each symbol. */
  async #read<Of, Row>(
    topic: Topic,
    symbols: readonly Of[],
    read: (symbol: Of) => Promise<readonly Row[]>,
  ): Promise<{ pages: (readonly Row[])[]; gaps: readonly Gap[]; cuts: readonly number[] }> {
    const froms = this.#shards.all.map(({ live }) => live.tail.position(topic));
    const pages = await inTurns(symbols, read);
    const cuts = this.#shards.all.map(({ sources }) => sources.log.range(topic).end);
    return { pages, gaps: froms.map((from, partition) => [from, cuts[partition]]), cuts };
  }
}

/** In the order of the items; some at a time. */
async function inTurns<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let index = 0; index < items.length; index += readsAtOnce) {
    results.push(...(await Promise.all(items.slice(index, index + readsAtOnce).map(work))));
  }
  return results;
}

/** The newest `limit` of ascending rows; of all since a time there may be no more than that. */
function requireAll<Row>(rows: readonly Row[], limit: number, from: Micros | null): readonly Row[] {
  if (from === null || rows.length <= limit) return rows.slice(-limit);
  throw new Failure(
    'limit-exceeded',
    `Since "from" there are more than ${limit} for one symbol.`,
    'Ask for a later time or fewer symbols; REST pages through them all.',
  );
}

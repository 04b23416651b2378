// Joins a client to a stream: what it wants is checked, divided among the shards that have it, and
// begun in all of them at once, each from an offset of its own log.

import type { Clock } from '../../base/clock.ts';
import { micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import type { History } from '../../store/history.ts';
import { parseStreamCursor } from '../cursor.ts';
import type { GatewayLimits } from '../limits.ts';
import { unknownSymbol } from '../problem.ts';
import type { RowBudget } from '../recent/row-budget.ts';
import { type Past, PastReader } from '../seam/past.ts';
import type { ServedShards } from '../served-shards.ts';
import { isOfEvents, type Stream, streams } from './client-messages.ts';
import type { Outlet } from './connection.ts';
import { Gate } from './gate.ts';
import { gapOf, type Teller } from './teller.ts';
import type { Wanted } from './wanted.ts';

const catchUpStepMs = 10;

/** What one shard tells of a subscription. */
interface Part {
  readonly teller: Teller;
  readonly wanted: Wanted;
}

/** The log offset from which on a part is told. */
interface PartFrom extends Part {
  readonly from: number;
}

/** With what a subscription begins. */
export interface Beginning {
  /** Everything up to it is in the snapshot, or was told before. */
  readonly cursor: string;
  readonly snapshot: readonly object[];
  /** What cannot be told any more, where that is known already. */
  readonly gap: object | null;
  readonly parts: readonly PartFrom[];
}

/** What has to be there before a subscription begins. */
export interface Prepared {
  /** Rejects with what keeps it from that; null where nothing has to be waited for. */
  readonly ready: Promise<unknown> | null;
  /** To be called once. */
  readonly leave: () => void;
}

export interface SubscriberParts {
  readonly shards: ServedShards;
  /** By partition. */
  readonly tellers: readonly Teller[];
  readonly history: Pick<History, 'signals'>;
  /** Of all series of the tellers. */
  readonly indicatedRows: RowBudget;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
}

export class Subscriber {
  readonly #shards: ServedShards;
  readonly #tellers: readonly Teller[];
  readonly #past: PastReader;
  readonly #histories: Gate;
  readonly #indicatedRows: RowBudget;
  readonly #limits: GatewayLimits;
  readonly #clock: Clock;
  readonly #counts = new Map<Stream, number>(streams.map((stream) => [stream, 0]));

  constructor({ shards, tellers, history, indicatedRows, limits, clock }: SubscriberParts) {
    this.#shards = shards;
    this.#tellers = tellers;
    this.#past = new PastReader(shards, history);
    this.#histories = new Gate(limits.historiesAtOnceMax);
    this.#indicatedRows = indicatedRows;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** How many subscriptions each stream has. */
  get counts(): ReadonlyMap<Stream, number> {
    return this.#counts;
  }

  /**
   * Throws Failure `not-found` for a symbol that nobody knows, `bad-request` for a cursor, or
   * `limit-exceeded` for too much of the past.
   */
  check(wanted: Wanted): void {
    const { stream, symbols, past } = wanted;
    const unknown = symbols?.find((one) => !isOfEvents(stream) && !this.#shards.has(one));
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

  /** Throws Failure `limit-exceeded`. */
  prepare(wanted: Wanted): Prepared {
    const parts = this.#partsOf(wanted);
    this.#requireRoom(parts);
    const resumed = this.#resumed(wanted);
    const waited: Promise<unknown>[] = [];
    const left = new AbortController();
    if (Array.isArray(resumed) && resumed.some(isAhead)) {
      waited.push(this.#caughtUp(wanted, resumed, left.signal));
    }
    const joined = parts.map(({ teller, wanted: ours }) => teller.series.join(ours));
    if (wanted.indicators.length > 0) waited.push(...joined.map(({ filled }) => filled));
    return {
      ready: waited.length > 0 ? Promise.all(waited) : null,
      leave: () => {
        left.abort();
        for (const one of joined) one.leave();
      },
    };
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
    const parts = this.#partsOf(wanted);
    if (past) {
      const { cuts, rows } = past;
      return beginning(
        parts.map((part) => ({ ...part, from: cuts[part.teller.log.partition] })),
        rows,
      );
    }
    const resumed = this.#resumed(wanted);
    if (Array.isArray(resumed) && wanted.policy !== 'conflate') return beginning(resumed, []);
    const now = beginning(
      parts.map((part) => ({ ...part, from: part.teller.position(wanted.stream) })),
      this.#newest(wanted, parts),
    );
    if (resumed !== 'epoch') return now;
    const span = { from: wanted.cursor, to: now.cursor };
    return { ...now, gap: { ...gapOf(wanted, id), reason: resumed, ...span } };
  }

  /** From now on the client is told everything from there on; answers how to end it. */
  subscribe(
    outlet: Outlet,
    { stream }: Wanted,
    id: string | null,
    parts: readonly PartFrom[],
  ): () => void {
    const ends = parts.map(({ teller, wanted, from }) =>
      teller.subscribe(outlet, wanted, id, from),
    );
    this.#count(stream, 1);
    return () => {
      for (const end of ends) end();
      this.#count(stream, -1);
    };
  }

  #count(stream: Stream, change: number): void {
    this.#counts.set(stream, (this.#counts.get(stream) ?? 0) + change);
  }

  /** An article may be of symbols of several shards, so news are in any of them. */
  #partsOf(wanted: Wanted): Part[] {
    const { symbols, stream } = wanted;
    if (symbols === null || stream === 'news' || this.#tellers.length === 1) {
      return this.#tellers.map((teller) => ({ teller, wanted }));
    }
    const byPartition = Map.groupBy(symbols, (symbol) => this.#shards.partitionOf(symbol));
    return [...byPartition]
      .sort(([a], [b]) => a - b)
      .map(([partition, ours]) => {
        return { teller: this.#tellers[partition], wanted: { ...wanted, symbols: ours } };
      });
  }

  /**
   * Where its parts go on, or `epoch` where the cursor is of another log; null without a cursor.
   * Throws Failure `bad-request` for a cursor of some of its partitions only.
   */
  #resumed(wanted: Wanted): PartFrom[] | 'epoch' | null {
    const { cursor } = wanted;
    if (cursor === null) return null;
    const places = parseStreamCursor(cursor);
    const isOurs = (partition: number): boolean =>
      places.get(partition)?.epoch === this.#tellers.at(partition)?.log.epoch;
    if (![...places.keys()].some(isOurs)) return 'epoch';
    const parts = this.#partsOf(wanted);
    const missing = parts.map(({ teller }) => teller.log.partition).filter((one) => !isOurs(one));
    if (missing.length === 0) {
      return parts.map((part) => {
        const place = places.get(part.teller.log.partition);
        return { ...part, from: (place?.offset ?? -1) + 1 };
      });
    }
    throw new Failure(
      'bad-request',
      `The cursor "${cursor}" has no place in partition ${missing.join(', ')}, of which this ` +
        'subscription is too.',
      'Give the newest cursor of each partition, with commas between, as `subscribed` does; or ' +
        'none to begin anew.',
    );
  }

  /**
   * A client that comes from another gateway may be ahead of what has reached this one: it waits
   * until it is not. Rejects with Failure `not-ready` when that takes too long.
   */
  async #caughtUp(
    { stream, cursor }: Wanted,
    parts: readonly PartFrom[],
    signal: AbortSignal,
  ): Promise<void> {
    const { catchUpMsMax } = this.#limits;
    for (let waitedMs = 0; parts.some(isAhead) && !signal.aborted; waitedMs += catchUpStepMs) {
      if (waitedMs >= catchUpMsMax) {
        throw new Failure(
          'not-ready',
          `The cursor "${cursor}" is ahead of all ${stream} that have come here.`,
          'Ask again in a moment; if it is not one of this stream, leave it out to begin anew.',
        );
      }
      await this.#clock.wait(catchUpStepMs, signal);
    }
  }

  #requireRoom(parts: readonly Part[]): void {
    const rows = parts.reduce((sum, { teller, wanted }) => sum + teller.series.newRows(wanted), 0);
    const { left } = this.#indicatedRows;
    if (rows <= left) return;
    throw new Failure(
      'limit-exceeded',
      `These indicators take ${rows} values, and streams may have ${left} more at this server.`,
      'Ask for fewer or shorter ones, or for some that others have; REST gives them all.',
    );
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
    return this.#shards.instruments().map(({ symbol }) => symbol);
  }

  #newest(wanted: Wanted, parts: readonly Part[]): object[] {
    const { stream, severity, symbols } = wanted;
    const { signals, articles } = this.#shards.memory;
    const ofSymbols = symbols && new Set(symbols);
    if (stream === 'news') return articles.with([], ofSymbols, 1);
    if (stream === 'alerts') {
      const filter = {
        ...(ofSymbols ? { symbols: ofSymbols } : {}),
        ...(severity === null ? {} : { severity }),
      };
      return signals.with([], filter, 1);
    }
    return parts.flatMap(({ teller, wanted: ours }) => teller.newest(ours));
  }
}

function beginning(parts: readonly PartFrom[], snapshot: readonly object[]): Beginning {
  const cursor = parts.map(({ teller, from }) => teller.cursor(from - 1)).join();
  return { cursor, snapshot, gap: null, parts };
}

function isAhead({ teller, wanted, from }: PartFrom): boolean {
  return from > teller.position(wanted.stream);
}

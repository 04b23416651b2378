// A live exchange feed put together: one WebSocket session, the search for gaps beside it, and what
// the exchange itself says and understands.

import type { Clock, Micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Prng } from '../base/prng.ts';
import { deadLetter } from '../contracts/dead-letter.ts';
import type { Feed, FeedStatus, Intake } from './feed.ts';
import { type FetchTrades, type GapLimits, TradeGaps } from './trade-gaps.ts';
import {
  type FeedLogger,
  type SessionLimits,
  WebsocketSession,
  type WireProtocol,
} from './websocket-session.ts';

export interface LiveUrls {
  readonly socket: string;
  readonly rest: string;
}

export interface LiveFeedOptions {
  readonly symbols?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly random: Prng;
  readonly urls?: LiveUrls | undefined;
  /**
   * By symbol, the newest trade of an earlier run before which none is missing: what was missed
   * since then is fetched, and what is known already is passed over.
   */
  readonly known?: ReadonlyMap<string, KnownTrade> | undefined;
  readonly sessionLimits?: Partial<SessionLimits> | undefined;
  readonly gapLimits?: Partial<GapLimits> | undefined;
  readonly logger?: FeedLogger | undefined;
}

export interface KnownTrade {
  readonly id: number;
  readonly eventTime: Micros;
}

/** What makes an exchange different from others. */
export interface Exchange {
  readonly name: string;
  /** The id scope of its own numbering. */
  readonly scope: string;
  readonly urls: LiveUrls;
  fetchTrades(link: Link): FetchTrades;
  protocol(link: Link, gaps: TradeGaps): WireProtocol;
}

/** What an exchange's part works with. */
export interface Link {
  readonly symbols: readonly string[] | undefined;
  readonly intake: Intake;
  readonly clock: Clock;
  readonly restUrl: string;
  readonly logger: FeedLogger | undefined;
}

export class LiveFeed implements Feed {
  readonly name: string;
  readonly #exchange: Exchange;
  readonly #options: LiveFeedOptions;
  #session: WebsocketSession | null = null;

  constructor(exchange: Exchange, options: LiveFeedOptions) {
    this.name = exchange.name;
    this.#exchange = exchange;
    this.#options = options;
  }

  status(): FeedStatus {
    return this.#session?.status() ?? { state: 'connecting', detail: '', reconnects: 0 };
  }

  async run(intake: Intake, signal: AbortSignal): Promise<void> {
    const { symbols, clock, random, known, logger } = this.#options;
    const urls = this.#options.urls ?? this.#exchange.urls;
    const link: Link = { symbols, intake, clock, restUrl: urls.rest, logger };
    const fetchTrades = this.#exchange.fetchTrades(link);
    const limits = this.#options.gapLimits;
    const gaps = new TradeGaps({ intake, fetchTrades, clock, random, signal, limits, logger });
    for (const [symbol, { id, eventTime }] of known ?? []) gaps.begin(symbol, id, eventTime);
    const session = new WebsocketSession({
      url: urls.socket,
      protocol: this.#exchange.protocol(link, gaps),
      clock,
      random,
      limits: this.#options.sessionLimits,
      logger,
    });
    this.#session = session;
    await intake.enter(this.#exchange.scope);
    await session.run(intake, signal);
    await gaps.settled();
  }
}

/**
 * Says which symbols the exchange does not have, as a dead letter and as the text returned; empty
 * when it has all. Throws Failure `bad-configuration` when nothing is `left` to subscribe to.
 */
export function tellUnknown(
  { intake, clock, logger }: Link,
  unknown: readonly string[],
  left: number,
  example: string,
): string {
  if (unknown.length === 0) return '';
  const { source } = intake;
  const detail = `${source} has no ${unknown.join(', ')}`;
  if (left === 0) {
    throw new Failure('bad-configuration', detail, `Set SYMBOLS to names such as ${example}.`);
  }
  const fields = { source, receiveTime: clock.now(), where: 'SYMBOLS', detail };
  const letter = deadLetter({ ...fields, reason: 'unknown-symbol' }, unknown.join(','));
  intake.open.deadLetters.push(letter);
  logger?.warn({ feed: source, unknown }, detail);
  return detail;
}

// What a subscription asks for and what it is told, typed by its stream. docs/WEBSOCKET.md of
// Tapeline says what each of them means.

import type { Article, Candle, Mark, Quote, Signal, Summary, Trade } from './wire-types.ts';

export type Interval = Candle['interval'];
export type PriceKind = Candle['price'];
export type Severity = Signal['severity'];
export type Policy = 'lossless' | 'conflate' | 'skip' | 'close';

interface Asked<Name extends string> {
  readonly stream: Name;
  /** A list, or `*` for every symbol, those that are introduced later too. */
  readonly symbols: readonly string[] | '*';
  /** That of an earlier message of this: goes on after it, from the log if need be. */
  readonly cursor?: string;
}

/** At most one of `history`, `from` and `cursor`. */
interface Past {
  /** How many of the past, of each symbol, the snapshot holds. */
  readonly history?: number;
  /** ISO 8601: the snapshot holds all since then. */
  readonly from?: string;
}

export interface TradesRequest extends Asked<'trades'>, Past {
  /** While the server or this program is slow; lossless without. */
  readonly policy?: Policy;
}

export interface QuotesRequest extends Asked<'quotes'> {
  /** While the server or this program is slow; conflate without. */
  readonly policy?: Policy;
}

export interface CandlesRequest extends Asked<'candles'>, Past {
  /** 1m without. */
  readonly interval?: Interval;
  /** trade without. */
  readonly price?: PriceKind;
  /** Such as `sma:20` or `macd:12,26,9`; not of every symbol at once. */
  readonly indicators?: readonly string[];
  /** While the server or this program is slow; lossless without. */
  readonly policy?: Policy;
}

export interface AlertsRequest extends Asked<'alerts'>, Past {
  /** Any without. */
  readonly severity?: Severity;
  /** While the server or this program is slow; lossless without. */
  readonly policy?: Exclude<Policy, 'conflate'>;
}

/** One subscription of a connection at most: an article may be of many symbols. */
export interface NewsRequest extends Asked<'news'>, Past {
  /** While the server or this program is slow; lossless without. */
  readonly policy?: Exclude<Policy, 'conflate'>;
}

export interface SummaryRequest extends Asked<'summary'> {
  readonly policy?: 'conflate';
}

export interface Requests {
  trades: TradesRequest;
  quotes: QuotesRequest;
  candles: CandlesRequest;
  alerts: AlertsRequest;
  news: NewsRequest;
  summary: SummaryRequest;
}

export type Stream = keyof Requests;
export type StreamRequest = Requests[Stream];

export interface IndicatedCandle extends Candle {
  /**
   * By indicator, its values by name, null while there is too little history. Absent when none
   * were asked for, null for closed candles that are told again after a cut.
   */
  readonly indicators?: Readonly<Record<string, Readonly<Record<string, number>> | null>> | null;
}

/** What a snapshot holds. */
export interface Rows {
  trades: Trade;
  quotes: Quote;
  candles: IndicatedCandle;
  alerts: Signal;
  news: Article;
  summary: Summary;
}

/**
 * Whoever goes on from this cursor misses nothing that was not told up to this message. At a server
 * over several partitions it names a place in each that the subscription is of.
 */
interface Placed {
  readonly cursor: string;
}

export type TradeMessage = { readonly type: 'trade' } & Placed & Trade;
export type QuoteMessage = { readonly type: 'quote' } & Placed & Quote;
export type CandleMessage = { readonly type: 'candle' } & Placed & IndicatedCandle;
export type MarkMessage = { readonly type: 'mark' } & Placed & Mark;
export type AlertMessage = { readonly type: 'alert' } & Placed & Signal;
export type ArticleMessage = { readonly type: 'article' } & Placed & Article;
export type SummaryMessage = { readonly type: 'summary' } & Placed & Summary;

/** What a stream tells. */
export interface Told {
  trades: TradeMessage;
  quotes: QuoteMessage;
  candles: CandleMessage | MarkMessage;
  alerts: AlertMessage;
  news: ArticleMessage;
  summary: SummaryMessage;
}

/**
 * What there is to begin with: first of all, unless it goes on after a cursor, and again when it
 * had to begin anew. It takes the place of all that was told before.
 */
export interface Snapshot<S extends Stream = Stream> extends Placed {
  readonly type: 'snapshot';
  readonly stream: S;
  /** With `history` or `from` symbol after symbol, each ascending in time. */
  readonly rows: readonly Rows[S][];
}

/** The records of the log from `from` to before `to` cannot be told any more. */
export interface Gap extends Placed {
  readonly type: 'gap';
  readonly stream: Stream;
  readonly symbols: readonly string[] | '*';
  readonly reason: 'retention' | 'damaged' | 'epoch';
  readonly from: string;
  readonly to: string;
}

/** By the policy `skip`, so many messages were left out: the first at `from`, the last at `to`. */
export interface Skip extends Placed {
  readonly type: 'skip';
  readonly stream: Stream;
  readonly count: number;
  readonly from: string;
  readonly to: string;
}

export type Message<S extends Stream = Stream> = Told[S] | Snapshot<S> | Gap | Skip;

/** What came, before it is known what of. */
export type ServerMessage =
  | { readonly type: 'hello' | 'pong' }
  | { readonly type: 'unsubscribed'; readonly id: string }
  | { readonly type: 'history'; readonly id: string; readonly rows: readonly Rows[Stream][] }
  | Subscribed
  | Refused
  | (Omit<Gap, 'cursor'> & { readonly id: string })
  | (Omit<Skip, 'cursor'> & { readonly id: string })
  | Told[Stream];

/** With what a subscription begins. */
export interface Subscribed extends Placed {
  readonly type: 'subscribed';
  readonly id: string;
  readonly symbols: readonly string[] | '*';
  readonly interval?: Interval;
  readonly price?: PriceKind;
  readonly severity?: Severity | null;
  readonly policy: Policy;
  readonly snapshot: readonly Rows[Stream][];
}

interface Refused {
  readonly type: 'error';
  readonly id: string | null;
  readonly code: string;
  readonly detail: string;
  readonly cure: string;
}

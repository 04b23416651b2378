// The objects of the API, made by scripts/client-types.ts from the schemas of the server.
// After a change of those run `./tapeline node scripts/client-types.ts`.

export interface Trade {
  readonly symbol: string;
  /** Event time, ISO 8601 UTC */
  readonly time: string;
  /** When it reached us, ISO 8601 UTC */
  readonly received: string;
  /** Exact decimal */
  readonly price: string;
  /** Exact decimal */
  readonly size: string;
  /** Aggressor: buy, sell, or empty when unknown */
  readonly side: string;
  readonly id: string | null;
  readonly venue: string;
  /** Sale conditions as the source writes them */
  readonly conditions: string;
  readonly source: string;
  /** Gap-free per symbol */
  readonly sequence: number;
  /**
   * A cancel is a row of its own, with the time and id of the trade it takes back and price and
   * size 0; that trade is cancelled. What came too late changed no candle.
   */
  readonly verdict:
    | 'on time'
    | 'late'
    | 'correction'
    | 'cancel'
    | 'cancelled'
    | 'too late'
    | 'cancel too late';
}

export interface Quote {
  readonly symbol: string;
  /** Event time, ISO 8601 UTC */
  readonly time: string;
  /** When it reached us, ISO 8601 UTC */
  readonly received: string;
  /** Exact decimal */
  readonly bid: string | null;
  /** Exact decimal */
  readonly bidSize: string | null;
  /** Exact decimal */
  readonly ask: string | null;
  /** Exact decimal */
  readonly askSize: string | null;
  readonly source: string;
  /** Gap-free per symbol */
  readonly sequence: number;
}

export interface Candle {
  readonly symbol: string;
  readonly price: 'trade' | 'bid' | 'ask' | 'mid';
  readonly interval: '1s' | '1m' | '5m' | '15m' | '1h' | '4h' | '1d';
  /**
   * Start of the interval, ISO 8601 UTC. Up to 4h on the grid of UTC; a day starts where that of
   * the instrument's calendar does, for XNYS at midnight in New York
   */
  readonly start: string;
  /** Exact decimal */
  readonly open: string;
  /** Exact decimal */
  readonly high: string;
  /** Exact decimal */
  readonly low: string;
  /** Exact decimal */
  readonly close: string;
  /** Exact decimal */
  readonly volume: string;
  /** Sum of price x size, exact decimal; null where it holds bars, which do not say */
  readonly notional: string | null;
  /** notional / volume, rounded half up to 8 digits; null without volume or notional */
  readonly vwap: string | null;
  /** Number of trades, or of quote updates, without those that bars stand for */
  readonly trades: number;
  /**
   * How many of them, and of bars, may set open and close by the rules of their tape; when it is 0,
   * the prices are those of trades that count to the volume only
   */
  readonly priced: number;
  readonly revision: number;
  /** A candle that lost its last trade to cancels comes once with all figures 0 */
  readonly state: 'open' | 'final' | 'revised';
}

export interface Mark {
  readonly symbol: string;
  readonly price: 'trade' | 'bid' | 'ask' | 'mid';
  readonly interval: '1s' | '1m' | '5m' | '15m' | '1h' | '4h' | '1d';
  /** Start of the first interval, ISO 8601 UTC */
  readonly start: string;
  /** End of the last interval, ISO 8601 UTC */
  readonly end: string;
  /**
   * Of every interval from start to end: no_trades when the feed was proven alive and nothing came,
   * no_data when it was not; traded when there is a candle
   */
  readonly state: 'no_trades' | 'no_data' | 'traded';
}

export interface Signal {
  /** Derived from the cause: a replay gives the same */
  readonly id: string;
  readonly kind:
    | 'price-spike'
    | 'volume-anomaly'
    | 'volatility'
    | 'price-change'
    | 'gap-at-open'
    | 'crossed-quotes'
    | 'stale-quotes'
    | 'bad-print';
  readonly symbol: string;
  /** When the cause was complete, event time, ISO 8601 UTC */
  readonly time: string;
  /** Start of the window that it is about, ISO 8601 UTC */
  readonly start: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  /** retracted once a late trade or a correction has undone the cause */
  readonly state: 'raised' | 'retracted';
  readonly revision: number;
  /** For a person */
  readonly text: string;
  /** What was found and compared with, exact decimals; see docs/SIGNALS.md */
  readonly values: Readonly<Record<string, string>>;
}

export interface Article {
  /** Derived from its address: what comes twice is one article */
  readonly id: string;
  /** Whom it is about; empty when unknown */
  readonly symbols: readonly string[];
  /** When it was published, ISO 8601 UTC */
  readonly time: string;
  /** When it reached us, ISO 8601 UTC */
  readonly received: string;
  readonly title: string;
  /** A few sentences; empty when there are none */
  readonly summary: string;
  /** Empty when unknown */
  readonly author: string;
  /** Who published it */
  readonly source: string;
  /** Where to read it */
  readonly url: string;
  /** From -1 (bad news) to 1 (good news), exact decimal; null when nobody has judged */
  readonly sentiment: string | null;
  readonly revision: number;
}

/** Amounts are null for a symbol that has not traded yet */
export interface Summary {
  readonly symbol: string;
  readonly name: string;
  /** Last price of the newest day that traded, exact decimal */
  readonly last: string | null;
  /** What the change is against: the previous day's close, else open */
  readonly reference: string | null;
  /** last - reference, exact decimal */
  readonly change: string | null;
  /** 100 x change / reference, rounded half up to 2 digits */
  readonly changePercent: string | null;
  /** Exact decimal */
  readonly dayHigh: string | null;
  /** Exact decimal */
  readonly dayLow: string | null;
  /** Exact decimal */
  readonly dayVolume: string | null;
  /** The sign of the change */
  readonly trend: 'up' | 'down' | 'flat';
  /** Start of the day, ISO 8601 UTC */
  readonly day: string | null;
  /** Event time of the latest trade, ISO 8601 UTC */
  readonly time: string | null;
}

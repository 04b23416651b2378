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

/** Amounts are exact decimals, adjusted for splits; null where they are not known */
export interface Statistics {
  readonly symbol: string;
  /** Start of the newest day that traded, ISO 8601 UTC */
  readonly day: string | null;
  /** Event time of the latest trade, ISO 8601 UTC */
  readonly time: string | null;
  /** Last price of the day, exact decimal */
  readonly last: string | null;
  /** Of the day */
  readonly open: string | null;
  /** Of the day */
  readonly high: string | null;
  /** Of the day */
  readonly low: string | null;
  /** Last price of the day before; null where no data is known of it */
  readonly previousClose: string | null;
  /** last - previousClose */
  readonly change: string | null;
  /** 100 x change / previousClose, rounded half up to 2 digits */
  readonly changePercent: string | null;
  /** Of the day */
  readonly volume: string | null;
  /** Sum of price x size of the day; null where bars are among it */
  readonly notional: string | null;
  /** notional / volume, rounded half up to 8 digits */
  readonly vwap: string | null;
  /** Of the day */
  readonly trades: number | null;
  /** ask - bid of the latest quote; negative where they cross */
  readonly spread: string | null;
  /**
   * Mean of ask - bid at the end of each minute that has both, of the 60 before the latest quote,
   * rounded half up to 8 digits
   */
  readonly averageSpread: string | null;
  /** Highest price of the last 52 weeks; null where they are not all known */
  readonly yearHigh: string | null;
  /** Lowest price of the last 52 weeks; null where they are not all known */
  readonly yearLow: string | null;
  /** Start of the first of the days known without a gap; 52 weeks at most */
  readonly knownFrom: string | null;
  /** How many of them traded */
  readonly knownDays: number;
  /** Highest price of those days */
  readonly knownHigh: string | null;
  /** Lowest price of those days */
  readonly knownLow: string | null;
  /**
   * Mean volume of the 30 days that traded before this one, rounded half up to 8 digits; null where
   * fewer are known
   */
  readonly averageVolume: string | null;
  /**
   * Sample standard deviation of the last 20 daily log returns, up to the last price; 0.01 is 1 %
   */
  readonly volatility: number | null;
  /**
   * volatility x the square root of the trading days in a year: 365 where it trades all the time,
   * else 252
   */
  readonly annualisedVolatility: number | null;
}

export interface PartHealth {
  /** degraded: works, but not as it should; down: does not work */
  readonly state: 'ok' | 'starting' | 'degraded' | 'down';
  /** For a person: what it does, or what is wrong with it */
  readonly detail: string;
}

export interface Health {
  /** The worst state of all parts */
  readonly status: 'ok' | 'starting' | 'degraded' | 'down';
  readonly log: PartHealth;
  readonly engine: PartHealth;
  readonly store: PartHealth;
  /** By name of the feed */
  readonly feeds: Readonly<Record<string, PartHealth>>;
  readonly gateway: PartHealth;
  readonly limits?: PartHealth;
  /** Since the process began */
  readonly uptimeSeconds: number | null;
  /** Of the log on disk */
  readonly logBytes: number | null;
  /** Of the database on disk, some seconds ago; null while it is not known */
  readonly databaseBytes: number | null;
}

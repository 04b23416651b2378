// What the page reads of the API: the parts of its answers and messages that are shown here.
// Amounts are exact decimal strings, times ISO 8601 in UTC.

export interface Instrument {
  readonly symbol: string;
  readonly name: string;
  readonly exchange: string;
  readonly currency: string;
  readonly priceIncrement: string | null;
}

export interface Summary {
  readonly symbol: string;
  readonly name: string;
  readonly last: string | null;
  readonly reference: string | null;
  readonly dayHigh: string | null;
  readonly dayLow: string | null;
  readonly dayVolume: string | null;
  readonly day: string | null;
  readonly time: string | null;
}

export interface Trade {
  readonly time: string;
  readonly received: string;
  readonly price: string;
  readonly size: string;
  readonly side: string;
  readonly sequence: number;
  readonly verdict: string;
}

export interface Quote {
  readonly time: string;
  readonly received: string;
  readonly bid: string | null;
  readonly bidSize: string | null;
  readonly ask: string | null;
  readonly askSize: string | null;
}

export interface Candle {
  readonly start: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
}

export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly cure: string;
}

/** The first message of a stream, and the one that says what is missing from it. */
export interface Hello<Value> {
  readonly type: 'hello';
  readonly snapshot: Value | null;
}

/** An interval is over: nothing that a chart shows. */
export interface Mark {
  readonly type: 'mark';
}

export interface Gap {
  readonly type: 'gap';
}

export const intervals = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'] as const;
export type Interval = (typeof intervals)[number];

// Kraken, live and without a key, over WebSocket v2: trades from `trade`, which begins with the
// last 50, and quotes from `ticker` at each change of the best bid or ask. Trade ids count per
// pair, so a jump shows what was lost, in a connection or between two; REST has it.
// Source: https://docs.kraken.com/api/docs/websocket-v2/trade, /ticker, /heartbeat, /ping.

import type { Micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { type Refusal, refusal, reject } from '../admit.ts';
import type { Feed, Intake } from '../feed.ts';
import type { JsonObject } from '../json.ts';
import {
  type Exchange,
  type Link,
  LiveFeed,
  type LiveFeedOptions,
  tellUnknown,
} from '../live-feed.ts';
import type { TradeGaps } from '../trade-gaps.ts';
import type { WireProtocol } from '../websocket-session.ts';
import { type Pair, pairOf } from './pair.ts';
import { krakenScope } from './parse-v1.ts';
import { admitTickerRow, admitTradeRow, idOf, type Row, read } from './parse-v2.ts';
import { fetchKrakenTrades, fetchPairs, instrumentOf } from './rest.ts';

export const defaultSymbols: readonly string[] = ['BTC/USD', 'ETH/USD', 'SOL/USD'];

/**
 * Symbols are pairs: `BTC/USD`, `BTC-USD` and `BTCUSD` all give the symbol `BTCUSD`, and `XBT/USD`
 * gives `XBTUSD`, as Kraken's REST answers are named.
 */
export function krakenFeed(options: LiveFeedOptions): Feed {
  return new LiveFeed(kraken, options);
}

const kraken: Exchange = {
  name: 'kraken',
  scope: krakenScope,
  urls: { socket: 'wss://ws.kraken.com/v2', rest: 'https://api.kraken.com' },
  fetchTrades(link) {
    const pairs = new Map(pairsOf(link).map((pair) => [pair.symbol, pair]));
    return fetchKrakenTrades(link, (symbol) => pairs.get(symbol));
  },
  protocol: (link, gaps) => new KrakenProtocol(link, gaps),
};

class KrakenProtocol implements WireProtocol {
  /** The answer tells Kraken's time, and that all it sent before has come. */
  readonly ping = JSON.stringify({ method: 'ping' });
  readonly #link: Link;
  readonly #intake: Intake;
  readonly #gaps: TradeGaps;
  /** By the name on the wire. */
  #pairs: ReadonlyMap<string, Pair>;
  #defined: 'not yet' | 'by name' | 'whole' = 'not yet';
  #complaint = '';
  #unknown = '';

  constructor(link: Link, gaps: TradeGaps) {
    this.#link = link;
    this.#intake = link.intake;
    this.#gaps = gaps;
    this.#pairs = new Map(pairsOf(link).map((pair) => [pair.wire, pair]));
  }

  get trouble(): string {
    return [this.#complaint, this.#unknown, this.#gaps.trouble].filter(Boolean).join('; ');
  }

  async prepare(signal: AbortSignal): Promise<void> {
    if (this.#defined === 'whole') return;
    try {
      const listed = await fetchPairs(this.#link, signal);
      this.#leaveOutUnknown(listed);
      this.#define((pair) => listed.get(pair.rest) ?? null);
      this.#defined = 'whole';
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'feed-unavailable') throw error;
      if (signal.aborted || this.#defined === 'by name') return;
      this.#link.logger?.warn({ feed: 'kraken' }, `without pair definitions: ${error.message}`);
      this.#define(() => null);
      this.#defined = 'by name';
    }
  }

  greeting(): readonly string[] {
    this.#complaint = '';
    const symbol = [...this.#pairs.keys()];
    const subscribe = (params: object): string =>
      JSON.stringify({ method: 'subscribe', params: { ...params, symbol, snapshot: true } });
    return [
      subscribe({ channel: 'trade' }),
      subscribe({ channel: 'ticker', event_trigger: 'bbo' }),
    ];
  }

  /** Trades, quotes and heartbeats show that the subscription is alive; a pong does not. */
  take(frame: string, receiveTime: Micros, connection: string): boolean | Promise<boolean> {
    const message = read(frame);
    const refuse: Refuse = (found) => {
      reject(this.#intake.open, found, connection, receiveTime, frame);
    };
    switch (message.kind) {
      case 'trades':
        return this.#takeTrades(message.rows, receiveTime, refuse);
      case 'quotes':
        return this.#takeQuotes(message.rows, receiveTime, refuse);
      case 'heartbeat':
        return true;
      case 'pong':
        this.#beat(message.time, receiveTime);
        return false;
      case 'error':
        this.#complaint = `Kraken says: ${message.refusal.detail}`;
        refuse(message.refusal);
        return false;
      case 'refused':
        refuse(message.refusal);
        return false;
      case 'control':
        return false;
    }
  }

  async #takeTrades(rows: readonly Row[], receiveTime: Micros, refuse: Refuse): Promise<boolean> {
    let alive = false;
    // The documentation does not promise an order within a frame.
    for (const row of rows.toSorted((a, b) => (idOf(a) ?? 0) - (idOf(b) ?? 0))) {
      const pair = this.#pairOf(row, refuse);
      if (!pair) continue;
      const id = idOf(row);
      if (id !== null) await this.#gaps.before(pair.symbol, id);
      const { open } = this.#intake;
      const refused = admitTradeRow(open, row, pair.symbol, receiveTime);
      if (refused) {
        refuse(refused);
        continue;
      }
      const eventTime = open.trades.eventTime[open.trades.count - 1] as Micros;
      if (id !== null) this.#gaps.pushed(pair.symbol, id, eventTime);
      alive = true;
    }
    return alive;
  }

  #takeQuotes(rows: readonly Row[], receiveTime: Micros, refuse: Refuse): boolean {
    let alive = false;
    for (const row of rows) {
      const pair = this.#pairOf(row, refuse);
      if (!pair) continue;
      const refused = admitTickerRow(this.#intake.open, row, pair.symbol, receiveTime);
      if (refused) refuse(refused);
      else alive = true;
    }
    return alive;
  }

  #pairOf(row: Row, refuse: Refuse): Pair | undefined {
    const pair = this.#pairs.get(String(row.symbol));
    if (!pair) refuse(refusal('bad-symbol', row.symbol));
    return pair;
  }

  /** Moves the event clock of the pairs that nothing is missing of. */
  #beat(eventTime: Micros | null, receiveTime: Micros): void {
    const symbols = Array.from(this.#pairs.values(), ({ symbol }) => symbol).filter((symbol) =>
      this.#gaps.isWhole(symbol),
    );
    if (eventTime === null || symbols.length === 0) return;
    const { source } = this.#intake;
    const heartbeat = { source, symbols, eventTime, complete: false, receiveTime };
    this.#intake.open.heartbeats.push(heartbeat);
  }

  #define(entryOf: (pair: Pair) => JsonObject | null): void {
    const instruments = this.#pairs.values().map((pair) => instrumentOf(pair, entryOf(pair)));
    this.#intake.open.instruments.push(...instruments);
  }

  #leaveOutUnknown(listed: ReadonlyMap<string, JsonObject>): void {
    const wanted = this.#link.symbols ?? defaultSymbols;
    const has = (pair: Pair | null): boolean => pair !== null && listed.has(pair.rest);
    const unknown = wanted.filter((text) => !has(pairOf(text)));
    this.#pairs = new Map([...this.#pairs].filter(([, pair]) => has(pair)));
    this.#unknown = tellUnknown(this.#link, unknown, this.#pairs.size, 'BTC/USD,ETH/USD');
  }
}

type Refuse = (found: Refusal) => void;

function pairsOf({ symbols = defaultSymbols }: Link): readonly Pair[] {
  return symbols.flatMap((text) => pairOf(text) ?? []);
}

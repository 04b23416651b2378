// Coinbase Exchange, live and without a key: trades from the channel `matches`, quotes from
// `ticker`, and `heartbeat`, which names each product's last trade every second. That and the
// trades' gap-free ids show what was lost, in a connection or between two; REST has it.
// Source: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels and /overview.

import type { Micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { refusal, reject } from '../admit.ts';
import type { Feed, Intake } from '../feed.ts';
import { isObject, type JsonObject, parseJson } from '../json.ts';
import {
  type Exchange,
  type Link,
  LiveFeed,
  type LiveFeedOptions,
  tellUnknown,
} from '../live-feed.ts';
import type { TradeGaps } from '../trade-gaps.ts';
import type { WireProtocol } from '../websocket-session.ts';
import { coinbaseScope, parse } from './parse.ts';
import { fetchCoinbaseTrades, fetchProducts, productNamed } from './rest.ts';

export const defaultSymbols: readonly string[] = ['BTC-USD', 'ETH-USD', 'SOL-USD'];

/** Symbols are products such as `BTC-USD`; `BTC/USD` is understood. */
export function coinbaseFeed(options: LiveFeedOptions): Feed {
  return new LiveFeed(coinbase, options);
}

const coinbase: Exchange = {
  name: 'coinbase',
  scope: coinbaseScope,
  urls: {
    socket: 'wss://ws-feed.exchange.coinbase.com',
    rest: 'https://api.exchange.coinbase.com',
  },
  fetchTrades: fetchCoinbaseTrades,
  protocol: (link, gaps) => new CoinbaseProtocol(link, gaps),
};

class CoinbaseProtocol implements WireProtocol {
  readonly #link: Link;
  readonly #intake: Intake;
  readonly #gaps: TradeGaps;
  /** Products to subscribe to. */
  #products: ReadonlySet<string>;
  #defined: 'not yet' | 'by name' | 'whole' = 'not yet';
  #complaint = '';
  #unknown = '';
  /** By product, the last trade of the heartbeat before: by now it must have come. */
  readonly #announced = new Map<string, number>();

  constructor(link: Link, gaps: TradeGaps) {
    this.#link = link;
    this.#intake = link.intake;
    this.#gaps = gaps;
    const symbols = link.symbols ?? defaultSymbols;
    this.#products = new Set(symbols.map((symbol) => symbol.replace('/', '-')));
  }

  get trouble(): string {
    return [this.#complaint, this.#unknown, this.#gaps.trouble].filter(Boolean).join('; ');
  }

  async prepare(signal: AbortSignal): Promise<void> {
    if (this.#defined === 'whole') return;
    try {
      const listed = await fetchProducts(this.#link, signal);
      this.#leaveOutUnknown(listed);
      this.#define((product) => listed.get(product) ?? productNamed(product));
      this.#defined = 'whole';
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'feed-unavailable') throw error;
      if (signal.aborted || this.#defined === 'by name') return;
      const why = `without product definitions: ${error.message}`;
      this.#link.logger?.warn({ feed: 'coinbase' }, why);
      this.#define(productNamed);
      this.#defined = 'by name';
    }
  }

  greeting(): readonly string[] {
    this.#announced.clear();
    const channels = ['matches', 'ticker', 'heartbeat'];
    return [JSON.stringify({ type: 'subscribe', product_ids: [...this.#products], channels })];
  }

  /** Trades and heartbeats show that the subscription is alive. */
  take(frame: string, receiveTime: Micros, connection: string): boolean | Promise<boolean> {
    const message = parseJson(frame);
    const { type, product_id: product } = isObject(message) ? message : {};
    const into = this.#intake.open;
    if (typeof product === 'string' && !this.#products.has(product)) {
      reject(into, refusal('bad-symbol', product), connection, receiveTime, frame);
      return false;
    }
    switch (isObject(message) ? type : undefined) {
      case 'match':
      case 'last_match':
        return this.#takeTrade(message as JsonObject, frame, receiveTime, connection);
      case 'heartbeat':
        return this.#takeHeartbeat(message as JsonObject, frame, receiveTime, connection);
      case 'subscriptions':
        return this.#takeSubscriptions(message as JsonObject, frame, receiveTime, connection);
      default:
        if (parse(frame, receiveTime, into, connection) === 'error') {
          const { message: what, reason } = message as JsonObject;
          this.#complaint = `Coinbase says: ${[what, reason].filter(Boolean).join(': ')}`;
        }
        return false;
    }
  }

  async #takeTrade(message: JsonObject, frame: string, receiveTime: Micros, connection: string) {
    const { product_id: product, trade_id: id } = message;
    if (typeof product !== 'string' || !isId(id)) {
      const found = refusal('bad-id', { product, id });
      reject(this.#intake.open, found, connection, receiveTime, frame);
      return false;
    }
    await this.#gaps.before(product, id);
    const { open } = this.#intake;
    if (parse(frame, receiveTime, open, connection) !== 'trade') return false;
    this.#gaps.pushed(product, id, open.trades.eventTime[open.trades.count - 1] as Micros);
    return true;
  }

  async #takeHeartbeat(
    message: JsonObject,
    frame: string,
    receiveTime: Micros,
    connection: string,
  ): Promise<boolean> {
    const { product_id: product, last_trade_id: id, time } = message;
    const eventTime = typeof time === 'string' ? parseTime(time) : null;
    if (typeof product !== 'string' || !isId(id) || eventTime === null) {
      const found = refusal('bad-frame', message);
      reject(this.#intake.open, found, connection, receiveTime, frame);
      return false;
    }
    if (this.#gaps.newest(product) === null) this.#gaps.begin(product, id, null);
    // A heartbeat may overtake the trade it names, but not by a whole second.
    const announced = this.#announced.get(product);
    this.#announced.set(product, id);
    if (announced !== undefined) await this.#gaps.before(product, announced + 1);
    if (this.#gaps.isWhole(product) && (this.#gaps.newest(product) ?? 0) >= id) {
      const { source } = this.#intake;
      const heartbeat = { source, symbols: [product], eventTime, complete: false, receiveTime };
      this.#intake.open.heartbeats.push(heartbeat);
    }
    return true;
  }

  /** The answer to our greeting: what it does not name, nobody will send. */
  #takeSubscriptions(
    { channels }: JsonObject,
    frame: string,
    receiveTime: Micros,
    connection: string,
  ): boolean {
    const matches = Array.isArray(channels)
      ? channels.find((channel) => isObject(channel) && channel.name === 'matches')
      : undefined;
    const given =
      isObject(matches) && Array.isArray(matches.product_ids) ? matches.product_ids : [];
    const left = [...this.#products].filter((product) => !given.includes(product));
    this.#complaint = left.length > 0 ? `Coinbase left out ${left.join(', ')}` : '';
    if (left.length > 0) {
      const found = refusal('provider-error', this.#complaint);
      reject(this.#intake.open, found, connection, receiveTime, frame);
    }
    return false;
  }

  #define(instrumentOf: (product: string) => Instrument): void {
    this.#intake.open.instruments.push(...[...this.#products].map(instrumentOf));
  }

  /** One unknown product would make Coinbase turn down the whole subscription. */
  #leaveOutUnknown(listed: ReadonlyMap<string, Instrument>): void {
    const unknown = [...this.#products].filter((product) => !listed.has(product));
    this.#products = new Set([...this.#products].filter((product) => listed.has(product)));
    this.#unknown = tellUnknown(this.#link, unknown, this.#products.size, 'BTC-USD,ETH-USD');
  }
}

function isId(id: unknown): id is number {
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0;
}

// Binance WebSocket frames, spot and futures, bare or wrapped in {stream, data}: `trade` and
// `aggTrade` are trades, `bookTicker` is a quote.
// Source: https://developers.binance.com/docs (Web Socket Streams; wire as of 2021-07 and 2024-08).
// Trades are taken from one of their two streams, whichever speaks first: both tell of the same.

import type { Micros } from '../../base/clock.ts';
import type { TradeTag } from '../../contracts/trade.ts';
import { admitQuote, admitTrade, type FrameKind, type Refusal, refusal, reject } from '../admit.ts';
import { parseEpoch } from '../epoch-time.ts';
import type { Observations } from '../feed.ts';
import { isObject, type JsonObject, parseJson } from '../json.ts';

const ignored = new Set<unknown>([
  '1dTicker',
  '1hTicker',
  '24hrMiniTicker',
  '24hrTicker',
  '4hTicker',
  'assetIndexUpdate',
  'avgPrice',
  'compositeIndex',
  'continuous_kline',
  'contractInfo',
  'depthUpdate',
  'forceOrder',
  'kline',
  'markPriceUpdate',
]);

type TradeStream = 'trade' | 'aggTrade';

/**
 * A parser for one connection, or one recording of one. Spot and futures number apart, and trades
 * and aggregates too, so each has its own id scope. Frames do not say which market speaks, but only
 * trades of the spot market carry an `M`, and only futures name the event of a book ticker.
 */
export class BinanceParser {
  #market: 'binance' | 'binance-futures' | null = null;
  #stream: TradeStream | null = null;

  /** Reads one text frame; `where` names the connection, or the file and row. */
  parse(frame: string, receiveTime: Micros, into: Observations, where: string): FrameKind {
    const refuse = (refused: Refusal) => reject(into, refused, where, receiveTime, frame);
    const message = parseJson(frame);
    if (message === undefined) return refuse(refusal('bad-json', frame));
    if (!isObject(message)) return refuse(refusal('bad-frame', message));
    const data = message.stream === undefined ? message : message.data;
    // Streams of all symbols come as arrays; none of those that we read does.
    if (Array.isArray(data)) return 'ignored';
    if (!isObject(data)) return refuse(refusal('bad-frame', data));
    return this.#parseEvent(data, receiveTime, into, refuse);
  }

  #parseEvent(
    data: JsonObject,
    receiveTime: Micros,
    into: Observations,
    refuse: (refused: Refusal) => 'rejected',
  ): FrameKind {
    const { e: event } = data;
    if (event === 'trade' || event === 'aggTrade') {
      this.#market ??= data.M === undefined ? 'binance-futures' : 'binance';
      this.#stream ??= event;
      // Futures also tell of fills outside the market, at price 0.
      if (event !== this.#stream || data.X === 'NA') return 'ignored';
      into.trades.scope = event === 'trade' ? this.#market : `${this.#market}-aggregate`;
      const refused = admitTradeOf(event, data, receiveTime, into);
      return refused ? refuse(refused) : 'trade';
    }
    if (event === 'bookTicker' || (event === undefined && data.u !== undefined)) {
      this.#market ??= event === undefined ? 'binance' : 'binance-futures';
      into.quotes.scope = this.#market;
      const refused = admitBookTicker(data, receiveTime, into);
      return refused ? refuse(refused) : 'quote';
    }
    if (ignored.has(event) || data.lastUpdateId !== undefined) return 'ignored';
    if (data.error !== undefined || (data.code !== undefined && data.msg !== undefined)) {
      refuse(refusal('provider-error', data.error ?? data.msg));
      return 'error';
    }
    return data.result === undefined ? refuse(refusal('unknown-frame', event)) : 'control';
  }
}

function admitTradeOf(
  event: TradeStream,
  data: JsonObject,
  receiveTime: Micros,
  into: Observations,
): Refusal | null {
  return admitTrade(into.trades, {
    symbol: data.s,
    eventTime: parseEpoch(data.T),
    receiveTime,
    price: data.p,
    size: data.q,
    id: event === 'trade' ? data.t : data.a,
    venue: 'binance',
    conditions: typeof data.X === 'string' && data.X !== 'MARKET' ? data.X : '',
    side: aggressors.get(data.m) ?? '',
  });
}

/** `m` says whether the buyer was the one who rested. */
const aggressors = new Map<unknown, TradeTag['side']>([
  [true, 'sell'],
  [false, 'buy'],
]);

function admitBookTicker(data: JsonObject, receiveTime: Micros, into: Observations) {
  return admitQuote(into, {
    symbol: data.s,
    // Spot does not say when.
    eventTime: data.T === undefined ? receiveTime : parseEpoch(data.T),
    receiveTime,
    bid: data.b,
    ask: data.a,
    bidSize: data.B,
    askSize: data.A,
    id: data.u,
  });
}

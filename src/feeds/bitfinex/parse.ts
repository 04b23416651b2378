// Bitfinex WebSocket v2 frames. Data comes as [channel number, …], and only the answer to a
// subscription says what a number stands for, so the parser keeps what was subscribed.
// Source: https://docs.bitfinex.com/docs/ws-general, ws-public-trades, ws-public-ticker
// (wire as of 2021-04-17). Trades have ids, tickers none.

import type { Micros } from '../../base/clock.ts';
import { admitQuote, admitTrade, type FrameKind, type Refusal, refusal, reject } from '../admit.ts';
import { parseEpoch } from '../epoch-time.ts';
import type { Observations } from '../feed.ts';
import { isObject, type JsonObject, parseJsonExact, wholeNumber } from '../json.ts';

/** The id scope of Bitfinex's own numbering. */
export const bitfinexScope = 'bitfinex';

interface Subscription {
  readonly channel: unknown;
  readonly symbol: string;
}

type Refuse = (refused: Refusal) => 'rejected';

export class BitfinexParser {
  readonly #subscriptions = new Map<unknown, Subscription>();

  /** Reads one text frame; `where` names the connection, or file and row. A ticker gets `id`. */
  parse(
    frame: string,
    receiveTime: Micros,
    into: Observations,
    where: string,
    id: number,
  ): FrameKind {
    const refuse: Refuse = (refused) => reject(into, refused, where, receiveTime, frame);
    const message = parseJsonExact(frame);
    if (message === undefined) return refuse(refusal('bad-json', frame));
    if (isObject(message)) return this.#parseEvent(message, refuse);
    if (!Array.isArray(message)) return refuse(refusal('bad-frame', message));
    const [number, ...content] = message;
    // A channel's heartbeat can overtake the answer that announces the channel.
    if (content[0] === 'hb') return 'heartbeat';
    const subscription = this.#subscriptions.get(number);
    if (!subscription) return refuse(refusal('unknown-frame', `channel ${number}`));
    switch (subscription.channel) {
      case 'trades':
        return parseTrades(content, subscription.symbol, receiveTime, into, refuse);
      case 'ticker': {
        const refused = admitTicker(content[0], subscription.symbol, receiveTime, into, id);
        return refused ? refuse(refused) : 'quote';
      }
      default:
        return 'ignored';
    }
  }

  #parseEvent(message: JsonObject, refuse: Refuse): FrameKind {
    const { event, chanId, channel, symbol } = message;
    switch (event) {
      case 'subscribed':
        this.#subscriptions.set(chanId, subscriptionOf(channel, symbol));
        return 'control';
      case 'unsubscribed':
        this.#subscriptions.delete(chanId);
        return 'control';
      case 'auth':
      case 'conf':
      case 'info':
        return 'control';
      case 'pong':
        return 'heartbeat';
      case 'error':
        refuse(refusal('provider-error', message.msg));
        return 'error';
      default:
        return refuse(refusal('unknown-frame', event));
    }
  }
}

/** `tBTCUSD` is the pair BTCUSD; `fUSD` is lending, which is not trading. */
function subscriptionOf(channel: unknown, symbol: unknown): Subscription {
  return typeof symbol === 'string' && symbol.startsWith('t')
    ? { channel, symbol: symbol.slice(1).toUpperCase() }
    : { channel: 'other', symbol: '' };
}

/** A snapshot of the last trades, newest first; or `te` at once and `tu`, the same, for good. */
function parseTrades(
  content: readonly unknown[],
  symbol: string,
  receiveTime: Micros,
  into: Observations,
  refuse: Refuse,
): FrameKind {
  const [head, row] = content;
  const rows = head === 'te' || head === 'tu' ? [row] : head;
  if (!Array.isArray(rows)) return refuse(refusal('bad-frame', head));
  let kind: FrameKind = 'trade';
  for (const trade of rows.toReversed()) {
    const [id, time, amount, price] = Array.isArray(trade) ? trade : [];
    const sold = String(amount).startsWith('-');
    const refused = admitTrade(into.trades, {
      symbol,
      eventTime: parseEpoch(time),
      receiveTime,
      price,
      size: sold ? String(amount).slice(1) : amount,
      id: wholeNumber(id),
      venue: 'bitfinex',
      conditions: '',
      side: sold ? 'sell' : 'buy',
    });
    if (refused) kind = refuse(refused);
  }
  return kind;
}

/** A ticker's sizes are sums over 25 levels, so the sizes at the best prices stay unknown. */
function admitTicker(
  data: unknown,
  symbol: string,
  receiveTime: Micros,
  into: Observations,
  id: number,
): Refusal | null {
  if (!Array.isArray(data)) return refusal('bad-frame', data);
  const [bid, , ask] = data;
  const eventTime = receiveTime;
  const [bidSize, askSize] = ['0', '0'];
  return admitQuote(into, { symbol, eventTime, receiveTime, bid, ask, bidSize, askSize, id });
}

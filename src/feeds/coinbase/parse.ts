// Coinbase Exchange WebSocket frames: `match` and `last_match` are trades, `ticker` is a quote.
// Source: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels (wire as of 2021-04-17).
// A trade's id is `trade_id`, a quote's is `sequence`; both are unique within their product.

import type { Micros } from '../../base/clock.ts';
import { parseTime } from '../../contracts/time.ts';
import type { TradeTag } from '../../contracts/trade.ts';
import { admitQuote, admitTrade, type FrameKind, type Refusal, refusal, reject } from '../admit.ts';
import type { Observations } from '../feed.ts';
import { isObject, type JsonObject, parseJson } from '../json.ts';

/** The id scope of Coinbase's own numbering, shared by the live feed and recordings. */
export const coinbaseScope = 'coinbase';

const others = new Map<unknown, FrameKind>([
  ['activate', 'ignored'],
  ['auction', 'ignored'],
  ['change', 'ignored'],
  ['done', 'ignored'],
  ['heartbeat', 'heartbeat'],
  ['l2update', 'ignored'],
  ['open', 'ignored'],
  ['received', 'ignored'],
  ['snapshot', 'ignored'],
  ['status', 'control'],
  ['subscriptions', 'control'],
]);

/** Reads one text frame; `where` names the connection, or the file and row. */
export function parse(
  frame: string,
  receiveTime: Micros,
  into: Observations,
  where: string,
): FrameKind {
  const refuse = (refused: Refusal) => reject(into, refused, where, receiveTime, frame);
  const message = parseJson(frame);
  if (message === undefined) return refuse(refusal('bad-json', frame));
  if (!isObject(message)) return refuse(refusal('bad-frame', message));
  const { type } = message;
  switch (type) {
    case 'match':
    case 'last_match': {
      const refused = admitMatch(message, receiveTime, into);
      return refused ? refuse(refused) : 'trade';
    }
    case 'ticker': {
      const refused = admitTicker(message, receiveTime, into);
      return refused ? refuse(refused) : 'quote';
    }
    case 'error':
      refuse(refusal('provider-error', message.reason ?? message.message));
      return 'error';
    default:
      return others.get(type) ?? refuse(refusal('unknown-frame', type));
  }
}

/** `side` is that of the resting order, so the aggressor is on the other. */
const aggressors = new Map<unknown, TradeTag['side']>([
  ['buy', 'sell'],
  ['sell', 'buy'],
]);

function admitMatch(message: JsonObject, receiveTime: Micros, into: Observations) {
  return admitTrade(into.trades, {
    symbol: message.product_id,
    eventTime: timeOf(message.time),
    receiveTime,
    price: message.price,
    size: message.size,
    id: message.trade_id,
    venue: 'coinbase',
    conditions: '',
    side: aggressors.get(message.side) ?? '',
  });
}

function admitTicker(message: JsonObject, receiveTime: Micros, into: Observations) {
  return admitQuote(into, {
    symbol: message.product_id,
    eventTime: timeOf(message.time),
    receiveTime,
    bid: message.best_bid,
    ask: message.best_ask,
    // Older frames tell no sizes.
    bidSize: message.best_bid_size ?? '0',
    askSize: message.best_ask_size ?? '0',
    id: message.sequence,
  });
}

function timeOf(text: unknown): Micros | null {
  return typeof text === 'string' ? parseTime(text) : null;
}

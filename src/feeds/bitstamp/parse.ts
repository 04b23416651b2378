// Bitstamp WebSocket v2 frames: `trade` on a `live_trades_…` channel is a trade; order books and
// orders are passed over. Source: https://www.bitstamp.net/websocket/v2 (wire as of 2022-01-05).

import type { Micros } from '../../base/clock.ts';
import type { TradeTag } from '../../contracts/trade.ts';
import { admitTrade, type FrameKind, type Refusal, refusal, reject } from '../admit.ts';
import { parseEpoch } from '../epoch-time.ts';
import type { Observations } from '../feed.ts';
import { isObject, parseJson } from '../json.ts';

/** The id scope of Bitstamp's own numbering. */
export const bitstampScope = 'bitstamp';

const others = new Map<unknown, FrameKind>([
  ['bts:heartbeat', 'heartbeat'],
  ['bts:request_reconnect', 'control'],
  ['bts:subscription_succeeded', 'control'],
  ['bts:unsubscription_succeeded', 'control'],
  ['data', 'ignored'],
  ['order_changed', 'ignored'],
  ['order_created', 'ignored'],
  ['order_deleted', 'ignored'],
]);

const tradeChannel = /^live_trades_(.+)$/;

/** The aggressor, by Bitstamp's `type`. */
const sides = new Map<unknown, TradeTag['side']>([
  [0, 'buy'],
  [1, 'sell'],
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
  const { event, channel, data } = message;
  if (event === 'bts:error') {
    refuse(refusal('provider-error', data));
    return 'error';
  }
  if (event !== 'trade') return others.get(event) ?? refuse(refusal('unknown-frame', event));
  const pair = typeof channel === 'string' ? tradeChannel.exec(channel)?.[1] : undefined;
  if (pair === undefined || !isObject(data)) return refuse(refusal('bad-frame', channel));
  const refused = admitTrade(into.trades, {
    symbol: pair.toUpperCase(),
    eventTime: parseEpoch(data.microtimestamp),
    receiveTime,
    // `price` and `amount` are the same as doubles.
    price: data.price_str,
    size: data.amount_str,
    id: data.id,
    venue: 'bitstamp',
    conditions: '',
    side: sides.get(data.type) ?? '',
  });
  return refused ? refuse(refused) : 'trade';
}

// Kraken WebSocket v1 frames, as recordings hold them: `trade` arrays are trades, `ticker` and
// `spread` are quotes. Source: https://docs.kraken.com/api/docs/websocket-v1 (wire as of
// 2021-04-17). v1 tells no ids, so the caller numbers the records.

import type { Micros } from '../../base/clock.ts';
import type { TradeTag } from '../../contracts/trade.ts';
import { admitQuote, admitTrade, type FrameKind, type Refusal, refusal, reject } from '../admit.ts';
import { parseEpoch } from '../epoch-time.ts';
import type { Observations } from '../feed.ts';
import { isObject, type JsonObject, parseJson } from '../json.ts';

/** The id scope of Kraken's own numbering, shared by the live feed and REST recordings. */
export const krakenScope = 'kraken';

const events = new Map<unknown, FrameKind>([
  ['heartbeat', 'heartbeat'],
  ['pong', 'heartbeat'],
  ['subscriptionStatus', 'control'],
  ['systemStatus', 'control'],
]);

/**
 * Reads one text frame; `where` names the connection, or the file and row. The records of the frame
 * get the ids `firstId`, `firstId` + 1, …
 */
export function parse(
  frame: string,
  receiveTime: Micros,
  into: Observations,
  where: string,
  firstId: number,
): FrameKind {
  const refuse = (refused: Refusal) => reject(into, refused, where, receiveTime, frame);
  const message = parseJson(frame);
  if (message === undefined) return refuse(refusal('bad-json', frame));
  if (isObject(message)) return parseEvent(message, refuse);
  if (!Array.isArray(message)) return refuse(refusal('bad-frame', message));
  const [, data] = message;
  const channel = message.at(-2);
  const symbol = symbolOf(message.at(-1));
  switch (typeof channel === 'string' ? channel.replace(/-\d+$/, '') : channel) {
    case 'trade':
      return parseTrades(data, symbol, receiveTime, into, firstId, refuse);
    case 'ticker':
    case 'spread': {
      const refused = admitBest(data, symbol, receiveTime, into, firstId);
      return refused ? refuse(refused) : 'quote';
    }
    case 'book':
    case 'ohlc':
      return 'ignored';
    default:
      return refuse(refusal('unknown-frame', channel));
  }
}

/** Kraken's pair without its slash: `XBT/USDT` is `XBTUSDT`. */
export function symbolOf(pair: unknown): unknown {
  return typeof pair === 'string' ? pair.replace('/', '') : pair;
}

/** The aggressor, by Kraken's letter for it. */
export const krakenSides: ReadonlyMap<unknown, TradeTag['side']> = new Map([
  ['b', 'buy'],
  ['s', 'sell'],
] as const);

type Refuse = (refused: Refusal) => 'rejected';

function parseEvent(message: JsonObject, refuse: Refuse): FrameKind {
  if (message.event === 'error' || message.status === 'error') {
    refuse(refusal('provider-error', message.errorMessage));
    return 'error';
  }
  return events.get(message.event) ?? refuse(refusal('unknown-frame', message.event));
}

function parseTrades(
  data: unknown,
  symbol: unknown,
  receiveTime: Micros,
  into: Observations,
  firstId: number,
  refuse: Refuse,
): FrameKind {
  if (!Array.isArray(data)) return refuse(refusal('bad-frame', data));
  let kind: FrameKind = 'trade';
  for (const [index, row] of data.entries()) {
    const [price, size, time, side] = Array.isArray(row) ? row : [];
    const refused = admitTrade(into.trades, {
      symbol,
      eventTime: parseEpoch(time),
      receiveTime,
      price,
      size,
      id: firstId + index,
      venue: 'kraken',
      conditions: '',
      side: krakenSides.get(side) ?? '',
    });
    if (refused) kind = refuse(refused);
  }
  return kind;
}

function admitBest(
  data: unknown,
  symbol: unknown,
  receiveTime: Micros,
  into: Observations,
  id: number,
): Refusal | null {
  if (Array.isArray(data)) {
    const [bid, ask, time, bidSize, askSize] = data;
    const eventTime = parseEpoch(time);
    return admitQuote(into, { symbol, eventTime, receiveTime, bid, ask, bidSize, askSize, id });
  }
  const { b, a } = isObject(data) ? data : {};
  if (!Array.isArray(a) || !Array.isArray(b)) return refusal('bad-frame', data);
  // Each side is [price, whole lots, lots], and a ticker does not say when.
  const [bid, , bidSize] = b;
  const [ask, , askSize] = a;
  const eventTime = receiveTime;
  return admitQuote(into, { symbol, eventTime, receiveTime, bid, ask, bidSize, askSize, id });
}

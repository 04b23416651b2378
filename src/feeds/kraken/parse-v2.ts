// Kraken WebSocket v2 frames: `trade` rows are trades, `ticker` rows are quotes. Prices and sizes
// are JSON numbers, so they are read from their text.
// Source: https://docs.kraken.com/api/docs/websocket-v2/trade, /ticker, /heartbeat, /ping.
// A trade's id is `trade_id`, a sequence number per book; a quote has none.

import type { Micros } from '../../base/clock.ts';
import { noId } from '../../contracts/identity.ts';
import { parseTime } from '../../contracts/time.ts';
import { admitQuote, admitTrade, type Refusal, refusal } from '../admit.ts';
import type { Observations } from '../feed.ts';
import { isObject, type JsonObject, parseJsonExact, wholeNumber } from '../json.ts';

/** A row of a `trade` or `ticker` frame; its numbers are text. */
export type Row = JsonObject;

export type Message =
  | { readonly kind: 'trades' | 'quotes'; readonly rows: readonly Row[] }
  | { readonly kind: 'pong'; readonly time: Micros | null }
  | { readonly kind: 'heartbeat' | 'control' }
  | { readonly kind: 'refused' | 'error'; readonly refusal: Refusal };

/** What a text frame says. */
export function read(frame: string): Message {
  const message = parseJsonExact(frame);
  if (message === undefined) return refused(refusal('bad-json', frame));
  if (!isObject(message)) return refused(refusal('bad-frame', message));
  if (message.success === false || ('error' in message && message.error !== null)) {
    return { kind: 'error', refusal: refusal('provider-error', complaintOf(message)) };
  }
  switch (message.channel ?? message.method) {
    case 'trade':
      return readRows('trades', message.data);
    case 'ticker':
      return readRows('quotes', message.data);
    case 'heartbeat':
      return { kind: 'heartbeat' };
    case 'pong':
      return { kind: 'pong', time: timeOf(message.time_out) };
    case 'status':
    case 'subscribe':
    case 'unsubscribe':
      return { kind: 'control' };
    default:
      return refused(refusal('unknown-frame', message.channel ?? message.method));
  }
}

/** The id of a `trade` row; null when it has none. */
export function idOf(row: Row): number | null {
  return wholeNumber(row.trade_id);
}

/** Appends a `trade` row, or says why not. */
export function admitTradeRow(
  into: Observations,
  row: Row,
  symbol: string,
  receiveTime: Micros,
): Refusal | null {
  const { price, qty: size, side } = row;
  return admitTrade(into.trades, {
    symbol,
    eventTime: timeOf(row.timestamp),
    receiveTime,
    price,
    size,
    id: idOf(row),
    venue: 'kraken',
    conditions: '',
    side: side === 'buy' || side === 'sell' ? side : '',
  });
}

/** Appends a `ticker` row, or says why not. Older rows do not tell their time. */
export function admitTickerRow(
  into: Observations,
  row: Row,
  symbol: string,
  receiveTime: Micros,
): Refusal | null {
  const { bid, bid_qty: bidSize, ask, ask_qty: askSize, timestamp } = row;
  const eventTime = timestamp === undefined ? receiveTime : timeOf(timestamp);
  return admitQuote(into, { symbol, eventTime, receiveTime, bid, bidSize, ask, askSize, id: noId });
}

function readRows(kind: 'trades' | 'quotes', data: unknown): Message {
  if (!Array.isArray(data) || !data.every(isObject)) return refused(refusal('bad-frame', data));
  return { kind, rows: data };
}

function refused(found: Refusal): Message {
  return { kind: 'refused', refusal: found };
}

/** `{"error":"Currency pair not supported FOO/BAR","success":false,"symbol":"FOO/BAR"}` */
function complaintOf({ error, symbol }: JsonObject): string {
  const what = typeof error === 'string' ? error : 'no reason given';
  return typeof symbol === 'string' && !what.includes(symbol) ? `${what}: ${symbol}` : what;
}

function timeOf(text: unknown): Micros | null {
  return typeof text === 'string' ? parseTime(text) : null;
}

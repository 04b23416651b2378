// What `tapeline watch` shows of each message: rows in the columns of its stream. Times are UTC.

import type { IndicatedCandle, Mark, Message, Quote, Signal, Trade } from '../../client/index.ts';

export type WatchedStream = 'candles' | 'trades' | 'quotes' | 'alerts';
export type Tint = 'green' | 'red' | 'yellow' | 'dim';

export interface Column {
  readonly name: string;
  readonly kind: 'text' | 'number';
}

export interface Row {
  readonly symbol: string;
  /** One for each column; fewer where the last one runs on. */
  readonly cells: readonly string[];
  /** The cell that is tinted. */
  readonly tinted: number;
  readonly tint: Tint | null;
  /** It will change, and has its place until it is done. */
  readonly isOpen: boolean;
}

function columns(text: string): Column[] {
  return text.split(' ').map((name) => {
    return name.endsWith('#')
      ? { name: name.slice(0, -1), kind: 'number' }
      : { name, kind: 'text' };
  });
}

export const columnsOf: Readonly<Record<WatchedStream, readonly Column[]>> = {
  candles: columns('UTC symbol open# high# low# close# volume# trades# state'),
  trades: columns('UTC symbol price# size# side venue verdict'),
  quotes: columns('UTC symbol size# bid# ask# size#'),
  alerts: columns('UTC symbol severity what'),
};

const severityTints: Readonly<Record<Signal['severity'], Tint | null>> = {
  low: null,
  medium: 'yellow',
  high: 'red',
  critical: 'red',
};

/** The rows of a message, oldest first. */
export function rowsOf(message: Message<WatchedStream>): Row[] {
  switch (message.type) {
    case 'snapshot':
      return message.rows.map(rowOf);
    case 'gap':
      return [notice(`A gap: ${message.from} to ${message.to} are missing (${message.reason}).`)];
    case 'skip':
      return [notice(`${message.count} messages were skipped.`)];
    case 'mark':
      return message.state === 'traded' ? [] : [markRow(message)];
    case 'trade':
    case 'quote':
    case 'candle':
    case 'alert':
      return [rowOf(message)];
  }
}

function rowOf(row: Trade | Quote | IndicatedCandle | Signal): Row {
  if ('bid' in row) return quoteRow(row);
  if ('open' in row) return candleRow(row);
  if ('severity' in row) return alertRow(row);
  return tradeRow(row);
}

function candleRow(candle: IndicatedCandle): Row {
  const { symbol, start, interval, open, high, low, close, volume, trades, state } = candle;
  const time = interval === '1d' ? start.slice(0, 10) : start.slice(11, 19);
  const tint = Number(close) < Number(open) ? 'red' : 'green';
  const shown = state === 'final' ? '' : state;
  const cells = [time, symbol, open, high, low, close, volume, String(trades), shown];
  return { symbol, cells, tinted: 5, tint, isOpen: state === 'open' };
}

function markRow({ symbol, start, end, state }: Mark): Row {
  const words = `${state.replace('_', ' ')} until ${end.slice(11, 19)}`;
  const cells = [start.slice(11, 19), symbol, words];
  return { symbol: '', cells, tinted: 2, tint: 'dim', isOpen: false };
}

function tradeRow({ symbol, time, price, size, side, venue, verdict }: Trade): Row {
  const cells = [toMillisecond(time), symbol, price, size, side, venue];
  const tint = side === 'buy' ? 'green' : side === 'sell' ? 'red' : null;
  const all = verdict === 'on time' ? cells : [...cells, verdict];
  return { symbol, cells: all, tinted: 2, tint, isOpen: false };
}

function quoteRow({ symbol, time, bid, bidSize, ask, askSize }: Quote): Row {
  const cells = [time && toMillisecond(time), symbol, bidSize, bid, ask, askSize];
  return { symbol, cells: cells.map((cell) => cell ?? ''), tinted: 0, tint: null, isOpen: true };
}

function alertRow({ symbol, time, severity, state, text }: Signal): Row {
  const words = state === 'retracted' ? `retracted: ${text}` : text;
  const cells = [time.slice(11, 19), symbol, severity, words];
  return { symbol: '', cells, tinted: 2, tint: severityTints[severity], isOpen: false };
}

function notice(text: string): Row {
  return { symbol: '', cells: [text], tinted: 0, tint: 'yellow', isOpen: false };
}

/** `14:30:00.000` of an ISO time of any precision. */
function toMillisecond(time: string): string {
  return time.slice(11, -1).padEnd(9, '.').padEnd(12, '0').slice(0, 12);
}

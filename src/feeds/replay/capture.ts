// Raw frame captures, one line to a frame:
//   `receive seconds: frame`, beside `url <-> time` (connected), `url <- time: frame` (sent) and
//   `url -> time: body` (a REST answer), as bmoscon/cryptofeed writes them, and
//   `receive nanoseconds frame`, as nkaz001/hftbacktest's collectors write them.
// The frames are read by the exchange's own parser, the one that also reads its live feed.

import type { Micros } from '../../base/clock.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { type FrameKind, refusal } from '../admit.ts';
import { BinanceParser } from '../binance/parse.ts';
import { BitfinexParser, bitfinexScope } from '../bitfinex/parse.ts';
import { bitstampScope, parse as parseBitstamp } from '../bitstamp/parse.ts';
import { coinbaseScope, parse as parseCoinbase } from '../coinbase/parse.ts';
import { parseEpoch } from '../epoch-time.ts';
import type { Observations } from '../feed.ts';
import { parse as parseKrakenV1 } from '../kraken/parse-v1.ts';
import type { ByteWindow } from './byte-window.ts';
import { type Recording, RecordingParser } from './recording.ts';

/** `number` is for a record without an id of its own: those of one file count up. */
type ParseFrame = (
  frame: string,
  receiveTime: Micros,
  into: Observations,
  where: string,
  number: number,
) => FrameKind;

interface Exchange {
  readonly name: string;
  readonly host: RegExp;
  /** What its frames look like in a capture that names no host. */
  readonly frame: RegExp;
  /** The scopes of its own ids, where it gives any. */
  readonly tradeScope: string | null;
  readonly quoteScope: string | null;
  /** A parser for one connection. */
  parser(): ParseFrame;
}

export const exchanges: readonly Exchange[] = [
  {
    name: 'coinbase',
    host: /coinbase\.com/,
    frame: /^\{"type":"/,
    tradeScope: coinbaseScope,
    quoteScope: coinbaseScope,
    parser: () => parseCoinbase,
  },
  {
    name: 'kraken',
    host: /kraken\.com/,
    frame: /"event":"systemStatus"|"channelID"|,"[A-Z0-9.]+\/[A-Z0-9.]+"\]$/,
    tradeScope: null,
    quoteScope: null,
    parser: () => parseKrakenV1,
  },
  {
    name: 'binance',
    host: /binance\.com/,
    frame: /^\{"stream":"|^\{"e":"|^\{"lastUpdateId"/,
    // Its parser sets them, as it finds out which market speaks.
    tradeScope: null,
    quoteScope: null,
    parser() {
      const parser = new BinanceParser();
      return (frame, receiveTime, into, where) => parser.parse(frame, receiveTime, into, where);
    },
  },
  {
    name: 'bitstamp',
    host: /bitstamp\.net/,
    frame: /"event":"bts:|"channel":"(live_trades|live_orders|order_book|diff_order_book)_/,
    tradeScope: bitstampScope,
    quoteScope: bitstampScope,
    parser: () => parseBitstamp,
  },
  {
    name: 'bitfinex',
    host: /bitfinex\.com/,
    frame: /"chanId"|^\{"event":"info"|^\[\d+,("hb"|\[)/,
    tradeScope: bitfinexScope,
    quoteScope: null,
    parser() {
      const parser = new BitfinexParser();
      return (...frame) => parser.parse(...frame);
    },
  },
];

const seconds = /^(\d{9,11}(?:\.\d+)?): (.*)$/;
const nanoseconds = /^(\d{18,20}) (.*)$/;
const exchangeLine = /^(\S+) (?:<->|<-|->) \d{9,11}(?:\.\d+)?(?:: |$)/;
const settings = /^configuration: \{/;

/** Whether this is a line of a capture. */
export function isCaptureLine(line: string): boolean {
  return [seconds, nanoseconds, exchangeLine, settings].some((pattern) => pattern.test(line));
}

/** Whose frames these are, from the first lines of a capture; null when they do not tell. */
export function exchangeOf(lines: readonly string[]): Exchange | null {
  for (const line of lines) {
    const url = exchangeLine.exec(line)?.[1];
    const frame = frameOf(line)?.frame;
    const found = exchanges.find(({ host, frame: shape }) =>
      url === undefined ? frame !== undefined && shape.test(frame) : host.test(url),
    );
    if (found) return found;
  }
  return null;
}

function frameOf(line: string): { readonly time: string; readonly frame: string } | null {
  const parts = seconds.exec(line) ?? nanoseconds.exec(line);
  return parts && { time: parts[1], frame: parts[2] };
}

export class Capture extends RecordingParser {
  readonly #exchange: Exchange;
  readonly #parseFrame: ParseFrame;
  #records = 0;

  constructor(recording: Recording, exchange: Exchange) {
    super(recording);
    this.#exchange = exchange;
    this.#parseFrame = exchange.parser();
  }

  override parse(window: ByteWindow, into: Observations, rowsMax: number, until: number): void {
    this.due = Number.NEGATIVE_INFINITY;
    const { tradeScope, quoteScope } = this.#exchange;
    into.trades.scope = tradeScope ?? into.trades.scope;
    into.quotes.scope = quoteScope ?? into.quotes.scope;
    const countMax = into.count + rowsMax;
    for (let lines = 0; lines < rowsMax && into.count < countMax; lines++) {
      const end = window.lineEnd(window.at);
      if (end < 0 || !this.#take(window.bytes.subarray(window.at, end), into, until)) break;
      window.at = end;
      this.rows++;
    }
  }

  override define(symbol: string): Instrument {
    const { name } = this.#exchange;
    return {
      symbol,
      name: symbol,
      exchange: name,
      currency: symbol.split(/[-:]/)[1] ?? '',
      assetClass: 'crypto',
      priceIncrement: null,
      sizeIncrement: null,
      calendar: alwaysOpenCalendar,
      source: 'replay',
    };
  }

  /** False when the line is not due yet. */
  #take(bytes: Buffer, into: Observations, until: number): boolean {
    const line = bytes.toString().trimEnd();
    const received = frameOf(line);
    if (!received) {
      const known = line === '' || exchangeLine.test(line) || settings.test(line);
      if (!known) this.reject(into, refusal('bad-row', line), bytes);
      return true;
    }
    const receiveTime = parseEpoch(received.time);
    if (receiveTime === null) {
      this.reject(into, refusal('bad-time', received.time), bytes);
      return true;
    }
    if (receiveTime > until) {
      this.due = receiveTime;
      return false;
    }
    this.paceTime = Math.max(this.paceTime, receiveTime);
    this.#takeFrame(received.frame, receiveTime, into);
    return true;
  }

  #takeFrame(frame: string, receiveTime: Micros, into: Observations): void {
    const { count } = into;
    const firstLetter = into.deadLetters.length;
    const { trades, quotes } = into;
    const [firstTrade, firstQuote] = [trades.count, quotes.count];
    const where = `${this.recording.name}:${this.row}`;
    const number = this.recording.rowsBefore + this.#records + 1;
    this.#parseFrame(frame, receiveTime, into, where, number);
    this.nameLetters(into, firstLetter);
    this.#records += into.count - count;
    this.#see(trades.eventTime.subarray(firstTrade, trades.count));
    this.#see(quotes.eventTime.subarray(firstQuote, quotes.count));
  }

  #see(eventTimes: Float64Array): void {
    for (const eventTime of eventTimes) this.eventTime = Math.max(this.eventTime, eventTime);
  }
}

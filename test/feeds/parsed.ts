// Runs a frame parser over frames and gives back what it saw, as wire objects.

import { type Micros, micros } from '../../src/base/clock.ts';
import { type BarBatch, decodeBars, encodeBars } from '../../src/contracts/bar.ts';
import { decodeQuotes, encodeQuotes, type QuoteBatch } from '../../src/contracts/quote.ts';
import { decodeTrades, encodeTrades, type TradeBatch } from '../../src/contracts/trade.ts';
import { type Quote, quoteAt, type Trade, tradeAt } from '../../src/contracts/wire-objects.ts';
import { Observations } from '../../src/feeds/feed.ts';

export const received: Micros = micros(1_700_000_000_000_000);

type Parse = (frame: string, receiveTime: Micros, into: Observations, where: string) => unknown;

export interface Parsed {
  readonly kinds: readonly unknown[];
  readonly trades: readonly Trade[];
  readonly quotes: readonly Quote[];
  /** Reason codes. */
  readonly refused: readonly string[];
  readonly seen: Observations;
}

export function parsed(parse: Parse, ...frames: readonly unknown[]): Parsed {
  const seen = new Observations('test', 'test');
  const kinds = frames.map((frame, index) => {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame);
    return parse(text, received, seen, `frame ${index + 1}`);
  });
  return { kinds, seen, ...readBack(seen) };
}

/** What a feed saw, as it would stand in the log. */
export interface Seen extends Pick<Observations, 'instruments' | 'heartbeats' | 'deadLetters'> {
  readonly trades: TradeBatch;
  readonly quotes: QuoteBatch;
  readonly bars: BarBatch;
}

/** A copy, for those who read on when the feed goes on in the same memory. */
export function copyOf({ trades, quotes, bars, ...others }: Observations): Seen {
  const copied = {
    trades: decodeTrades(encodeTrades(trades)),
    quotes: decodeQuotes(encodeQuotes(quotes)),
    bars: decodeBars(encodeBars(bars)),
  };
  return { ...others, ...copied };
}

/** The records of a batch as wire objects, without sequences, which are not the feed's to give. */
export function readBack({ trades, quotes, deadLetters }: Seen) {
  const rows = (count: number): number[] => Array.from({ length: count }, (_, row) => row);
  return {
    trades: rows(trades.count).map((row) => tradeAt(trades, row, 0)),
    quotes: rows(quotes.count).map((row) => quoteAt(quotes, row, 0)),
    refused: deadLetters.map(({ reason }) => reason),
  };
}

/** Some fields of every record, in the order asked for. */
export function pick<T>(records: readonly T[], ...fields: readonly (keyof T)[]): unknown[][] {
  return records.map((record) => fields.map((field) => record[field]));
}

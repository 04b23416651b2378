// LEAN's US equity trade ticks: `ms,price x 10000,size,exchange,condition,suspicious`.
// The conditions of a trade are the vendor's hexadecimal flags as written, such as `20002020`; for
// a tick that the vendor marks as suspicious they are `20002020 suspicious`.

import type { TradeColumns } from '../../contracts/trade.ts';
import { productMax } from '../../contracts/wide.ts';
import { type Refusal, refusal } from '../admit.ts';
import type { Observations } from '../feed.ts';
import { Interned } from './interned.ts';
import {
  equityInstrument,
  equityPriceScale,
  fieldsRefusal,
  LeanParser,
  notUnderstood,
} from './lean.ts';
import { newline } from './scan.ts';

interface Tail {
  readonly venue: string;
  readonly conditions: string;
  /** The tag's index, and the batch in which it holds. */
  tag: number;
  batch: TradeColumns | null;
}

const tailPattern = /^([A-Za-z]{1,8}),([0-9A-Fa-f]{1,16}),([01])$/;

export class LeanEquityTrades extends LeanParser {
  readonly #tails = new Interned<Tail | null>(readTail);
  #instrument = 0;

  override define = equityInstrument;

  protected override begin(into: Observations): void {
    into.trades.tape = 'lean';
    this.#instrument = into.trades.instrumentOf(this.symbol, equityPriceScale, 0);
  }

  protected override readRow(into: Observations, eventTime: number, id: number): number {
    const { scan } = this;
    const price = scan.count();
    const size = price < 0 ? -1 : scan.count();
    if (price <= 0 || size <= 0 || price * size > productMax) return notUnderstood;
    const tail = this.#tails.find(scan.bytes, scan.at, newline);
    if (tail === null) return notUnderstood;
    const { trades } = into;
    if (tail.batch !== trades) {
      tail.tag = trades.tagOf(tail.venue, tail.conditions, '');
      tail.batch = trades;
    }
    // The file does not say when a tick was received: the same every time, so that replays agree.
    trades.push(this.#instrument, tail.tag, eventTime, eventTime, price, size, id);
    return this.#tails.end;
  }

  protected override whyNot(fields: readonly string[]): Refusal {
    const [, price, size] = fields;
    if (fields.length === 6) {
      if (!isCount(price)) return refusal('bad-price', price);
      if (!isCount(size)) return refusal('bad-size', size);
      if (Number(price) * Number(size) > productMax) return refusal('too-large', { price, size });
    }
    return fieldsRefusal(fields, 'ms,price,size,exchange,condition,suspicious');
  }
}

function readTail(text: string): Tail | null {
  const parts = tailPattern.exec(text.trimEnd());
  if (!parts) return null;
  const [, venue, flags, suspicious] = parts;
  const conditions = suspicious === '1' ? `${flags} suspicious` : flags;
  return { venue, conditions, tag: 0, batch: null };
}

function isCount(text: string): boolean {
  return /^\d{1,15}$/.test(text) && Number(text) > 0;
}

// LEAN's US equity quote ticks:
// `ms,bid x 10000,bid size,ask x 10000,ask size,exchange,condition,suspicious`, one exchange's best
// bid or ask at a time; the side that the tick does not tell of is zero.

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

const tailPattern = /^[A-Za-z]{1,8},[0-9A-Fa-f]{1,16},[01]$/;

export class LeanEquityQuotes extends LeanParser {
  readonly #tails = new Interned<boolean>((text) => tailPattern.test(text.trimEnd()));
  #instrument = 0;

  override define = equityInstrument;

  protected override begin(into: Observations): void {
    this.#instrument = into.quotes.instrumentOf(this.symbol, equityPriceScale, 0);
  }

  protected override readRow(into: Observations, eventTime: number, id: number): number {
    const { scan } = this;
    const bid = scan.count();
    const bidSize = bid < 0 ? -1 : scan.count();
    const ask = bidSize < 0 ? -1 : scan.count();
    const askSize = ask < 0 ? -1 : scan.count();
    if (askSize < 0 || (bid === 0 && ask === 0)) return notUnderstood;
    if (!this.#tails.find(scan.bytes, scan.at, newline)) return notUnderstood;
    into.quotes.push(
      this.#instrument,
      eventTime,
      eventTime,
      bid,
      bid === 0 ? 0 : bidSize,
      ask,
      ask === 0 ? 0 : askSize,
      id,
    );
    return this.#tails.end;
  }

  protected override whyNot(fields: readonly string[]): Refusal {
    const [, bid, bidSize, ask, askSize] = fields;
    if (fields.length === 8) {
      if (!isCount(bid) || !isCount(ask)) return refusal('bad-price', { bid, ask });
      if (!isCount(bidSize) || !isCount(askSize)) return refusal('bad-size', { bidSize, askSize });
      if (Number(bid) + Number(ask) === 0) return refusal('bad-price', 'neither a bid nor an ask');
    }
    return fieldsRefusal(fields, 'ms,bid,bid size,ask,ask size,exchange,condition,suspicious');
  }
}

function isCount(text: string): boolean {
  return /^\d{1,15}$/.test(text);
}

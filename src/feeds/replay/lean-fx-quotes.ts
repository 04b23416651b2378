// LEAN's FX quote ticks: `ms,bid,ask`, prices as decimals, no sizes. A side that is zero is absent.

import { powerOfTen, scaleMax } from '../../contracts/decimal.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { type Refusal, refusal } from '../admit.ts';
import type { Observations } from '../feed.ts';
import { fieldsRefusal, LeanParser, notUnderstood } from './lean.ts';

export class LeanFxQuotes extends LeanParser {
  #instrument = 0;

  override define(symbol: string): Instrument {
    return {
      symbol,
      name: /^[A-Z]{6}$/.test(symbol) ? `${symbol.slice(0, 3)}/${symbol.slice(3)}` : symbol,
      exchange: '',
      currency: /^[A-Z]{6}$/.test(symbol) ? symbol.slice(3) : '',
      assetClass: 'fx',
      priceIncrement: null,
      sizeIncrement: null,
      calendar: 'FX',
      source: 'replay',
    };
  }

  protected override begin(into: Observations): void {
    this.#instrument = into.quotes.instrumentOf(this.symbol);
  }

  protected override readRow(into: Observations, eventTime: number, id: number): number {
    const { scan } = this;
    const { quotes } = into;
    const bid = scan.decimal(false);
    const bidScale = scan.scale;
    const ask = bid < 0 ? -1 : scan.decimal(true);
    const askScale = scan.scale;
    if (ask < 0 || bid + ask === 0) return notUnderstood;
    const instrument = quotes.instruments[this.#instrument];
    if (bidScale > instrument.priceScale || askScale > instrument.priceScale) {
      if (bidScale > scaleMax || askScale > scaleMax) return notUnderstood;
      const sides = [
        { value: bid, scale: bidScale },
        { value: ask, scale: askScale },
      ];
      if (!quotes.fit(this.#instrument, sides, [])) return notUnderstood;
    }
    const { priceScale } = instrument;
    const bidCount = bid * powerOfTen(priceScale - bidScale);
    const askCount = ask * powerOfTen(priceScale - askScale);
    if (!Number.isSafeInteger(bidCount) || !Number.isSafeInteger(askCount)) return notUnderstood;
    quotes.push(this.#instrument, eventTime, eventTime, bidCount, 0, askCount, 0, id);
    return scan.at;
  }

  protected override whyNot(fields: readonly string[]): Refusal {
    const [, bid, ask] = fields;
    return fields.length === 3 ? refusal('bad-price', { bid, ask }) : fieldsRefusal(fields, layout);
  }
}

const layout = 'ms,bid,ask';

// What the symbol is, its price, and how that has moved today.

import type { Candle, Instrument } from '../api.ts';
import { change } from '../decimal.ts';
import * as format from '../format.ts';
import { Arrow } from '../shell/arrow.tsx';

interface PriceHeadProps {
  readonly instrument: Instrument;
  readonly days: readonly Candle[];
  readonly digits: number;
}

export function PriceHead({ instrument, days, digits }: PriceHeadProps) {
  const { symbol, name, exchange, currency } = instrument;
  const day = days.at(-1);
  const reference = days.at(-2)?.close ?? day?.open;
  const moved = day && reference ? change(day.close, reference) : null;
  const direction = moved?.direction ?? 'flat';
  const of = [name === symbol ? '' : name, exchange, currency].filter((part) => part !== '');
  return (
    <header className="price-head" data-direction={direction}>
      <div className="who">
        <h1>{symbol}</h1>
        <p>{of.join(' · ')}</p>
      </div>
      <p className="last">{format.price(day?.close ?? null, digits)}</p>
      <p className="moved directed">
        <Arrow direction={direction} />
        <span>{format.signed(moved?.amount ?? null, digits)}</span>
        <span>{format.percent(moved?.percent ?? null)}</span>
      </p>
    </header>
  );
}

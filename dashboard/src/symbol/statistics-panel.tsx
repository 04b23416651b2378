// The day in figures, and beside it the days before.

import type { ReactNode } from 'react';
import type { Candle, Instrument } from '../api.ts';
import { compare, position } from '../decimal.ts';
import * as format from '../format.ts';

interface StatisticsProps {
  readonly instrument: Instrument;
  readonly days: readonly Candle[];
  readonly digits: number;
}

export function StatisticsPanel({ instrument, days, digits }: StatisticsProps) {
  const day = days.at(-1);
  const before = days.at(-2);
  const price = (decimal: string | null | undefined): string =>
    format.price(decimal ?? null, digits);
  const [low, high] = [extreme(days, 'low'), extreme(days, 'high')];
  return (
    <section className="panel statistics" aria-label="Statistics">
      <dl>
        <Figure name="Open">{price(day?.open)}</Figure>
        <Figure name="Previous close">{price(before?.close)}</Figure>
        <Figure name="VWAP">{day?.vwap ? format.rounded(day.vwap, digits + 1) : '–'}</Figure>
        <Figure name="Volume">{format.size(day?.volume ?? null)}</Figure>
        <Figure name="Turnover">
          {format.size(day?.notional ?? null)} {day?.notional ? instrument.currency : ''}
        </Figure>
        <Figure name="Trades">{day ? format.count(day.trades) : format.nothing}</Figure>
      </dl>
      <Span name="Day" low={day?.low} high={day?.high} last={day?.close} price={price} />
      {days.length > 1 ? (
        <Span name={`${days.length} days`} low={low} high={high} last={day?.close} price={price} />
      ) : null}
    </section>
  );
}

function Figure({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface SpanProps {
  readonly name: string;
  readonly low: string | undefined;
  readonly high: string | undefined;
  readonly last: string | undefined;
  readonly price: (decimal: string | undefined) => string;
}

function Span({ name, low, high, last, price }: SpanProps) {
  const at = low && high && last ? position(last, low, high) : 0.5;
  return (
    <div className="span">
      <h2 className="minor">{name}</h2>
      <span>{price(low)}</span>
      <span className="range-bar">
        <i style={{ left: `${at * 100}%` }} hidden={!last} />
      </span>
      <span>{price(high)}</span>
    </div>
  );
}

/** The low that is the least, or the high that is the greatest. */
function extreme(days: readonly Candle[], field: 'low' | 'high'): string | undefined {
  const sign = field === 'low' ? -1 : 1;
  const [first, ...others] = days.map((day) => day[field]);
  return others.reduce((most, one) => (compare(one, most ?? one) === sign ? one : most), first);
}

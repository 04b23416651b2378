// The day in figures, live, and beside it what is usual: the statistics that the server keeps.

import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Candle, Instrument } from '../api.ts';
import { compare, position } from '../decimal.ts';
import * as format from '../format.ts';
import { askStatistics } from '../queries.ts';

interface StatisticsProps {
  readonly instrument: Instrument;
  readonly days: readonly Candle[];
  readonly digits: number;
}

export function StatisticsPanel({ instrument, days, digits }: StatisticsProps) {
  const { data: usual } = useQuery(askStatistics(instrument.symbol));
  const day = days.at(-1);
  const before = days.at(-2);
  const price = (decimal: string | null | undefined): string =>
    format.price(decimal ?? null, digits);
  const rounded = (decimal: string | null | undefined): string =>
    decimal ? format.rounded(decimal, digits + 1) : format.nothing;
  const isYear = usual?.yearHigh != null;
  const known = usual?.knownDays ?? 0;
  return (
    <section className="panel statistics" aria-label="Statistics">
      <dl>
        <Figure name="Open">{price(day?.open)}</Figure>
        <Figure name="Previous close">{price(before?.close)}</Figure>
        <Figure name="VWAP">{rounded(day?.vwap)}</Figure>
        <Figure name="Volume">{format.size(day?.volume ?? null)}</Figure>
        <Figure name="Average volume, 30 d">{format.size(usual?.averageVolume ?? null)}</Figure>
        <Figure name="Turnover">
          {format.size(day?.notional ?? null)} {day?.notional ? instrument.currency : ''}
        </Figure>
        <Figure name="Trades">{day ? format.count(day.trades) : format.nothing}</Figure>
        <Figure name="Average spread, 1 h">{rounded(usual?.averageSpread)}</Figure>
        <Figure name="Volatility, annual">
          {format.share(usual?.annualisedVolatility ?? null)}
        </Figure>
      </dl>
      <Span name="Day" low={day?.low} high={day?.high} last={day?.close} price={price} />
      {known > 1 ? (
        <Span
          name={isYear ? '52 weeks' : `${known} days`}
          low={extreme('low', usual?.knownLow, day?.low)}
          high={extreme('high', usual?.knownHigh, day?.high)}
          last={day?.close}
          price={price}
        />
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

/** That of the days, which are asked for now and then, or that of the live day beyond it. */
function extreme(
  field: 'low' | 'high',
  known: string | null | undefined,
  live: string | undefined,
): string | undefined {
  if (!known || !live) return known ?? live;
  return compare(live, known) === (field === 'low' ? -1 : 1) ? live : known;
}

// The figures of the candle that is pointed at, or of the newest, and of the averages there.

import type { IndicatedCandle } from '../api.ts';
import { change } from '../decimal.ts';
import * as format from '../format.ts';
import { averages } from './averages.ts';

interface LegendProps {
  readonly candle: IndicatedCandle | undefined;
  readonly chosen: readonly string[];
  readonly digits: number;
}

export function Legend({ candle, chosen, digits }: LegendProps) {
  const price = (decimal: string | undefined): string => format.price(decimal ?? null, digits);
  const moved = candle ? change(candle.close, candle.open) : null;
  return (
    <div className="legend">
      <dl data-direction={moved?.direction ?? 'flat'}>
        <Figure name="O">{price(candle?.open)}</Figure>
        <Figure name="H">{price(candle?.high)}</Figure>
        <Figure name="L">{price(candle?.low)}</Figure>
        <Figure name="C">{price(candle?.close)}</Figure>
        <div className="directed">
          <dt className="visually-hidden">Change</dt>
          <dd>{format.percent(moved?.percent ?? null)}</dd>
        </div>
        <Figure name="Vol">{format.size(candle?.volume ?? null)}</Figure>
      </dl>
      <dl className="legend-averages">
        {averages
          .filter(({ indicator }) => chosen.includes(indicator))
          .map(({ indicator, label, lines, color }) => (
            <div key={indicator}>
              <dt>
                <i className="swatch" style={{ background: `var(${color})` }} />
                {label}
              </dt>
              {lines.map((line) => (
                <dd key={line}>{average(candle, indicator, line, digits)}</dd>
              ))}
            </div>
          ))}
      </dl>
    </div>
  );
}

function Figure({ name, children }: { readonly name: string; readonly children: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function average(
  candle: IndicatedCandle | undefined,
  indicator: string,
  line: string,
  digits: number,
): string {
  const value = candle?.indicators?.[indicator]?.[line];
  return value === undefined ? format.nothing : format.rounded(String(value), digits);
}

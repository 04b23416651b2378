// One symbol's line. It draws itself anew when its day has changed, and nothing else then.

import { Link } from '@tanstack/react-router';
import { memo, useEffect, useRef } from 'react';
import type { Instrument } from '../api.ts';
import { position } from '../decimal.ts';
import * as format from '../format.ts';
import { Arrow } from '../shell/arrow.tsx';
import { flash } from './flash.ts';
import { type Day, type Market, useDay } from './market.ts';
import { Sparkline } from './sparkline.tsx';

interface MarketRowProps {
  readonly market: Market;
  readonly instrument: Instrument;
  readonly index: number;
  readonly isScrolling: boolean;
}

export const MarketRow = memo(function MarketRow({
  market,
  instrument: { symbol, name, priceIncrement },
  index,
  isScrolling,
}: MarketRowProps) {
  const day = useDay(market, symbol);
  const digits = format.priceDigits(priceIncrement);
  return (
    <tr aria-rowindex={index + 2} data-direction={day?.trend ?? 'flat'}>
      <th scope="row" className="c-symbol">
        <Link to="/symbols/$symbol" params={{ symbol }}>
          <b>{symbol}</b>
          <span>{name === symbol ? '' : name}</span>
        </Link>
      </th>
      <LastPrice day={day} digits={digits} />
      <td className="c-change directed">{format.signed(day?.change ?? null, digits)}</td>
      <td className="c-percent directed">
        <Arrow direction={day?.trend ?? 'flat'} />
        {format.percent(day?.changePercent ?? null)}
      </td>
      <td className="c-spark">
        <Sparkline symbol={symbol} last={day?.last ?? null} isWaiting={isScrolling} />
      </td>
      <td className="c-range">
        <Range day={day} digits={digits} />
      </td>
      <td className="c-volume">{format.size(day?.dayVolume ?? null)}</td>
    </tr>
  );
});

interface Priced {
  readonly day: Day | undefined;
  readonly digits: number;
}

function LastPrice({ day, digits }: Priced) {
  const figure = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (day && figure.current) flash(figure.current, day.tick);
  }, [day]);
  return (
    <td className="c-last">
      <span ref={figure}>{format.price(day?.last ?? null, digits)}</span>
    </td>
  );
}

function Range({ day, digits }: Priced) {
  if (!day || day.last === null || day.dayLow === null || day.dayHigh === null) return null;
  const at = position(day.last, day.dayLow, day.dayHigh);
  return (
    <span className="range">
      <span>{format.price(day.dayLow, digits)}</span>
      <span className="range-bar">
        <i style={{ left: `${at * 100}%` }} />
      </span>
      <span>{format.price(day.dayHigh, digits)}</span>
    </span>
  );
}

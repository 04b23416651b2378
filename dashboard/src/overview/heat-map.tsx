// The market as a heat map: a tile for each symbol, its size by what was turned over today, its
// colour in seven steps by the change. Tiles keep their place while the market moves: sizes are
// taken anew once a minute.

import { Link } from '@tanstack/react-router';
import { memo, type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import type { Instrument } from '../api.ts';
import * as format from '../format.ts';
import { type Market, useDay } from './market.ts';
import { type Tile, treemap } from './treemap.ts';

const sizesMs = 60_000;
/** Sizes are asked for more often until days are known. */
const firstMs = 250;
/** Bounds of the steps, in percent. */
const bounds = [-2, -1, -0.1, 0.1, 1, 2];

interface HeatMapProps {
  readonly market: Market;
  readonly instruments: readonly Instrument[];
}

export function HeatMap({ market, instruments }: HeatMapProps) {
  const frame = useRef<HTMLDivElement>(null);
  const size = useSize(frame);
  const weights = useWeights(market, instruments);
  const tiles = useMemo(() => treemap(weights, size.width, size.height), [weights, size]);
  return (
    <>
      <div className="heat" ref={frame}>
        <ul aria-label="Symbols by turnover, greatest first, live">
          {tiles.map((tile) => (
            <HeatTile key={tile.item.symbol} market={market} tile={tile} />
          ))}
        </ul>
      </div>
      <Legend />
    </>
  );
}

const HeatTile = memo(function HeatTile({
  market,
  tile: { item, x, y, width, height },
}: {
  readonly market: Market;
  readonly tile: Tile<Instrument>;
}) {
  const { symbol, name } = item;
  const day = useDay(market, symbol);
  const percent = day?.changePercent ?? null;
  const text = format.percent(percent);
  const hasCode = width >= 8 * symbol.length + 10 && height >= 20;
  return (
    <li style={{ transform: `translate(${x}px, ${y}px)`, width, height }} data-step={step(percent)}>
      <Link
        to="/symbols/$symbol"
        params={{ symbol }}
        aria-label={`${symbol} ${text}`}
        title={`${name}  ${text}`}
        data-size={width >= 120 && height >= 72 ? 'large' : 'small'}
      >
        {hasCode ? <b>{symbol}</b> : null}
        {hasCode && width >= 62 && height >= 38 ? <span>{text}</span> : null}
      </Link>
    </li>
  );
});

function Legend() {
  const labels = ['under −2%', '', '', 'unchanged', '', '', 'over +2%'];
  return (
    <p className="heat-legend">
      {labels.map((label, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the steps are what they are
        <span key={index}>
          <i data-step={index} />
          {label}
        </span>
      ))}
      <span>size: turnover today</span>
    </p>
  );
}

function step(percent: string | null): number {
  const value = Number(percent ?? 0);
  return bounds.filter((bound) => value >= bound).length;
}

function useWeights(market: Market, instruments: readonly Instrument[]) {
  const [weights, setWeights] = useState<readonly { item: Instrument; weight: number }[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const weigh = (): void => {
      const next = instruments.map((item) => {
        const day = market.get(item.symbol);
        // Among those of a day that begins, each has a place.
        return { item, weight: day ? Number(day.last) * Number(day.dayVolume) || 1 : 0 };
      });
      const isKnown = next.some(({ weight }) => weight > 0);
      setWeights(next);
      timer = setTimeout(weigh, isKnown ? sizesMs : firstMs);
    };
    weigh();
    return () => clearTimeout(timer);
  }, [market, instruments]);
  return weights;
}

function useSize(frame: RefObject<HTMLElement | null>) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return size;
}

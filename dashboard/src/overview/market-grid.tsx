// The market as a list: only the lines in sight are drawn, of however many symbols there are.

import { getRouteApi } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useRef } from 'react';
import type { OverviewSearch } from '../addresses.ts';
import type { Instrument } from '../api.ts';
import { useMedia } from '../shell/media.ts';
import { columns } from './columns.ts';
import type { Market } from './market.ts';
import { MarketRow } from './market-row.tsx';

const route = getRouteApi('/');
const skeletons = Array.from({ length: 12 }, (_, index) => index);

interface MarketGridProps {
  readonly market: Market;
  readonly instruments: readonly Instrument[];
  readonly isPending: boolean;
  /** Whether lines are pointed at or have the focus. */
  readonly onHold: (isHeld: boolean) => void;
}

export function MarketGrid({ market, instruments, isPending, onHold }: MarketGridProps) {
  const frame = useRef<HTMLDivElement>(null);
  const isPhone = useMedia('(max-width: 44rem)');
  const rowHeight = isPhone ? 56 : 38;
  const virtual = useVirtualizer({
    count: instruments.length,
    getScrollElement: () => frame.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => instruments[index]?.symbol ?? index,
    overscan: 6,
  });
  const rows = virtual.getVirtualItems();
  const before = rows[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (rows.at(-1)?.end ?? 0);
  return (
    <div className="grid-frame" ref={frame}>
      <table
        className="markets"
        aria-label="Symbols, live"
        aria-rowcount={instruments.length + 1}
        onMouseEnter={() => onHold(true)}
        onMouseLeave={() => onHold(false)}
        onFocus={() => onHold(true)}
        onBlur={() => onHold(false)}
        onKeyDown={(event) => move(event, (index) => virtual.scrollToIndex(index))}
      >
        <Head />
        <tbody>
          <Spacer height={before} />
          {rows.map(({ key, index }) => {
            const instrument = instruments[index];
            if (!instrument) return null;
            return (
              <MarketRow
                key={key}
                market={market}
                instrument={instrument}
                index={index}
                isScrolling={virtual.isScrolling}
              />
            );
          })}
          {isPending ? skeletons.map((one) => <SkeletonRow key={one} />) : null}
          <Spacer height={after} />
        </tbody>
      </table>
    </div>
  );
}

function Head() {
  const { sort = 'symbol', descending = false } = route.useSearch();
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map(({ key, label, hint }) => {
          const isSorted = key === sort;
          const direction = descending ? 'descending' : 'ascending';
          if (key === 'spark' || key === 'range') {
            return (
              <th key={key} scope="col" className={`c-${key}`} title={hint}>
                {label}
              </th>
            );
          }
          // The first click on a figure brings the greatest to the top.
          const next = isSorted ? !descending : key !== 'symbol';
          return (
            <th
              key={key}
              scope="col"
              className={`c-${key}`}
              title={hint}
              aria-sort={isSorted ? direction : undefined}
            >
              <route.Link
                to="/"
                replace
                className="sort"
                search={(search: OverviewSearch) => ({
                  ...search,
                  sort: key,
                  descending: next ? true : undefined,
                })}
              >
                {label}
              </route.Link>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

/** Arrows go from line to line, beyond those that are drawn too. */
function move(event: KeyboardEvent, scrollTo: (index: number) => void): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = event.target instanceof Element ? event.target.closest('tbody tr') : null;
  if (step === undefined || !row) return;
  event.preventDefault();
  const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  const link = next?.querySelector('a');
  const index = Number(link?.closest('tr')?.getAttribute('aria-rowindex')) - 2;
  if (!link || index < 0) return;
  link.focus({ preventScroll: true });
  scrollTo(index);
}

function Spacer({ height }: { readonly height: number }) {
  if (height <= 0) return null;
  return (
    <tr className="spacer" style={{ height }}>
      <td colSpan={columns.length} />
    </tr>
  );
}

function SkeletonRow() {
  return (
    <tr className="skeleton">
      {columns.map(({ key }) => (
        <td key={key} className={`c-${key}`}>
          <i />
        </td>
      ))}
    </tr>
  );
}

// Above the market: how it stands in one line, which symbols are shown, and as what.

import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { moves, type OverviewSearch } from '../addresses.ts';
import type { Instrument } from '../api.ts';
import * as format from '../format.ts';
import { Arrow } from '../shell/arrow.tsx';
import { useShortcut } from '../shell/keys.ts';
import type { Market } from './market.ts';

const route = getRouteApi('/');
const countMs = 500;

interface ToolbarProps {
  readonly market: Market;
  readonly instruments: readonly Instrument[];
  readonly shownCount: number;
}

export function Toolbar({ market, instruments, shownCount }: ToolbarProps) {
  const { view, moved = 'all', find = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const filter = useRef<HTMLInputElement>(null);
  const counts = useCounts(market, instruments);
  const set = (change: Partial<OverviewSearch>): void =>
    void navigate({ search: (search) => ({ ...search, ...change }), replace: true });
  const turn = (): void => set({ view: view === 'heat' ? undefined : 'heat' });
  useShortcut('f', () => filter.current?.focus());
  useShortcut('h', turn);
  return (
    <div className="toolbar">
      <h1>Markets</h1>
      <ToggleGroup
        className="toggles moved"
        aria-label="Which symbols"
        value={[moved]}
        onValueChange={([value = 'all']) =>
          set({ moved: value === 'all' ? undefined : (value as OverviewSearch['moved']) })
        }
      >
        {moves.map((one) => (
          <Toggle key={one} value={one} title={hints[one]} className={`moved-${one}`}>
            {one === 'up' || one === 'down' ? <Arrow direction={one} /> : null}
            <span className={one === 'all' ? '' : 'moved-name'}>{names[one]}</span>
            <span className="count">{format.count(counts[one])}</span>
          </Toggle>
        ))}
      </ToggleGroup>
      <input
        ref={filter}
        type="search"
        className="filter"
        placeholder="Filter"
        aria-label="Filter symbols and names"
        aria-keyshortcuts="f"
        value={find}
        onChange={({ target }) => set({ find: target.value || undefined })}
        onKeyDown={({ key, currentTarget }) => key === 'Escape' && currentTarget.blur()}
      />
      <span className="shown" role="status">
        {shownCount === instruments.length ? '' : `${format.count(shownCount)} shown`}
      </span>
      <ToggleGroup
        className="toggles"
        aria-label="Show as"
        value={[view ?? 'list']}
        onValueChange={([value]) => set({ view: value === 'heat' ? 'heat' : undefined })}
      >
        <Toggle value="list">List</Toggle>
        <Toggle value="heat">Heat map</Toggle>
      </ToggleGroup>
    </div>
  );
}

const names = { all: 'All', up: 'Up', down: 'Down', flat: 'Same' } as const;
const hints = {
  all: 'All symbols',
  up: 'Those above their last close',
  down: 'Those below their last close',
  flat: 'Those at their last close',
} as const;

type Counts = Readonly<Record<(typeof moves)[number], number>>;

function useCounts(market: Market, instruments: readonly Instrument[]): Counts {
  const [counts, setCounts] = useState<Counts>({ all: 0, up: 0, down: 0, flat: 0 });
  useEffect(() => {
    const count = (): void => {
      const next = { all: instruments.length, up: 0, down: 0, flat: 0 };
      for (const { symbol } of instruments) {
        const day = market.get(symbol);
        if (day && day.last !== null) next[day.trend]++;
      }
      setCounts((shown) => (moves.every((one) => shown[one] === next[one]) ? shown : next));
    };
    count();
    const timer = setInterval(count, countMs);
    return () => clearInterval(timer);
  }, [market, instruments]);
  return counts;
}

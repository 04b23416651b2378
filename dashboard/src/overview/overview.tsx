// The market overview: every symbol live, as a list or as a heat map, sorted and filtered by what
// the address says.

import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import type { OverviewSearch } from '../addresses.ts';
import type { Instrument } from '../api.ts';
import { askInstruments } from '../queries.ts';
import { matches } from '../search.ts';
import { Notice, ProblemNotice } from '../shell/notice.tsx';
import { useTitle } from '../shell/title.ts';
import { sorted } from './columns.ts';
import { HeatMap } from './heat-map.tsx';
import { Market, useTrouble } from './market.ts';
import { MarketGrid } from './market-grid.tsx';
import { Toolbar } from './toolbar.tsx';
import './overview.css';

const route = getRouteApi('/');
const sortMs = 2_000;
const none: readonly Instrument[] = [];

export function Overview() {
  const search = route.useSearch();
  const [market] = useState(() => new Market());
  const { data: instruments = none, failureReason, isPending } = useQuery(askInstruments);
  const trouble = useTrouble(market);
  const [isHeld, hold] = useState(false);
  // Tiles are in the order of their sizes.
  const order = search.view === 'heat' ? { ...search, sort: undefined } : search;
  const shown = useShown(market, instruments, order, isHeld);
  useTitle('Markets');
  useEffect(() => market.run(), [market]);
  const error = failureReason ?? trouble;
  return (
    <section className="overview" aria-label="Markets">
      <Toolbar market={market} instruments={instruments} shownCount={shown.length} />
      {error ? <ProblemNotice error={error} /> : null}
      {!isPending && instruments.length === 0 ? <NothingYet /> : null}
      {instruments.length > 0 && shown.length === 0 ? <NoMatch /> : null}
      {search.view === 'heat' ? (
        <HeatMap market={market} instruments={shown} />
      ) : (
        <MarketGrid market={market} instruments={shown} isPending={isPending} onHold={hold} />
      )}
    </section>
  );
}

/** What the filters leave, in order; while lines are pointed at or have the focus, they stay. */
function useShown(
  market: Market,
  instruments: readonly Instrument[],
  { sort = 'symbol', descending = false, moved = 'all', find = '' }: OverviewSearch,
  isHeld: boolean,
): readonly Instrument[] {
  const [round, setRound] = useState(0);
  const dependsOnDay = sort !== 'symbol' || moved !== 'all';
  useEffect(() => {
    if (isHeld || !dependsOnDay) return;
    const timer = setInterval(() => setRound((count) => count + 1), sortMs);
    return () => clearInterval(timer);
  }, [isHeld, dependsOnDay]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each round days have moved on
  return useMemo(() => {
    const dayOf = (symbol: string) => market.get(symbol);
    const found = matches(instruments, find);
    const kept =
      moved === 'all' ? found : found.filter(({ symbol }) => dayOf(symbol)?.trend === moved);
    return sorted(kept, dayOf, sort, descending);
  }, [market, instruments, sort, descending, moved, find, round]);
}

function NothingYet() {
  return (
    <Notice
      title="No symbols yet"
      cure={
        <>
          <route.Link to="/pipeline">Pipeline</route.Link> has the state of each feed. This page
          goes on by itself.
        </>
      }
    >
      Tapeline runs, but no feed has brought an instrument so far.
    </Notice>
  );
}

function NoMatch() {
  return (
    <Notice
      title="Nothing matches"
      cure={
        <route.Link
          to="/"
          search={(search: OverviewSearch) => ({ ...search, find: undefined, moved: undefined })}
        >
          Show all symbols
        </route.Link>
      }
    >
      No symbol is left by this filter.
    </Notice>
  );
}
